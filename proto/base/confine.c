/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of the kernel's that cannot be raised again without a privilege, which is given up, too.
 *
 * This much suits every program. Those that hear strangers go on to proto/base/sandbox.c.
 */
#include "proto/base/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static int limit(int resource, uint64_t value)
{
	struct rlimit r;

	if (value == 0)
		return 0;
	if (getrlimit(resource, &r) < 0)
		return -errno;
	if (value < r.rlim_max)
		r.rlim_max = value;
	r.rlim_cur = r.rlim_max;
	return setrlimit(resource, &r) < 0 ? -errno : 0;
}

int confine(const struct confine *limits)
{
	struct rlimit none = {0, 0};
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
		(limits->secret && !SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0))
		return -errno;
	r = limit(RLIMIT_NOFILE, limits->files);
	if (r == 0)
		r = limit(RLIMIT_FSIZE, limits->file_size);
	if (r == 0)
		r = limit(RLIMIT_CPU, limits->cpu_sec);
	if (r == 0 && !SANITIZED)
		r = limit(RLIMIT_AS, limits->memory);
	return r;
}

bool confine_is_sanitized(void)
{
	return SANITIZED;
}
