/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-install's filter, from inside of the package manager that it starts: this program, called
 * with a package's path, is that package manager. It runs by this machine's own numbers of calls,
 * so that tests/lab/test_cross.py can try it on another kind of machine. What else is handed down,
 * and answers of package managers: tests/integration/test_install.py.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/install/install.h"
#include "proto/base/text.h"

static const char package[] = "a package";
static char own[256]; /* this program's path */

/* Each is made so that without the filter it would fail with another error and change nothing. */
static long forbidden(int i, const char **ret_name)
{
	static const char *const names[] = {"init_module", "reboot", "swapoff", "clock_settime",
		"mount", "umount", "ptrace", "setns", "bpf"};

	*ret_name = names[i];
	switch (i) {
	case 0: return syscall(SYS_init_module, NULL, 0, NULL);
	case 1: return syscall(SYS_reboot, 0, 0, 0, NULL);
	case 2: return syscall(SYS_swapoff, "/nonexistent");
	case 3: return syscall(SYS_clock_settime, 99, NULL);
	case 4: return mount("none", "/nonexistent", "none", 0, NULL);
	case 5: return umount2("/nonexistent", 0);
	case 6: return syscall(SYS_ptrace, 7 /* PTRACE_CONT */, 1, NULL, NULL);
	case 7: return syscall(SYS_setns, -1, 0);
	default: return syscall(SYS_bpf, 9999, NULL, 0);
	}
}

/* Ends with 0 if what is to be refused is, and nothing else. */
static int be_the_package_manager(const char *path)
{
	const char *name;
	int fd;

	for (int i = 0; i < 9; i++) {
		errno = 0;
		if (forbidden(i, &name) < 0 && errno == EPERM)
			continue;
		printf("E: %s ends with %s\n", name, strerror(errno));
		return 1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || close(fd) < 0 || chown("/nonexistent", 0, 0) == 0 || errno != ENOENT) {
		printf("E: what an installation needs ends with %s\n", strerror(errno));
		return 1;
	}
	puts("what is to be refused was"); /* which platen-install logs */
	return 0;
}

static void ask(const char *path, struct install_result *ret_result)
{
	struct install_request request = {
		.head = {.type = INSTALL_PACKAGE, .size = sizeof(request)}};
	struct sha256_ctx sha;
	int ends[2], fd = -1, status;
	pid_t pid;

	sha256_init(&sha);
	sha256_update(&sha, strlen(package), (const uint8_t *)package);
	sha256_digest(&sha, sizeof(request.sha256), request.sha256);
	(void)snprintf(request.path, sizeof(request.path), "%s", path);
	ck_assert_int_eq(text_copy(request.manager, sizeof(request.manager), own), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (dup2(ends[1], IPC_FD) < 0 || fcntl(IPC_FD, F_SETFD, 0) < 0)
			_exit(126);
		(void)execl(TEST_BINARY_DIR "/platen-install", "platen-install", NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	ck_assert_int_eq(ipc_send(ends[0], &request, -1), 0);
	ck_assert_int_eq(
		ipc_recv(ends[0], ret_result, sizeof(*ret_result), &fd), (int)sizeof(*ret_result));
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(test_filter)
{
	char path[] = "/tmp/platen-install-XXXXXX.deb";
	struct install_result result;
	int fd;

	if (geteuid() != 0 || access("/run/systemd/system", F_OK) == 0)
		return; /* systemd would start it, with a filter of its own */
	ck_assert_int_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	ck_assert_uint_lt(strlen(own), sizeof(((struct install_request *)0)->manager));
	fd = mkstemps(path, 4);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, package, strlen(package)), (ssize_t)strlen(package));
	(void)close(fd);
	ask(path, &result);
	(void)unlink(path);
	ck_assert_msg(result.error == 0, "%d: %s", result.error, result.text);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("install");
	TCase *tc = tcase_create("install");
	SRunner *runner;
	int failed;

	if (argc == 2 && strstr(argv[1], "/platen-install-")) {
		failed = be_the_package_manager(argv[1]);
		(void)fflush(stdout);
		_exit(failed);
	}
	tcase_add_test(tc, test_filter);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
