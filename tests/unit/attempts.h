/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandboxes forbid, each as an attempt: a way out, or at another process, that some
 * program must not have. test-sandbox.c makes them, inside and outside.
 */
#ifndef PLATEN_TESTS_ATTEMPTS_H
#define PLATEN_TESTS_ATTEMPTS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
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

#endif
