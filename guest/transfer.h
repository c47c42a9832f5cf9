/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document on its way: what was sent of it, what may be sent now, and its digest.
 *
 * Leaf code: it reads the document and knows nothing of channels.
 */
#ifndef PLATEN_AGENT_TRANSFER_H
#define PLATEN_AGENT_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/xxh.h"
#include "proto/limits.h"
#include "proto/message.h"

struct transfer {
	int document;
	uint64_t size;	 /* bytes of the document */
	uint64_t sent;	 /* bytes that the host has or that are on their way to it */
	uint64_t hashed; /* bytes that the digest has seen, in order */
	uint64_t credit; /* bytes that may be sent */
	size_t ready;	 /* bytes of the piece that transfer_next() gave */
	XXH3_state_t *hash;
};

/* Takes over a document, which has to be a plain file. 0; -EINVAL: it is none; -ENOMEM; the
 * descriptor is then still the caller's. */
int transfer_init(struct transfer *transfer, int document);
void transfer_deinit(struct transfer *transfer);

/* The host has the first `offset` bytes and takes `window` more. 0, or -ERANGE: there are not so
 * many. */
int transfer_begin(struct transfer *transfer, uint64_t offset, uint32_t window);

/* No byte is to be sent for the moment. */
void transfer_stop(struct transfer *transfer);

/* What the host got is not what was sent: reads everything again the next time. */
void transfer_forget(struct transfer *transfer);

/* Whether transfer_next() would say anything but TRANSFER_WAIT. */
bool transfer_is_due(const struct transfer *transfer);

enum transfer_step {
	TRANSFER_WAIT = 0, /* no credit */
	TRANSFER_PIECE,	   /* a piece is to be sent */
	TRANSFER_HASHED, /* nothing to send yet: a part that the host has was read for the digest */
	TRANSFER_WHOLE,	 /* everything was sent */
};

/*
 * Reads the next FRAME_DATA_MAX bytes at most. With TRANSFER_PIECE ret_data has them until the next
 * call; transfer_sent() says that they went out, otherwise they come again. Returns a step, or
 * -errno of pread(2), -ENODATA when the document has become shorter.
 */
int transfer_next(struct transfer *transfer, const uint8_t **ret_data, size_t *ret_size);
void transfer_sent(struct transfer *transfer, const uint8_t *data);

/* XXH3-128 of the document, with TRANSFER_WHOLE. */
void transfer_digest(const struct transfer *transfer, uint8_t ret_digest[static DIGEST_SIZE]);

/* Percent of the document that was sent. */
uint32_t transfer_progress(const struct transfer *transfer);

#endif
