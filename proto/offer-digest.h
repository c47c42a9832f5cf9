/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an offer and the states of its printers come to, in 32 bytes.
 *
 * The guest says in Hello what it holds; where the host finds the same, nothing of it crosses the
 * channel again. Ends of different versions may come to different digests of the same offer, and
 * then the whole offer is sent.
 */
#ifndef PLATEN_OFFER_DIGEST_H
#define PLATEN_OFFER_DIGEST_H

#include <nettle/sha2.h>

#include "proto/message.h"

struct offer_digest {
	struct sha256_ctx sha;
	uint32_t count;
};

void offer_digest_begin(struct offer_digest *digest);

/* The printers by rising index. `state`: NULL while it was not told. */
void offer_digest_add(struct offer_digest *digest, const struct message_printer *printer,
	const struct message_printer_state *state);

/* All zeros: there was none, which stands for no digest. */
void offer_digest_end(struct offer_digest *digest, uint8_t ret_digest[static SHA256_SIZE]);

#endif
