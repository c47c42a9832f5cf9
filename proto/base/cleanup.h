/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound release of resources, and the explicit transfer of ownership.
 *
 * A local that owns something carries one of the attributes below; what leaves the function is
 * taken out with steal_ptr() or steal_fd(), so that every owner is visible where it changes.
 */
#ifndef PLATEN_BASE_CLEANUP_H
#define PLATEN_BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLATEN_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines `fnp(T **)` for a `fn(T *)` that accepts NULL. */
#define PLATEN_DEFINE_CLEANUP(T, fn)                                                               \
	static inline void fn##p(T *p)                                                             \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

/* Closes and returns -1, keeping errno: `fd = close_fd(fd)`. A negative fd is accepted. */
static inline int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -1;
}

/* Closes `first` and all above it, close_range(2): musl has no function for it. 0, or -1 with
 * errno. */
static inline int close_from(unsigned int first)
{
	return (int)syscall(SYS_close_range, first, ~0U, 0U);
}

static inline void cleanup_closep(int *fd)
{
	*fd = close_fd(*fd);
}

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__typeof__(p) *steal_p = &(p);                                                     \
		__typeof__(p) steal_v = *steal_p;                                                  \
		*steal_p = NULL;                                                                   \
		steal_v;                                                                           \
	})

#define _cleanup_free_	PLATEN_CLEANUP(cleanup_freep)
#define _cleanup_close_ PLATEN_CLEANUP(cleanup_closep)

#endif
