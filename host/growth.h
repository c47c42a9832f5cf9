/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a pool of workers grows. To start one takes longer than to print a page: where workers
 * come back from their jobs, others are started one by one. Leaf code: the clock is handed in.
 */
#ifndef PLATEN_GROWTH_H
#define PLATEN_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#define GROWTH_QUICK	   8	     /* workspaces: more at once print no faster (measured) */
#define GROWTH_RETURN_USEC 100000ULL /* none came back for so long: more are started at once */
#define GROWTH_STEP_USEC   200000ULL /* else one each */

struct growth {
	uint64_t returned, grown; /* usec of the clock: one came back, one was started */
};

/* Whether one more may be started at `now` (usec), when `served` workspaces have one at work. Few
 * workspaces with many jobs do not make others wait for one of theirs. */
bool growth_may(struct growth *growth, uint32_t served, uint64_t now);

#endif
