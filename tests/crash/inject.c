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
 * What a loss of power takes, while `recording`:
 *   - Before platend changes a file, the bytes that were there are noted in UNDO/NAME, and a sync
 * of the file empties that.
 *   - Each sync of anybody notes the file and its size in `synced`, which a program in a sandbox
 * can reach, too.
 *   - What cupsd does to names below SPOOLER is noted in UNDO/names, and the file that a name stood
 *     for is kept as .kept/NUMBER in its folder.
 * world.py takes back from these what was not synced.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
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

#define SYNCS	   4096 /* in one point; world.py has it, too */
#define WAITS_MOST 1000 /* of 5 ms */

struct arm {
	char program[32]; /* of /proc/self/comm */
	char call[16];
	_Atomic int left; /* calls until it acts; 0: not armed */
	int action; /* 0: SIGKILL before the call, 1: after it, 2: fail with ENOSPC, 3: wait */
	_Atomic int waits;  /* with 3: before the call, while this is set */
	_Atomic int hit;    /* times it acted */
	_Atomic int loaded; /* programs that have mapped this */
	int recording;
	_Atomic uint32_t number; /* of the last sync or change of a name */
	_Atomic uint32_t syncs;
	struct synced {
		uint64_t inode, size;
		uint32_t number, is_folder;
	} synced[SYNCS];
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

/* Whether this call is the one; ends the program if it is to end before it, or lets it wait. */
static int due(const char *call)
{
	if (!arm || atomic_load(&arm->left) <= 0 || strcmp(arm->call, call) != 0 ||
		strcmp(arm->program, self) != 0 || atomic_fetch_sub(&arm->left, 1) != 1)
		return 0;
	atomic_fetch_add(&arm->hit, 1);
	if (arm->action == 0)
		die();
	if (arm->action != 3)
		return 1;
	for (int i = 0; i < WAITS_MOST && atomic_load(&arm->waits); i++)
		(void)poll(NULL, 0, 5); /* a sandbox lets everybody do that */
	return 0;
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

/* fdatasync(2) need not bring a name that a file was given onto the disk: it gets no number. */
static void note_sync(int fd, int with_names)
{
	int undo = undo_open(fd, O_WRONLY | O_TRUNC);
	struct stat st;

	if (undo >= 0)
		close(undo);
	if (!arm || !arm->recording || fstat(fd, &st) < 0)
		return;
	uint32_t at = atomic_fetch_add(&arm->syncs, 1);
	if (at < SYNCS)
		arm->synced[at] = (struct synced){.inode = st.st_ino,
			.size = (uint64_t)st.st_size,
			.number = with_names ? atomic_fetch_add(&arm->number, 1) + 1 : 0,
			.is_folder = S_ISDIR(st.st_mode)};
}

/* Whether cupsd is about to change this name, and it matters. */
static int is_kept(const char *path)
{
	return arm && arm->recording && strcmp(self, "cupsd") == 0 &&
	       strncmp(path, SPOOLER "/", sizeof(SPOOLER)) == 0;
}

/* Keeps the file that a name stands for, if any. Returns the number of the change. */
static uint32_t keep(const char *path)
{
	uint32_t number = atomic_fetch_add(&arm->number, 1) + 1;
	char kept[700];

	snprintf(kept, sizeof(kept), "%.*s/.kept/%u", (int)(strrchr(path, '/') - path), path,
		number);
	(void)!link(path, kept); /* there is none */
	return number;
}

static void note_name(char what, uint32_t number, const char *path, const char *to)
{
	char line[1400];
	int fd = open(UNDO "/names", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	int n = snprintf(line, sizeof(line), "%c\t%u\t%s\t%s\n", what, number, path, to);
	(void)!syscall(SYS_write, fd, line, n);
	close(fd);
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
WRAP(int, fsync, (int fd), (fd), NOTHING, note_sync(fd, 1))
WRAP(int, fdatasync, (int fd), (fd), NOTHING, note_sync(fd, 0))
WRAP(int, rename, (const char *from, const char *to), (from, to),
	uint32_t number = is_kept(to) ? keep(to) : 0, if (number) note_name('R', number, from, to))
WRAP(int, unlink, (const char *path), (path), uint32_t number = is_kept(path) ? keep(path) : 0,
	if (number) note_name('U', number, path, ""))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), NOTHING, NOTHING)

static int open_noted(const char *path, int flags, mode_t mode)
{
	int is_new = flags & O_CREAT && is_kept(path) && access(path, F_OK) < 0;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);

	if (fd >= 0 && is_new)
		note_name('C', atomic_fetch_add(&arm->number, 1) + 1, path, "");
	return fd;
}

#define WRAP_OPEN(name)                                                                            \
	int name(const char *path, int flags, ...);                                                \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;            \
		va_end(ap);                                                                        \
		return open_noted(path, flags, mode);                                              \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
