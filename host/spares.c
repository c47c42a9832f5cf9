/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool grows in a moment of need and shrinks when that is over.
 *
 * What matters is the least number that stood idle at any time of a while: so many could have been
 * missing and nobody had waited. Those go, but for a few. A load that comes and goes within the
 * while keeps what it needs, and a pool that is at its measure has no timer.
 */
#include "host/spares.h"

bool spares_changed(struct spares *spares, uint32_t idle)
{
	if (spares->is_counting) {
		if (idle < spares->least)
			spares->least = idle;
		return false;
	}
	spares->least = idle;
	spares->is_counting = idle > spares->keep;
	return spares->is_counting;
}

uint32_t spares_passed(struct spares *spares, uint32_t idle)
{
	uint32_t least = idle < spares->least ? idle : spares->least;

	spares->is_counting = false;
	return least > spares->keep ? least - spares->keep : 0;
}
