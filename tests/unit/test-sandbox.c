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
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers-fetch/device/sandbox.h"
#include "drivers-fetch/sandbox.h"
#include "host/channel/channel.h"
#include "host/spool/spooler-ipp.h"
#include "proto/base/sandbox.h"

#define KILLED	   (-1) /* by SIGSYS */
#define TELL(call) ((call) < 0 ? errno : 0)

enum {
	CHANNEL = 1,
	DEVICE = 2,
	SPOOL = 4,
	FETCH = 8,	 /* from a server or a device */
	BY_HAND = 16,	 /* what an admin gave: no connection at all */
	NOT_ALWAYS = 64, /* the machine may not have it, or give it to root only */
};

struct attempt {
	const char *name;
	int (*try)(void);   /* 0 when it succeeded, or errno */
	unsigned int flags; /* who may not, and NOT_ALWAYS */
};

static const char store[] = "/tmp/test-sandbox.store"; /* is not there */
static char dir[] = "/tmp/test-sandbox.XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listener = -1, passed = -1; /* a socket that is there from before */

static int try_open(void)
{
#ifdef SYS_open /* younger machines have openat(2) only */
	return TELL((int)syscall(SYS_open, "/etc/passwd", O_RDONLY));
#else
	return TELL(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
#endif
}

static int try_openat(void)
{
	return TELL(openat(AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int try_make_file(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/made", dir);
	return TELL(open(path, O_WRONLY | O_CREAT, 0600));
}

static int try_unlink(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/there", dir);
	return TELL(unlink(path));
}

static int try_stat(void)
{
	struct stat st;

	return TELL(stat("/etc/passwd", &st));
}

static int try_own_memory(void)
{
	return TELL(open("/proc/self/mem", O_RDWR));
}

static int try_socket_unix(void)
{
	return TELL(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_socket_inet(void)
{
	return TELL(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_socketpair(void)
{
	int fds[2];

	return TELL(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

static int try_connect(void)
{
	return TELL(connect(passed, (struct sockaddr *)&address, sizeof(address)));
}

static int try_bind(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/bound", dir);
	return TELL(bind(passed, (struct sockaddr *)&name, sizeof(name)));
}

static int try_listen(void)
{
	return TELL(listen(listener, 1));
}

static int try_execve(void)
{
	char *argv[] = {(char[]){"/bin/true"}, NULL}, *env[] = {NULL};

	return TELL(execve(argv[0], argv, env));
}

static int try_execveat(void)
{
	char *argv[] = {(char[]){"/bin/true"}, NULL}, *env[] = {NULL};

	return TELL((int)syscall(SYS_execveat, AT_FDCWD, argv[0], argv, env, 0));
}

static int waited(pid_t pid)
{
	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : TELL(waitpid(pid, NULL, 0));
}

static int try_fork(void)
{
	return waited(fork());
}

static int try_clone(void)
{
	return waited((pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int try_clone3(void)
{
	uint64_t args[8] = {[4] = SIGCHLD};

	return waited((pid_t)syscall(SYS_clone3, args, sizeof(args)));
}

static int try_kill(void)
{
	return TELL(kill(getppid(), 0));
}

static int try_tgkill(void)
{
	return TELL((int)syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_pidfd(void)
{
	return TELL((int)syscall(SYS_pidfd_open, getppid(), 0));
}

static int try_ptrace(void)
{
	return TELL((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_vm_readv(void)
{
	static char from[8], to[8];
	struct iovec remote = {from, sizeof(from)}, local = {to, sizeof(to)};

	return TELL((int)process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

static int try_vm_writev(void)
{
	static char from[8], to[8];
	struct iovec remote = {to, sizeof(to)}, local = {from, sizeof(from)};

	return TELL((int)process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
}

static int try_code(void)
{
	void *p = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int try_mprotect(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	return TELL(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int try_memfd(void)
{
	return TELL((int)syscall(SYS_memfd_create, "x", 0));
}

static int try_dumpable(void)
{
	return TELL(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_unlimit(void)
{
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

	return TELL(setrlimit(RLIMIT_AS, &r));
}

static int try_memory(void)
{
	size_t size = 600UL * 1024 * 1024;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int try_descriptors(void)
{
	int last = 0;

	for (int i = 0; i < 900 && last >= 0; i++)
		last = fcntl(2, F_DUPFD, 3);
	return TELL(last);
}

static int try_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return TELL((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int try_io_uring(void)
{
	char params[120] = {0}; /* struct io_uring_params */

	return TELL((int)syscall(SYS_io_uring_setup, 1, params));
}

static int try_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr)};

	return TELL((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int try_userfaultfd(void)
{
	return TELL((int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}

static int try_keyctl(void)
{
	return TELL((int)syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1));
}

static int try_unshare(void)
{
	return TELL(unshare(CLONE_NEWNS));
}

static int try_new_user(void)
{
	return TELL(unshare(CLONE_NEWUSER));
}

static int try_mount(void)
{
	return TELL(mount(dir, dir, NULL, MS_BIND, NULL)); /* in a namespace of its own */
}

static int try_chroot(void)
{
	return TELL(chroot(dir));
}

static int try_setuid(void)
{
	return TELL((int)syscall(SYS_setuid, 65534));
}

static int try_setuid_again(void)
{
	return TELL((int)syscall(SYS_setresuid, -1, -1, -1));
}

static const struct attempt attempts[] = {
	{"open", try_open, CHANNEL},
	{"openat", try_openat, CHANNEL},
	{"making a file", try_make_file, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"unlink", try_unlink, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"stat", try_stat, CHANNEL},
	{"/proc/self/mem", try_own_memory, CHANNEL | SPOOL},
	{"socket, unix", try_socket_unix, CHANNEL | DEVICE | FETCH | BY_HAND},
	{"socket, inet", try_socket_inet, CHANNEL | DEVICE | SPOOL | BY_HAND},
	{"socketpair", try_socketpair, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"connect", try_connect, CHANNEL | DEVICE | BY_HAND},
	{"bind", try_bind, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"listen", try_listen, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"execve", try_execve, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"execveat", try_execveat, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"fork", try_fork, CHANNEL | DEVICE | SPOOL},
	{"clone", try_clone, CHANNEL | DEVICE | SPOOL},
	{"clone3", try_clone3, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"kill", try_kill, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"tgkill", try_tgkill, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"pidfd_open", try_pidfd, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"ptrace", try_ptrace, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"process_vm_readv", try_vm_readv, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"process_vm_writev", try_vm_writev, CHANNEL | DEVICE | SPOOL | FETCH | BY_HAND},
	{"mmap, executable", try_code, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"mprotect, executable", try_mprotect, CHANNEL | SPOOL},
	{"memfd_create", try_memfd, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"prctl, dumpable", try_dumpable, CHANNEL | SPOOL | FETCH | BY_HAND},
	{"setrlimit, more", try_unlimit, CHANNEL | SPOOL},
	{"memory", try_memory, CHANNEL | DEVICE | SPOOL},
	{"descriptors", try_descriptors, CHANNEL | SPOOL},
	{"bpf", try_bpf, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"io_uring_setup", try_io_uring, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"perf_event_open", try_perf, CHANNEL | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"userfaultfd", try_userfaultfd, CHANNEL | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"keyctl", try_keyctl, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"unshare, mounts", try_unshare, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"unshare, users", try_new_user, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"mount", try_mount, CHANNEL | DEVICE | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"chroot", try_chroot, CHANNEL | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"setuid", try_setuid, CHANNEL | NOT_ALWAYS | SPOOL | FETCH | BY_HAND},
	{"setresuid", try_setuid_again, CHANNEL | SPOOL | FETCH | BY_HAND},
};
#define ATTEMPTS ((int)(sizeof(attempts) / sizeof(attempts[0])))

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
