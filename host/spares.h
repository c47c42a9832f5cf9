/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many of a pool's idle workers have had nothing to do for a whole while, on no clock of its
 * own: the owner has a timer that runs only while there are more than are kept.
 */
#ifndef PLATEN_SPARES_H
#define PLATEN_SPARES_H

#include <stdbool.h>
#include <stdint.h>

struct spares {
	uint32_t keep;	  /* idle ones that stay */
	uint32_t least;	  /* idle ones there were at any time since the while began */
	bool is_counting; /* a while has begun, and the owner's timer runs */
};

/* There are `idle` now; told at every change. Returns whether a while begins: the owner starts its
 * timer. */
bool spares_changed(struct spares *spares, uint32_t idle);

/* The timer ran out. Returns how many of `idle` nobody had use for all the while, and are to go:
 * the owner tells of what is left by spares_changed(), which begins the next while if there is
 * still something to see. */
uint32_t spares_passed(struct spares *spares, uint32_t idle);

#endif
