/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crowd of one-page jobs is printed as fast by a few workers that come back as by many, each of
 * which first has to be started; jobs that take their time, or a slow disk, need more of them. What
 * tells the two apart is whether workers come back.
 */
#include "host/growth.h"

bool growth_may(struct growth *growth, uint32_t served, uint64_t now)
{
	if (served < GROWTH_QUICK || now - growth->returned >= GROWTH_RETURN_USEC)
		return true;
	if (now - growth->grown < GROWTH_STEP_USEC)
		return false;
	growth->grown = now;
	return true;
}
