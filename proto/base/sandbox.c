/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering a sandbox, from the outermost wall to the innermost: limits, folders, system calls.
 *
 * Each wall is of the kernel's making and cannot be taken down from within. The headers of the
 * machine that compiles may be older than the kernel that runs, so what landlock(7) gained since
 * Linux 5.19 is written out here.
 */
#include "proto/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

/* linux/landlock.h of Linux 6.12 */
#define FS_TRUNCATE    (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV   (1ULL << 15) /* version 5 */
#define NET_BIND_TCP   (1ULL << 0)  /* version 4 */
#define SCOPE_ABSTRACT (1ULL << 0)  /* version 6: sockets without a path */
#define SCOPE_SIGNAL   (1ULL << 1)  /* version 6 */

struct ruleset {
	uint64_t fs, net, scoped;
};

#define OF_FILES                                                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                               \
		LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_REG |               \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |                        \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                   \
		LANDLOCK_ACCESS_FS_REFER)
#define ALL (2 * FS_IOCTL_DEV - 1)

/* The version of landlock(7), 0 without it. */
static int landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

static struct ruleset handled(int version)
{
	struct ruleset all = {
		.fs = ALL, .net = NET_BIND_TCP, .scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL};

	if (version < 6)
		all.scoped = 0;
	if (version < 5)
		all.fs &= ~FS_IOCTL_DEV;
	if (version < 4)
		all.net = 0;
	if (version < 3)
		all.fs &= ~FS_TRUNCATE;
	if (version < 2)
		all.fs &= ~LANDLOCK_ACCESS_FS_REFER;
	return all;
}

static uint64_t rights(unsigned int may)
{
	return (may & SANDBOX_READ ? READS : 0) | (may & SANDBOX_WRITE ? WRITES : 0) |
	       (may & SANDBOX_EXECUTE ? LANDLOCK_ACCESS_FS_EXECUTE : 0) |
	       (may & SANDBOX_SOCKETS ? LANDLOCK_ACCESS_FS_MAKE_SOCK : 0);
}

static int allow_path(int ruleset, const struct sandbox_path *path, uint64_t known)
{
	struct landlock_path_beneath_attr beneath = {0};
	_cleanup_close_ int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	beneath.parent_fd = fd;
	beneath.allowed_access = rights(path->may) & known & (S_ISDIR(st.st_mode) ? ALL : OF_FILES);
	if (beneath.allowed_access == 0)
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0
		       ? -errno
		       : 0;
}

static int paths(const struct sandbox *sandbox)
{
	int version = landlock_version(), r = 0;
	struct ruleset all = handled(version);
	_cleanup_close_ int fd = -1;

	if (sandbox->path_count == 0)
		return 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all,
		version >= 6   ? sizeof(all)
		: version >= 4 ? 2 * sizeof(uint64_t)
			       : sizeof(uint64_t),
		0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sandbox->path_count && r == 0; i++)
		r = allow_path(fd, &sandbox->paths[i], all.fs);
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	return r;
}

/* What no program of ours ever does, nor a library for it: only one that was taken over. */
static const int never[] = {SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(bpf), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount),
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(execveat),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(open_by_handle_at), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname)};

static int add(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	int r = seccomp_rule_add_array(ctx, rule->action, rule->call, rule->arg_count, rule->args);

	return r == -EDOM ? 0 : r; /* a call of other machines only */
}

static int filter(const struct sandbox *sandbox)
{
	scmp_filter_ctx ctx = seccomp_init(sandbox->otherwise);
	int r;

	if (!ctx)
		return -ENOMEM;
	/* A call in another machine's words is none of ours. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; i < sandbox->rule_count && r == 0; i++)
		r = add(ctx, &sandbox->rules[i]);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]) && r == 0 &&
			   sandbox->otherwise != SCMP_ACT_KILL_PROCESS;
		i++)
		r = add(ctx,
			&(struct sandbox_rule){.call = never[i], .action = SCMP_ACT_KILL_PROCESS});
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	int r = confine(&sandbox->limits);

	if (r == 0 && sandbox_has_paths())
		r = paths(sandbox);
	if (r == 0 && sandbox_has_filter())
		r = filter(sandbox);
	return r;
}

bool sandbox_has_filter(void)
{
	return !confine_is_sanitized();
}

bool sandbox_has_paths(void)
{
	return !confine_is_sanitized() && landlock_version() > 0;
}
