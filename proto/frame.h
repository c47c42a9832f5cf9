/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the wire around a message, and the tokens of synchronisation.
 *
 *   frame:    "PLF1"      u32 size  u64 XXH3-64 of the payload       then `size` bytes
 *   token:    "PLS\xff"   u32 kind  8 bytes "\xffplaten1"            then two nonces of 16 bytes
 *   padding:  bytes of 0, at a border only, skipped                  (numbers are little-endian)
 *
 * The checksum is no defence against the guest, who writes both; it tells a whole frame from one
 * that was cut and continued by other bytes (PROTOCOL.md, Synchronisation).
 */
#ifndef PLATEN_FRAME_H
#define PLATEN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define NONCE_SIZE 16 /* bytes */
#define TOKEN_SIZE 48 /* bytes */

enum token_kind {
	TOKEN_SYNC = 1, /* guest → host: a session may begin; names the host's nonce or zeros */
	TOKEN_ACK,	/* host → guest: it begins here: from here on frames */
	TOKEN_RESYNC,	/* host → guest: no session is on; please SYNC with this host's nonce */
};

struct token {
	enum token_kind kind;
	uint8_t guest[NONCE_SIZE]; /* the guest's, one per session; zeros when not known */
	uint8_t host[NONCE_SIZE];  /* the host's, one per connection; zeros when not known */
};

enum frame_kind {
	FRAME_MORE = 0, /* not enough bytes yet */
	FRAME_WHOLE,	/* a frame: ret_size is its payload's */
	FRAME_TOKEN,	/* a token of TOKEN_SIZE bytes */
	FRAME_PADDING,	/* ret_size bytes of padding */
	FRAME_LARGE,	/* a frame's head that claims ret_size bytes of payload, too many */
	FRAME_BAD,	/* none of these */
};

/* Looks at the bytes at a border. ret_size is set where the kind says so. */
enum frame_kind frame_look(const uint8_t *untrusted_bytes, size_t size, size_t *ret_size);

/* Writes a frame's head for a payload that follows it. */
void frame_head(uint8_t head[static FRAME_HEAD_SIZE], const uint8_t *payload, size_t size);

/* Bytes of the frame, token or byte of padding that stands at `bytes`, which we wrote ourselves. */
size_t frame_extent(const uint8_t *bytes);

void token_write(uint8_t bytes[static TOKEN_SIZE], const struct token *token);

/* Reads the token at these TOKEN_SIZE bytes; false when there is none. */
bool token_read(const uint8_t *untrusted_bytes, struct token *ret_token);

/* The first place in the bytes where a token stands or may have begun at the end; `size` if there
 * is none. */
size_t token_find(const uint8_t *untrusted_bytes, size_t size);

#endif
