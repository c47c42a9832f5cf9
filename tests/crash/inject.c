// SPDX-License-Identifier: Apache-2.0
/*
 * inject: ends a program at its n-th call of one kind, without ptrace, and remembers what platend
 * has written and not synced.
 *
 * tests/crash/run compiles this into a library and preloads it into every program of a lab. The
 * order lies in a file (ARM, given at compile time) which each program maps when it starts, so that
 * a program that may open nothing later can still be reached. The file is a struct arm; run writes
 * it, the library counts `left` down and sets `hit` when it has acted.
 *
 * What a loss of power takes: before platend changes a file, the bytes that were there are noted in
 * UNDO/NAME, and a sync of the file empties that. run puts them back to have the file as it was
 * synced last.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* One change of a file, in UNDO/NAME; `size` old bytes follow. */
struct undo {
	uint64_t at, size, file_size;
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

/* UNDO/NAME of an open regular file of platend's, or -1. */
static int undo_open(int fd, int flags)
{
	char link[64], path[512], undo[700];
	struct stat st;

	if (strcmp(self, "platend") != 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	snprintf(undo, sizeof(undo), UNDO "/%s", strrchr(path, '/') + 1);
	return open(undo, flags | O_CLOEXEC, 0600);
}

static void note_change(int fd, uint64_t at, uint64_t size)
{
	static char old[1 << 16];
	struct stat st;
	int undo = undo_open(fd, O_WRONLY | O_CREAT | O_APPEND);

	if (undo < 0)
		return;
	if (fstat(fd, &st) == 0) {
		ssize_t n = pread(fd, old, size < sizeof(old) ? size : sizeof(old), (off_t)at);
		struct undo head = {.at = at,
			.size = n > 0 ? (uint64_t)n : 0,
			.file_size = (uint64_t)st.st_size};
		struct iovec parts[] = {{&head, sizeof(head)}, {old, head.size}};
		(void)!syscall(SYS_writev, undo, parts, 2);
	}
	close(undo);
}

static void note_sync(int fd)
{
	int undo = undo_open(fd, O_WRONLY | O_TRUNC);

	if (undo >= 0)
		close(undo);
}

#define WRAP(type, name, params, args, before, after)                                              \
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
		before;                                                                            \
		type result = real args;                                                           \
		if (result >= 0) {                                                                 \
			after;                                                                     \
		}                                                                                  \
		if (now)                                                                           \
			die();                                                                     \
		return result;                                                                     \
	}
#define NOTHING (void)0

WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), NOTHING, NOTHING)
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at),
	note_change(fd, (uint64_t)at, n), NOTHING)
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), note_change(fd, (uint64_t)size, 1 << 16),
	NOTHING)
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), NOTHING, NOTHING)
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), NOTHING,
	NOTHING)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), NOTHING,
	NOTHING)
WRAP(int, fsync, (int fd), (fd), NOTHING, note_sync(fd))
WRAP(int, fdatasync, (int fd), (fd), NOTHING, note_sync(fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), NOTHING, NOTHING)
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), NOTHING, NOTHING)
