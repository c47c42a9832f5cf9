/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages are hashed as they lie in memory, so that no field can be forgotten. Most of that is
 * the unused ends of texts, which are zero (message_check() and every writer see to it): only
 * blocks with something in them are hashed, each with its place.
 */
#include "proto/offer-digest.h"

#include <string.h>

#define BLOCK 32 /* bytes */

void offer_digest_begin(struct offer_digest *digest)
{
	sha256_init(&digest->sha);
	digest->count = 0;
}

static void add(struct offer_digest *digest, const void *data, size_t size)
{
	static const uint8_t zeros[BLOCK];
	const uint8_t *bytes = data;

	for (size_t at = 0; at < size; at += BLOCK) {
		size_t n = size - at < BLOCK ? size - at : BLOCK;
		const uint8_t place[2] = {(uint8_t)(at / BLOCK >> 8), (uint8_t)(at / BLOCK)};

		if (memcmp(bytes + at, zeros, n) == 0)
			continue;
		sha256_update(&digest->sha, sizeof(place), place);
		sha256_update(&digest->sha, n, bytes + at);
	}
	sha256_update(&digest->sha, 2, (const uint8_t[]){0xff, 0xff}); /* no block is there */
}

void offer_digest_add(struct offer_digest *digest, const struct message_printer *printer,
	const struct message_printer_state *state)
{
	_Static_assert(sizeof(*printer) / BLOCK < 0xffff && sizeof(*state) / BLOCK < 0xffff, "");

	add(digest, printer, sizeof(*printer));
	if (state)
		add(digest, state, sizeof(*state));
	digest->count++;
}

void offer_digest_end(struct offer_digest *digest, uint8_t ret_digest[static SHA256_SIZE])
{
	memset(ret_digest, 0, SHA256_SIZE);
	if (digest->count)
		sha256_digest(&digest->sha, SHA256_SIZE, ret_digest);
}
