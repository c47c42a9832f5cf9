/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket, kept as the one moment at which it will be full again (the generic cell rate
 * algorithm, ITU-T I.371): taking moves that moment away, time brings it near. So there is nothing
 * to be refilled, and nothing to overflow in a program that runs for years.
 */
#include "proto/base/bucket.h"

#define MINUTE_USEC 60000000ULL

/* usec that `tokens` take to come. */
static uint64_t span(const struct bucket *bucket, uint64_t tokens)
{
	return (uint64_t)((unsigned __int128)tokens * MINUTE_USEC / bucket->rate);
}

void bucket_init(struct bucket *bucket, uint64_t rate_per_minute, uint64_t burst)
{
	*bucket = (struct bucket){.rate = rate_per_minute, .burst = burst};
}

uint64_t bucket_wait(const struct bucket *bucket, uint64_t now, uint64_t tokens)
{
	uint64_t full, most;

	if (bucket->rate == 0)
		return 0;
	if (tokens > bucket->burst)
		tokens = bucket->burst;
	full = bucket->full > now ? bucket->full - now : 0;
	most = span(bucket, bucket->burst - tokens);
	return full > most ? full - most : 0;
}

void bucket_charge(struct bucket *bucket, uint64_t now, uint64_t tokens)
{
	if (bucket->rate == 0)
		return;
	if (bucket->full < now)
		bucket->full = now;
	bucket->full += span(bucket, tokens);
}

bool bucket_take(struct bucket *bucket, uint64_t now, uint64_t tokens)
{
	if (bucket_wait(bucket, now, tokens) > 0)
		return false;
	bucket_charge(bucket, now, tokens);
	return true;
}
