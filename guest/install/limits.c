/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-install and the package manager that it starts may not do.
 *
 * A package manager runs as root, and what a package brings runs as root too: no limit here keeps a
 * bad package from anything, for it is an admin of the host who trusts it. They hold what runs
 * away, and refuse what no installation has a use for: a program that needs that is told so by
 * EPERM, and an admin by its complaint. New privileges are none: root's are all there are, apt-get
 * and dpkg only ever give them up (_apt), and both install, configure and remove packages so.
 */
#include "guest/install/install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/sandbox.h" /* for what libseccomp declares: not its own filter, which kills */

/* Below systemd the same is said by its words: see install.c. */
static const int refused[] = {
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(settimeofday),
	SCMP_SYS(adjtimex),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(pivot_root),
	SCMP_SYS(setns),
};

int install_confine(void)
{
	static const struct confine limits = {.file_size = INSTALL_FILE_MAX,
		.cpu_sec = INSTALL_SECONDS,
		.files = INSTALL_FILES,
		.secret = true};

	return confine(&limits);
}

/* Programs of the other word size come in drivers: the filter is theirs as well. */
static int add_other_words(scmp_filter_ctx filter)
{
	int r = 0;

	if (seccomp_arch_native() == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(filter, SCMP_ARCH_X86);
	else if (seccomp_arch_native() == SCMP_ARCH_AARCH64)
		r = seccomp_arch_add(filter, SCMP_ARCH_ARM);
	return r == 0 ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM))
		      : r;
}

static int refuse_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_other_words(filter);
	for (size_t i = 0; r == 0 && i < sizeof(refused) / sizeof(refused[0]); i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
		r = r == -EDOM ? 0 : r; /* this machine does not have it */
	}
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int install_limit_child(int out)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(out, STDERR_FILENO) < 0 || close_from(3) < 0 || chdir("/") < 0)
		return -errno;
	(void)setsid(); /* it leads no group: it has just been made */
	(void)umask(022);
	return refuse_calls();
}
