/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames, tokens and padding from bytes that anybody sent: what a look says must be true of the
 * bytes, must not change when more come behind, and searching must find what looking sees.
 */
#include <string.h>

#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/* A frame around these bytes is whole, and is not without its last byte. */
static void wrap(const uint8_t *data, size_t size)
{
	static uint8_t frame[FRAME_MAX + 1];
	size_t found = 0;

	if (size == 0 || size > FRAME_PAYLOAD_MAX)
		return;
	memcpy(frame + FRAME_HEAD_SIZE, data, size);
	frame_head(frame, data, size);
	PROMISE(frame_look(frame, FRAME_HEAD_SIZE + size, &found) == FRAME_WHOLE && found == size);
	PROMISE(frame_look(frame, FRAME_HEAD_SIZE + size - 1, &found) == FRAME_MORE);
	PROMISE(frame_extent(frame) == FRAME_HEAD_SIZE + size);
}

static void find(const uint8_t *data, size_t size)
{
	size_t at = token_find(data, size);
	struct token token;
	size_t found;

	PROMISE(at <= size);
	if (size - at >= TOKEN_SIZE) {
		PROMISE(token_read(data + at, &token));
		PROMISE(frame_look(data + at, size - at, &found) == FRAME_TOKEN);
	} else if (at < size) {
		PROMISE(frame_look(data + at, size - at, &found) == FRAME_MORE);
	}
	for (size_t i = 0; i < at && i + TOKEN_SIZE <= size; i++)
		PROMISE(!token_read(data + i, &token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	wrap(data, size);
	find(data, size);
	while (at < size) {
		size_t found = 0, again = 0, left = size - at;
		enum frame_kind kind = frame_look(data + at, left, &found);

		switch (kind) {
		case FRAME_MORE: return 0;
		case FRAME_WHOLE:
			PROMISE(found > 0 && found <= FRAME_PAYLOAD_MAX);
			PROMISE(FRAME_HEAD_SIZE + found <= left);
			PROMISE(frame_extent(data + at) == FRAME_HEAD_SIZE + found);
			PROMISE(frame_look(data + at, FRAME_HEAD_SIZE + found, &again) == kind);
			at += FRAME_HEAD_SIZE + found;
			break;
		case FRAME_TOKEN:
			PROMISE(left >= TOKEN_SIZE);
			PROMISE(frame_look(data + at, TOKEN_SIZE, &again) == kind);
			PROMISE(token_find(data + at, left) == 0);
			at += TOKEN_SIZE;
			break;
		case FRAME_PADDING:
			PROMISE(found > 0 && found <= left && data[at] == 0);
			at += found;
			break;
		case FRAME_LARGE: PROMISE(found > FRAME_PAYLOAD_MAX); /* fall through */
		case FRAME_BAD: at++; break;
		}
	}
	return 0;
}
