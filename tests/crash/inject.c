// SPDX-License-Identifier: Apache-2.0
/*
 * inject: ends a program at its n-th call of one kind, without ptrace.
 *
 * tests/crash/run compiles this into a library and preloads it into every program of a lab. The
 * order lies in a file (ARM, given at compile time) which each program maps when it starts, so that
 * a program that may open nothing later can still be reached. The file is a struct arm; run writes
 * it, the library counts `left` down and sets `hit` when it has acted.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct arm {
	char program[32]; /* of /proc/self/comm */
	char call[16];
	_Atomic int left;   /* calls until it acts; 0: not armed */
	int action;	    /* 0: SIGKILL before the call, 1: after it, 2: fail with ENOSPC */
	_Atomic int hit;    /* times it acted */
	_Atomic int loaded; /* programs that have mapped this */
};

static struct arm *arm;
static char self[32];

__attribute__((constructor)) static void begin(void)
{
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, self, sizeof(self) - 1);
		self[n > 0 ? n - 1 : 0] = '\0';
		close(fd);
	}
	fd = open(ARM, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(*arm), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	arm = p;
	atomic_fetch_add(&arm->loaded, 1);
}

static void die(void)
{
	syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	__builtin_trap(); /* kill() is not allowed to everybody */
}

/* Whether this call is the one; ends the program if it is to end before it. */
static int due(const char *call)
{
	if (!arm || atomic_load(&arm->left) <= 0 || strcmp(arm->call, call) != 0 ||
		strcmp(arm->program, self) != 0 || atomic_fetch_sub(&arm->left, 1) != 1)
		return 0;
	atomic_fetch_add(&arm->hit, 1);
	if (arm->action == 0)
		die();
	return 1;
}

#define WRAP(type, name, params, args)                                                             \
	type name params;                                                                          \
	type name params                                                                           \
	{                                                                                          \
		static type(*real) params;                                                         \
		if (!real)                                                                         \
			real = (type(*) params)dlsym(RTLD_NEXT, #name);                            \
		int now = due(#name);                                                              \
		if (now && arm->action == 2) {                                                     \
			errno = ENOSPC;                                                            \
			return -1;                                                                 \
		}                                                                                  \
		type result = real args;                                                           \
		if (now)                                                                           \
			die();                                                                     \
		return result;                                                                     \
	}

WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
