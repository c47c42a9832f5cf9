/* SPDX-License-Identifier: Apache-2.0 */
/* The time since an instant that does not matter: it never goes back, and no one can set it. */
#ifndef PLATEN_BASE_CLOCK_H
#define PLATEN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static inline uint64_t clock_msec(void)
{
	return clock_usec() / 1000;
}

#endif
