/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and tokens as bytes.
 *
 * A frame is told by its magic, a size within the limit, and a checksum over its payload; a token
 * by sixteen bytes that no frame head can be. The two never share a first word, so a reader at a
 * border knows at once what it sees, and a reader that has lost the border can search for a token.
 */
#include "proto/frame.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

static const uint8_t frame_magic[4] = {'P', 'L', 'F', '1'};
static const uint8_t token_magic[4] = {'P', 'L', 'S', 0xFF};
static const uint8_t token_tail[8] = {0xFF, 'p', 'l', 'a', 't', 'e', 'n', '1'};

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

enum frame_kind frame_look(const uint8_t *untrusted_bytes, size_t size, size_t *ret_payload)
{
	uint8_t nonce[NONCE_SIZE];
	uint32_t payload;

	if (size < sizeof(frame_magic))
		return FRAME_MORE;
	if (memcmp(untrusted_bytes, token_magic, sizeof(token_magic)) == 0) {
		if (size < TOKEN_SIZE)
			return FRAME_MORE;
		return token_read(untrusted_bytes, nonce) ? FRAME_TOKEN : FRAME_BAD;
	}
	if (memcmp(untrusted_bytes, frame_magic, sizeof(frame_magic)) != 0)
		return FRAME_BAD;
	if (size < FRAME_HEAD_SIZE)
		return FRAME_MORE;
	payload = get32(untrusted_bytes + 4);
	if (payload == 0 || payload > FRAME_PAYLOAD_MAX)
		return FRAME_BAD;
	if (size < FRAME_HEAD_SIZE + payload)
		return FRAME_MORE;
	if (XXH3_64bits(untrusted_bytes + FRAME_HEAD_SIZE, payload) != get64(untrusted_bytes + 8))
		return FRAME_BAD;
	*ret_payload = payload;
	return FRAME_WHOLE;
}

void frame_head(uint8_t head[static FRAME_HEAD_SIZE], const uint8_t *payload, size_t size)
{
	uint32_t length = htole32((uint32_t)size);
	uint64_t sum = htole64(XXH3_64bits(payload, size));

	memcpy(head, frame_magic, 4);
	memcpy(head + 4, &length, 4);
	memcpy(head + 8, &sum, 8);
}

void token_write(uint8_t token[static TOKEN_SIZE], enum token_kind kind,
	const uint8_t nonce[static NONCE_SIZE])
{
	uint32_t k = htole32((uint32_t)kind);

	memcpy(token, token_magic, 4);
	memcpy(token + 4, &k, 4);
	memcpy(token + 8, token_tail, 8);
	memcpy(token + 16, nonce, NONCE_SIZE);
}

int token_read(const uint8_t *untrusted_bytes, uint8_t ret_nonce[static NONCE_SIZE])
{
	uint32_t kind = get32(untrusted_bytes + 4);

	if (memcmp(untrusted_bytes, token_magic, 4) != 0 ||
		memcmp(untrusted_bytes + 8, token_tail, 8) != 0)
		return 0;
	if (kind < TOKEN_SYNC || kind > TOKEN_RESYNC)
		return 0;
	memcpy(ret_nonce, untrusted_bytes + 16, NONCE_SIZE);
	return (int)kind;
}

size_t token_find(const uint8_t *untrusted_bytes, size_t size)
{
	uint8_t nonce[NONCE_SIZE];
	size_t at = 0;

	while (at < size) {
		const uint8_t *p = memchr(untrusted_bytes + at, token_magic[0], size - at);
		size_t left;

		if (!p)
			return size;
		at = (size_t)(p - untrusted_bytes);
		left = size - at;
		if (left < TOKEN_SIZE) {
			if (memcmp(p, token_magic, left < 4 ? left : 4) == 0)
				return at;
		} else if (token_read(p, nonce)) {
			return at;
		}
		at++;
	}
	return size;
}
