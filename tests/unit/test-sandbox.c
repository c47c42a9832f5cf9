/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying what the sandboxes forbid, from inside them.
 *
 * Each attempt runs in a process of its own that first enters the sandbox by the very function that
 * the program calls. The same attempt without the sandbox must succeed: otherwise its failing
 * inside would prove nothing. What a machine does not have (a kernel without io_uring, a user who
 * is not root) is passed over, since there is nothing to forbid.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers-fetch/device/sandbox.h"
#include "drivers-fetch/sandbox.h"
#include "host/channel/channel.h"
#include "host/spool/spooler-ipp.h"
#include "proto/base/sandbox.h"
#include "tests/unit/attempts.h"

static void put_file(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/there", dir);
	(void)close(open(path, O_WRONLY | O_CREAT, 0600));
}

/* What became of it inside (outside: enter is NULL): 0, errno, KILLED, or minus another signal. */
static int outcome(const struct attempt *attempt, int (*enter)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		put_file();
		if (attempt->try == try_mount && unshare(CLONE_NEWNS) < 0)
			_exit(errno);
		if (attempt->try == try_mount)
			(void)mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
		if (enter && enter() < 0)
			_exit(255);
		_exit(attempt->try());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
	ck_assert_int_ne(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static bool is_refusal(int what)
{
	return what == KILLED || what == EPERM || what == EACCES || what == ENOSYS ||
	       what == EAFNOSUPPORT || what == ENOMEM || what == EMFILE;
}

/* Whether there is something to forbid. */
static bool succeeds_outside(const struct attempt *attempt)
{
	int what = outcome(attempt, NULL);

	if (attempt->flags & NOT_ALWAYS && is_refusal(what))
		return false;
	ck_assert_msg(what == 0, "%s: ends with %d outside", attempt->name, what);
	return true;
}

static void refuses(int i, unsigned int who, int (*enter)(void))
{
	const struct attempt *attempt = &attempts[i];
	int what;

	if (!(attempt->flags & who) || !succeeds_outside(attempt))
		return;
	what = outcome(attempt, enter);
	ck_assert_msg(is_refusal(what), "%s: ends with %d inside", attempt->name, what);
	if (who == CHANNEL && attempt->try != try_memory)
		ck_assert_msg(what == KILLED, "%s: ends with %d inside", attempt->name, what);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("TMPDIR", store, 1), 0); /* ours is none of those to write in */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	passed = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_ge(passed, 0);
}

static void teardown(void)
{
	static const char *const left[] = {"there", "made", "bound", "socket"};
	char path[64];

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* platen-channel is killed for each of them. */
START_TEST(test_channel)
{
	refuses(_i, CHANNEL, channel_sandbox);
}
END_TEST

START_TEST(test_device)
{
	refuses(_i, DEVICE, device_sandbox);
}
END_TEST

/* platen-spool has unix sockets and files to read, and nothing more. */
START_TEST(test_spool)
{
	refuses(_i, SPOOL, spool_sandbox);
}
END_TEST

START_TEST(test_spool_may)
{
	static int (*const may[])(void) = {
		try_open, try_openat, try_stat, try_socket_unix, try_connect};
	struct attempt attempt = {"what it needs", may[_i], 0};

	ck_assert_int_eq(outcome(&attempt, spool_sandbox), 0);
}
END_TEST

/* What serves no cupsd has not even these. */
START_TEST(test_sync)
{
	refuses(_i, SPOOL, sync_sandbox);
}
END_TEST

static int document; /* that it was handed */

static int try_read(void)
{
	char byte;

	return TELL((int)read(document, &byte, 1));
}

static int try_map(void)
{
	return mmap(NULL, 1, PROT_READ, MAP_PRIVATE, document, 0) == MAP_FAILED ? errno : 0;
}

static int try_sync(void)
{
	struct stat st;

	if (fstat(document, &st) < 0 || fsync(document) < 0)
		return errno;
	return TELL(sync_file_range(document, 0, 1, SYNC_FILE_RANGE_WRITE));
}

START_TEST(test_sync_only_syncs)
{
	static const struct attempt refused[] = {{"read", try_read, 0}, {"mmap", try_map, 0},
		{"open", try_open, 0}, {"openat", try_openat, 0}, {"socket", try_socket_unix, 0},
		{"connect", try_connect, 0}};
	struct attempt may = {"what it is for", try_sync, 0};
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fputc('x', file), 'x');
	rewind(file);
	document = fileno(file);
	ck_assert_int_eq(outcome(&refused[_i], NULL), 0);
	ck_assert_int_eq(lseek(document, 0, SEEK_SET), 0);
	ck_assert_int_eq(outcome(&refused[_i], sync_sandbox), EPERM);
	ck_assert_int_eq(outcome(&may, sync_sandbox), 0);
	(void)fclose(file);
}
END_TEST

static int fetch_server(void)
{
	struct fetch_get get = {
		.device_uri = "ipp://127.0.0.1/printers/x", .sources = {FETCH_SERVER}};

	return fetch_sandbox(store, &get);
}

static int fetch_file(void)
{
	return fetch_sandbox(store, NULL);
}

static int fetch_kerberos(void)
{
	struct fetch_get get = {.device_uri = "ipps://127.0.0.1/printers/x",
		.sources = {FETCH_SERVER},
		.negotiate = 1};

	return fetch_sandbox(store, &get);
}

static int fetch_smb(void)
{
	struct fetch_get get = {.device_uri = "smb://server/x", .sources = {FETCH_SERVER}};

	return fetch_sandbox(store, &get);
}

/* What folders forbid, only a kernel with landlock(7) refuses. */
static bool is_of_paths(const struct attempt *attempt)
{
	return attempt->try == try_make_file || attempt->try == try_unlink ||
	       attempt->try == try_execve;
}

/* platen-fetch has the internet, and no other way out. */
START_TEST(test_fetch)
{
	if (sandbox_has_paths() || !is_of_paths(&attempts[_i]))
		refuses(_i, FETCH, fetch_server);
}
END_TEST

START_TEST(test_fetch_by_hand)
{
	if (sandbox_has_paths() || !is_of_paths(&attempts[_i]))
		refuses(_i, BY_HAND, fetch_file);
}
END_TEST

START_TEST(test_fetch_may)
{
	static const struct {
		int (*try)(void), (*enter)(void);
	} may[] = {{try_openat, fetch_server}, {try_socket_inet, fetch_server},
		{try_fork, fetch_server}, {try_execve, fetch_smb}, {try_openat, fetch_file}};
	struct attempt attempt = {"what it needs", may[_i].try, 0};

	ck_assert_int_eq(outcome(&attempt, may[_i].enter), 0);
}
END_TEST

/* The kernel reads a family's lower half: what stands above it does not slip through. */
static int try_disguised(void)
{
	return TELL((int)syscall(SYS_socket, 0x100000000UL + AF_UNIX, SOCK_STREAM, 0));
}

/* A pair is no way to a socket elsewhere. */
static int try_pair_elsewhere(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return errno;
	return TELL(connect(fds[0], (struct sockaddr *)&address, sizeof(address)));
}

START_TEST(test_fetch_ways_round)
{
	struct attempt disguised = {"a disguised family", try_disguised, 0};
	struct attempt pair = {"a pair", try_pair_elsewhere, 0};
	struct attempt unix_socket = {"a unix socket", try_socket_unix, 0};

	ck_assert_int_eq(outcome(&disguised, NULL), 0);
	ck_assert_int_eq(outcome(&disguised, fetch_server), EPERM);
	ck_assert_int_eq(outcome(&pair, fetch_server), EISCONN);
	/* Tickets and samba are no reason; root by hand has samba's own sockets. */
	ck_assert_int_eq(outcome(&unix_socket, fetch_kerberos), EPERM);
	ck_assert_int_eq(outcome(&unix_socket, fetch_smb), geteuid() ? EPERM : 0);
}
END_TEST

/* What a channel does all day: reads, writes, waits, has memory and gives it back. */
static int live(void)
{
	char bytes[100] = "";
	int fds[2];

	if (pipe(fds) < 0 || channel_sandbox() < 0)
		return 1;
	for (int i = 0; i < 100; i++) {
		struct pollfd p = {.fd = fds[0], .events = POLLIN};
		char *memory = malloc((size_t)i * 20000 + 1);

		if (!memory || write(fds[1], bytes, sizeof(bytes)) != sizeof(bytes) ||
			poll(&p, 1, 1000) != 1 || read(fds[0], memory, 1) != 1 ||
			read(fds[0], bytes, sizeof(bytes) - 1) != sizeof(bytes) - 1)
			return 2;
		free(memory);
	}
	return fprintf(stderr, "a line\n") == 7 ? 0 : 3;
}

START_TEST(test_channel_lives)
{
	struct attempt nothing = {"life", live, 0};

	ck_assert_int_eq(outcome(&nothing, NULL), 0);
}
END_TEST

/* Nobody of its user reads its memory: what is its own under /proc is then root's. */
START_TEST(test_not_dumpable)
{
	for (int in = 0; in < 2 && geteuid() == 0; in++) {
		int ready[2];
		struct stat st;
		char path[64], byte;
		pid_t pid;

		ck_assert_int_eq(pipe(ready), 0);
		pid = fork();
		if (pid == 0) {
			if (setuid(65534) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ||
				(in && channel_sandbox() < 0) || write(ready[1], "", 1) != 1)
				_exit(1);
			for (;;)
				(void)poll(NULL, 0, -1);
		}
		(void)close(ready[1]);
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_uid, in ? 0 : 65534);
		(void)kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		(void)close(ready[0]);
	}
}
END_TEST

/* What valgrind itself needs the filters refuse. */
static bool is_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "vgpreload");
}

static TCase *walls(void)
{
	TCase *tcase = tcase_create("walls");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_channel, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_device, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_spool, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_spool_may, 0, 5);
	tcase_add_loop_test(tcase, test_sync, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_sync_only_syncs, 0, 6);
	tcase_add_loop_test(tcase, test_fetch, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_fetch_by_hand, 0, ATTEMPTS);
	tcase_add_loop_test(tcase, test_fetch_may, 0, 5);
	tcase_add_test(tcase, test_fetch_ways_round);
	tcase_add_test(tcase, test_not_dumpable);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");
	SRunner *runner = srunner_create(suite);
	int failed = 0;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_channel_lives);
	suite_add_tcase(suite, tcase);
	if (sandbox_has_filter()) /* a sanitizer leaves it out */
		suite_add_tcase(suite, walls());
	if (!is_valgrind())
		srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
