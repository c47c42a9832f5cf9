/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cage of platen-device.
 *
 * libcups and libcupsfilters parse here what a stranger sent, and the maker of PPDs would follow
 * addresses that it finds. So after this a call that opens a connection, starts a program or
 * touches another process fails, whoever makes it; memory, time and the size of files are bounded.
 */
#include "drivers-fetch/device/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MEMORY_MAX (256UL * 1024 * 1024) /* bytes of address space */
#define FILE_MAX   (16UL * 1024 * 1024)	 /* bytes; a PPD may have 4 MiB */
#define CPU_MAX	   10			 /* seconds */

static void limit(int what, rlim_t most)
{
	struct rlimit limit = {most, most};

	(void)setrlimit(what, &limit);
}

int sandbox_enter(void)
{
	static const int refused[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
		SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
		SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(ptrace), SCMP_SYS(kill),
		SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(io_uring_setup),
		SCMP_SYS(bpf), SCMP_SYS(keyctl)};
	scmp_filter_ctx filter;
	int r = 0;

#if !defined(__SANITIZE_ADDRESS__)
	limit(RLIMIT_AS, MEMORY_MAX);
#endif
	limit(RLIMIT_FSIZE, FILE_MAX);
	limit(RLIMIT_CPU, CPU_MAX);
	limit(RLIMIT_CORE, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
