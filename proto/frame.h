/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the wire around a message, and the tokens of synchronisation.
 *
 *   frame:  "PLF1"  u32 size  u64 XXH3-64 of the payload   then `size` bytes (little-endian)
 *   token:  "PLS\xff"  u32 kind  8 bytes "\xffplaten1"   then 16 bytes nonce
 *
 * The checksum is no defence against the guest, who writes both; it tells a whole frame from one
 * that was cut and continued by other bytes (PROTOCOL.md, Synchronisation).
 */
#ifndef PLATEN_FRAME_H
#define PLATEN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define NONCE_SIZE 16 /* bytes */
#define TOKEN_SIZE 32 /* bytes */

enum token_kind {
	TOKEN_SYNC = 1, /* guest → host: a session begins with this nonce */
	TOKEN_ACK,	/* host → guest: the nonce comes back: from here on frames */
	TOKEN_RESYNC,	/* host → guest: I am new here, please SYNC; the nonce is zero */
};

enum frame_kind {
	FRAME_MORE = 0, /* not enough bytes yet */
	FRAME_WHOLE,	/* payload is there, size in ret_size */
	FRAME_TOKEN,	/* a token stands here */
	FRAME_BAD,	/* neither */
};

/* Looks at the bytes at a border. ret_payload is the payload's size with FRAME_WHOLE. */
enum frame_kind frame_look(const uint8_t *untrusted_bytes, size_t size, size_t *ret_payload);

/* Writes a frame's head for a payload that follows it. */
void frame_head(uint8_t head[static FRAME_HEAD_SIZE], const uint8_t *payload, size_t size);

void token_write(uint8_t token[static TOKEN_SIZE], enum token_kind kind,
	const uint8_t nonce[static NONCE_SIZE]);

/* The kind of the token at these TOKEN_SIZE bytes, or 0; the nonce goes to ret_nonce. */
int token_read(const uint8_t *untrusted_bytes, uint8_t ret_nonce[static NONCE_SIZE]);

/* The first place in the bytes where a token stands or may have begun at the end; `size` if there
 * is none. */
size_t token_find(const uint8_t *untrusted_bytes, size_t size);

#endif
