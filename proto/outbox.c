/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of bytes that knows where its frames end.
 *
 * It is one array that grows with a burst and is given back after it: a channel at rest holds no
 * memory for writing. The borders are not stored, since what is queued was written by us and says
 * its own length; only the rest of the unit that is on its way is kept, to be able to throw away
 * everything behind it.
 */
#include "proto/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/frame.h"

#define KEEP_SIZE (2 * FRAME_MAX) /* bytes: a larger array is given back when it is empty */

void outbox_deinit(struct outbox *outbox)
{
	free(outbox->bytes);
	*outbox = (struct outbox){0};
}

uint8_t *outbox_reserve(struct outbox *outbox, size_t size, size_t most)
{
	size_t waiting = outbox_waiting(outbox), want = outbox->size * 2;
	uint8_t *grown;

	if (size > most || waiting > most - size)
		return NULL;
	if (outbox->done) {
		memmove(outbox->bytes, outbox->bytes + outbox->done, waiting);
		outbox->used = waiting;
		outbox->done = 0;
	}
	if (waiting + size > outbox->size) {
		if (want < waiting + size)
			want = waiting + size;
		grown = realloc(outbox->bytes, want);
		if (!grown)
			return NULL;
		outbox->bytes = grown;
		outbox->size = want;
	}
	return outbox->bytes + outbox->used;
}

void outbox_commit(struct outbox *outbox, size_t size)
{
	outbox->used += size;
}

size_t outbox_waiting(const struct outbox *outbox)
{
	return outbox->used - outbox->done;
}

void outbox_trim(struct outbox *outbox)
{
	outbox->used = outbox->done + outbox->rest;
}

void outbox_drop(struct outbox *outbox)
{
	outbox->used = outbox->done = outbox->rest = 0;
}

void outbox_rest(struct outbox *outbox)
{
	if (outbox_waiting(outbox) == 0)
		outbox_deinit(outbox);
}

static void wrote(struct outbox *outbox, size_t size)
{
	while (size) {
		size_t step;

		if (outbox->rest == 0)
			outbox->rest = frame_extent(outbox->bytes + outbox->done);
		step = size < outbox->rest ? size : outbox->rest;
		outbox->done += step;
		outbox->rest -= step;
		size -= step;
	}
}

int outbox_write(struct outbox *outbox, int fd)
{
	while (outbox_waiting(outbox)) {
		ssize_t n = write(fd, outbox->bytes + outbox->done, outbox_waiting(outbox));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		wrote(outbox, (size_t)n);
	}
	outbox->used = outbox->done = 0;
	if (outbox->size > KEEP_SIZE)
		outbox_deinit(outbox);
	return 0;
}
