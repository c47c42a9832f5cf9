/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program gives up before strangers' bytes reach it, in one call: privileges it could still
 * gain, its memory's readability, memory and time without end, system calls, folders.
 *
 * System calls by seccomp(2), through libseccomp; folders, signals and listening by landlock(7) as
 * far as the kernel has it (Linux 5.13; signals 6.12), without it these stay as they were. Both
 * hold for what the program executes, too.
 */
#ifndef PLATEN_BASE_SANDBOX_H
#define PLATEN_BASE_SANDBOX_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/confine.h"

/* One system call. A rule with arguments holds for calls whose arguments all fit. */
struct sandbox_rule {
	int call;	 /* SCMP_SYS(…); one that this machine does not have is passed over */
	uint32_t action; /* SCMP_ACT_…(3): ALLOW, KILL_PROCESS, ERRNO(…) */
	unsigned int arg_count;
	struct scmp_arg_cmp args[2];
};

enum {
	SANDBOX_READ = 1,    /* files and folders below it can be read */
	SANDBOX_WRITE = 2,   /* made, written, renamed and removed; no device and no socket made */
	SANDBOX_EXECUTE = 4, /* started */
	SANDBOX_SOCKETS = 8, /* unix sockets made */
};

struct sandbox_path {
	const char *path; /* one that does not exist is passed over */
	unsigned int may; /* SANDBOX_… */
};

struct sandbox {
	struct confine limits;
	/* What a call without a rule meets; SCMP_ACT_…. What no program of ours ever does
	 * (ptrace(2), mounts, kernel modules, …) kills without a rule. */
	uint32_t otherwise;
	const struct sandbox_rule *rules;
	size_t rule_count;
	const struct sandbox_path *paths; /* all that it may reach in the file system… */
	size_t path_count;		  /* …or 0: that is left to the rules */
};

/*
 * Enters it: for this process, its threads to come and its children, for good. 0 or -errno: it must
 * then end, for it may be half inside. In a build with a sanitizer only confine() holds: the search
 * for leaks starts a process that traces this one.
 */
int sandbox_enter(const struct sandbox *sandbox);

/* Whether this build sets the filter; and whether it and this kernel keep folders apart. */
bool sandbox_has_filter(void);
bool sandbox_has_paths(void);

#endif
