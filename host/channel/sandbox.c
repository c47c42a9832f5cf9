/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-channel may still do once a guest's bytes reach it: read, write, wait, and have
 * memory within a limit.
 *
 * The list names what is allowed; everything else kills the process (seccomp(2)). It has no open,
 * connect, socket, exec, fork, kill or ptrace. The anonymous mmap and brk of malloc(3) are allowed,
 * but never a mapping that can be executed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "host/channel/channel.h"
#include "proto/base/sandbox.h"

#define MEMORY_MAX (64UL * 1024 * 1024) /* bytes of address space */
#define FILES_MAX  (JOBS_OPEN_MAX * 2 + 32)

#define MAY(name)                                                                                  \
	{                                                                                          \
		.call = SCMP_SYS(name), .action = SCMP_ACT_ALLOW                                   \
	}

static const struct sandbox_rule rules[] = {
	MAY(read),
	MAY(write),
	MAY(sendmsg),
	MAY(recvmsg),
	MAY(poll),
	MAY(ppoll),
	MAY(close),
	MAY(clock_gettime),
	MAY(brk),
	MAY(munmap),
	MAY(mremap),
	MAY(madvise),
	MAY(futex),
	MAY(getrandom),
	MAY(restart_syscall),
	MAY(rt_sigreturn),
	MAY(exit),
	MAY(exit_group),
	{SCMP_SYS(mmap), SCMP_ACT_ALLOW, 2,
		{{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
			{3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS}}},
	/* glibc asks what stdio points at, and for the flags of what it was given. */
	{SCMP_SYS(fcntl), SCMP_ACT_ALLOW, 1, {{1, SCMP_CMP_EQ, F_GETFL, 0}}},
	{SCMP_SYS(ioctl), SCMP_ACT_ERRNO(ENOTTY), 0, {{0}}},
};

int channel_sandbox(void)
{
	static const struct sandbox sandbox = {
		.limits = {.memory = MEMORY_MAX, .files = FILES_MAX, .secret = true},
		.otherwise = SCMP_ACT_KILL_PROCESS,
		.rules = rules,
		.rule_count = sizeof(rules) / sizeof(rules[0]),
	};

	return sandbox_enter(&sandbox);
}
