/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames, tokens and padding as bytes.
 *
 * A frame is told by its magic, a size within the limit, and a checksum over its payload; a token
 * by sixteen bytes that no frame head can be; padding by zeros, which begin neither. So a reader
 * at a border knows at once what it sees, and one that has lost the border can search for a token.
 */
#include "proto/frame.h"

#include <endian.h>
#include <string.h>

#include "proto/base/xxh.h"

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

/* Whether the bytes begin as `magic` does, as far as there are any. */
static bool begins(const uint8_t *bytes, size_t size, const uint8_t magic[static 4])
{
	return memcmp(bytes, magic, size < 4 ? size : 4) == 0;
}

enum frame_kind frame_look(const uint8_t *untrusted_bytes, size_t size, size_t *ret_size)
{
	struct token token;
	size_t zeros = 0;
	uint32_t payload;

	if (size == 0)
		return FRAME_MORE;
	while (zeros < size && untrusted_bytes[zeros] == 0)
		zeros++;
	if (zeros) {
		*ret_size = zeros;
		return FRAME_PADDING;
	}
	if (begins(untrusted_bytes, size, token_magic)) {
		if (size < TOKEN_SIZE)
			return FRAME_MORE;
		return token_read(untrusted_bytes, &token) ? FRAME_TOKEN : FRAME_BAD;
	}
	if (!begins(untrusted_bytes, size, frame_magic))
		return FRAME_BAD;
	if (size < FRAME_HEAD_SIZE)
		return FRAME_MORE;
	payload = get32(untrusted_bytes + 4);
	if (payload == 0)
		return FRAME_BAD;
	if (payload > FRAME_PAYLOAD_MAX) {
		*ret_size = payload;
		return FRAME_LARGE;
	}
	if (size < FRAME_HEAD_SIZE + payload)
		return FRAME_MORE;
	if (XXH3_64bits(untrusted_bytes + FRAME_HEAD_SIZE, payload) != get64(untrusted_bytes + 8))
		return FRAME_BAD;
	*ret_size = payload;
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

size_t frame_extent(const uint8_t *bytes)
{
	if (bytes[0] == 0)
		return 1;
	if (memcmp(bytes, token_magic, 4) == 0)
		return TOKEN_SIZE;
	return FRAME_HEAD_SIZE + get32(bytes + 4);
}

void token_write(uint8_t bytes[static TOKEN_SIZE], const struct token *token)
{
	uint32_t kind = htole32((uint32_t)token->kind);

	memcpy(bytes, token_magic, 4);
	memcpy(bytes + 4, &kind, 4);
	memcpy(bytes + 8, token_tail, 8);
	memcpy(bytes + 16, token->guest, NONCE_SIZE);
	memcpy(bytes + 32, token->host, NONCE_SIZE);
}

bool token_read(const uint8_t *untrusted_bytes, struct token *ret_token)
{
	uint32_t kind = get32(untrusted_bytes + 4);

	if (memcmp(untrusted_bytes, token_magic, 4) != 0 ||
		memcmp(untrusted_bytes + 8, token_tail, 8) != 0)
		return false;
	if (kind < TOKEN_SYNC || kind > TOKEN_RESYNC)
		return false;
	ret_token->kind = (enum token_kind)kind;
	memcpy(ret_token->guest, untrusted_bytes + 16, NONCE_SIZE);
	memcpy(ret_token->host, untrusted_bytes + 32, NONCE_SIZE);
	return true;
}

size_t token_find(const uint8_t *untrusted_bytes, size_t size)
{
	struct token token;
	size_t at = 0;

	while (at < size) {
		const uint8_t *p = memchr(untrusted_bytes + at, token_magic[0], size - at);
		size_t left;

		if (!p)
			return size;
		at = (size_t)(p - untrusted_bytes);
		left = size - at;
		if (left < TOKEN_SIZE ? begins(p, left, token_magic) : token_read(p, &token))
			return at;
		at++;
	}
	return size;
}
