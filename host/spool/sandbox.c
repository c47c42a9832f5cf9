/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-spool may do: speak over unix sockets, and read what libcups and the C library read
 * of the system.
 *
 * The list names what is allowed; anything else is refused with EPERM, which libraries take as "not
 * here", and what no library ever does kills the process. It has no network, starts nothing,
 * touches no process, writes no file (it syncs one that it was given) and listens nowhere: `watch`
 * binds the socket for its hints before. It reads what cupsd says, in which devices have a word.
 * `sync`, which is handed everybody's documents, only syncs them: it can neither read one nor reach
 * anybody but platend.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/spool/spooler-ipp.h"
#include "proto/base/sandbox.h"

#define MEMORY_MAX (512UL * 1024 * 1024) /* bytes of address space */
#define FILES_MAX  64

#define MAY(name)                                                                                  \
	{                                                                                          \
		.call = SCMP_SYS(name), .action = SCMP_ACT_ALLOW                                   \
	}
#define DEADLY(name)                                                                               \
	{                                                                                          \
		.call = SCMP_SYS(name), .action = SCMP_ACT_KILL_PROCESS                            \
	}
/* The argument at `index` has none of these bits, or is this. */
#define LACKS(index, bits)                                                                         \
	{                                                                                          \
		index, SCMP_CMP_MASKED_EQ, bits, 0                                                 \
	}
#define EQUALS(index, what)                                                                        \
	{                                                                                          \
		index, SCMP_CMP_MASKED_EQ, 0xffffffffU, what                                       \
	}

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | __O_TMPFILE)

static const struct sandbox_rule rules[] = {
	/* Bytes */
	MAY(read),
	MAY(readv),
	MAY(pread64),
	MAY(lseek),
	MAY(write),
	MAY(writev),
	MAY(sendto),
	MAY(sendmsg),
	MAY(recvfrom),
	MAY(recvmsg),
	MAY(poll),
	MAY(ppoll),
	MAY(select),
	MAY(pselect6),
	MAY(shutdown),
	MAY(close),
	MAY(fcntl),
	MAY(fsync),
	MAY(sync_file_range),
	{SCMP_SYS(ioctl), SCMP_ACT_ERRNO(ENOTTY), 0, {{0}}},
	/* Connections, over unix sockets only */
	{SCMP_SYS(socket), SCMP_ACT_ALLOW, 1, {EQUALS(0, AF_UNIX)}},
	MAY(connect),
	MAY(getsockopt),
	MAY(setsockopt),
	MAY(getsockname),
	MAY(getpeername),
	/* Files, to read */
	{SCMP_SYS(open), SCMP_ACT_ALLOW, 1, {LACKS(1, WRITING)}},
	{SCMP_SYS(openat), SCMP_ACT_ALLOW, 1, {LACKS(2, WRITING)}},
	MAY(stat),
	MAY(lstat),
	MAY(fstat),
	MAY(newfstatat),
	MAY(statx),
	MAY(statfs),
	MAY(access),
	MAY(faccessat),
	MAY(faccessat2),
	MAY(readlink),
	MAY(readlinkat),
	MAY(getdents64),
	MAY(getcwd),
	/* Memory, and code from files only */
	MAY(brk),
	MAY(munmap),
	MAY(mremap),
	MAY(madvise),
	{SCMP_SYS(mmap), SCMP_ACT_ALLOW, 1, {LACKS(2, PROT_EXEC)}},
	{SCMP_SYS(mmap), SCMP_ACT_ALLOW, 2,
		{LACKS(2, PROT_WRITE), LACKS(3, MAP_ANONYMOUS | MAP_SHARED)}},
	{SCMP_SYS(mprotect), SCMP_ACT_ALLOW, 1, {LACKS(2, PROT_EXEC)}},
	/* Time, and what it is */
	MAY(clock_gettime),
	MAY(clock_nanosleep),
	MAY(nanosleep),
	MAY(gettimeofday),
	MAY(time),
	MAY(uname),
	MAY(sysinfo),
	MAY(getrandom),
	MAY(getpid),
	MAY(gettid),
	MAY(getppid),
	MAY(getuid),
	MAY(geteuid),
	MAY(getgid),
	MAY(getegid),
	{SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, 2, {EQUALS(0, 0), {2, SCMP_CMP_EQ, 0, 0}}},
	MAY(futex),
	MAY(sched_yield),
	MAY(rt_sigaction),
	MAY(rt_sigprocmask),
	MAY(rt_sigreturn),
	MAY(restart_syscall),
	MAY(exit),
	MAY(exit_group),
	/* What only one does who has taken it over */
	DEADLY(execve),
	DEADLY(fork),
	DEADLY(vfork),
	DEADLY(clone),
	{SCMP_SYS(clone3), SCMP_ACT_ERRNO(ENOSYS), 0, {{0}}},
	DEADLY(kill),
	DEADLY(tkill),
	DEADLY(pidfd_open),
	DEADLY(pidfd_send_signal),
	DEADLY(bind),
	DEADLY(listen),
	DEADLY(accept),
	DEADLY(accept4),
	DEADLY(keyctl),
};

int spool_sandbox(void)
{
	/* It reads what its user may read, and has no other business with files. */
	static const struct sandbox_path paths[] = {{"/", SANDBOX_READ}};
	static const struct sandbox sandbox = {
		.limits = {.memory = MEMORY_MAX, .files = FILES_MAX, .secret = true},
		.otherwise = SCMP_ACT_ERRNO(EPERM),
		.rules = rules,
		.rule_count = sizeof(rules) / sizeof(rules[0]),
		.paths = paths,
		.path_count = sizeof(paths) / sizeof(paths[0]),
	};

	(void)cupsUser(); /* who we are may be asked of a service, once */
	return sandbox_enter(&sandbox);
}

static const struct sandbox_rule sync_rules[] = {
	MAY(recvmsg),
	MAY(sendmsg),
	MAY(fsync),
	MAY(sync_file_range),
	MAY(fstat),
	MAY(newfstatat),
	MAY(statx),
	MAY(close),
	MAY(write), /* its last words; what it is handed is not open for that */
	MAY(brk),
	MAY(munmap),
	{SCMP_SYS(mmap), SCMP_ACT_ALLOW, 2,
		{LACKS(2, PROT_EXEC), {3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS}}},
	MAY(clock_gettime),
	MAY(futex),
	MAY(rt_sigreturn),
	MAY(restart_syscall),
	MAY(exit),
	MAY(exit_group),
	DEADLY(execve),
	DEADLY(fork),
	DEADLY(vfork),
	DEADLY(clone),
};

int sync_sandbox(void)
{
	static const struct sandbox_path paths[] = {{"/", 0}}; /* it may reach nothing */
	static const struct sandbox sandbox = {
		.limits = {.memory = MEMORY_MAX, .files = FILES_MAX, .secret = true},
		.otherwise = SCMP_ACT_ERRNO(EPERM),
		.rules = sync_rules,
		.rule_count = sizeof(sync_rules) / sizeof(sync_rules[0]),
		.paths = paths,
		.path_count = sizeof(paths) / sizeof(paths[0]),
	};

	return sandbox_enter(&sandbox);
}
