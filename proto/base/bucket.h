/* SPDX-License-Identifier: Apache-2.0 */
/* A rate with a burst: a token bucket. It holds no clock; times are handed in. */
#ifndef PLATEN_BASE_BUCKET_H
#define PLATEN_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t rate;	/* tokens a minute; 0: no limit */
	uint64_t burst; /* tokens at most */
	uint64_t full;	/* usec at which it is full again, on the clock of `now` */
};

/* Full at the beginning. */
void bucket_init(struct bucket *bucket, uint64_t rate_per_minute, uint64_t burst);

/* Takes `tokens` (at most `burst`) if they are there at `now` (usec, monotonic). Whether they were;
 * if not, nothing is taken. */
bool bucket_take(struct bucket *bucket, uint64_t now, uint64_t tokens);

/* Takes them in any case: what is missing has to be waited for. */
void bucket_charge(struct bucket *bucket, uint64_t now, uint64_t tokens);

/* usec from `now` until `tokens` are there; 0: they are. */
uint64_t bucket_wait(const struct bucket *bucket, uint64_t now, uint64_t tokens);

#endif
