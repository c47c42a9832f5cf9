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

#include "proto/base/sandbox.h"

#define MEMORY_MAX (256UL * 1024 * 1024) /* bytes of address space */
#define FILE_MAX   (16UL * 1024 * 1024)	 /* bytes; a PPD may have 4 MiB */
#define CPU_MAX	   10			 /* seconds */

#define MAY_NOT(name)                                                                              \
	{                                                                                          \
		.call = SCMP_SYS(name), .action = SCMP_ACT_ERRNO(EPERM)                            \
	}

static const struct sandbox_rule rules[] = {
	MAY_NOT(socket),
	MAY_NOT(socketpair),
	MAY_NOT(connect),
	MAY_NOT(bind),
	MAY_NOT(listen),
	MAY_NOT(sendto),
	MAY_NOT(sendmsg),
	MAY_NOT(execve),
	MAY_NOT(fork),
	MAY_NOT(vfork),
	MAY_NOT(clone),
	MAY_NOT(clone3),
	MAY_NOT(kill),
	MAY_NOT(pidfd_open),
	MAY_NOT(keyctl),
};

int device_sandbox(void)
{
	static const struct sandbox sandbox = {
		.limits = {.memory = MEMORY_MAX,
			.file_size = FILE_MAX,
			.cpu_sec = CPU_MAX,
			.secret = true},
		.otherwise = SCMP_ACT_ALLOW,
		.rules = rules,
		.rule_count = sizeof(rules) / sizeof(rules[0]),
	};

	return sandbox_enter(&sandbox);
}
