/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading into an array of a fixed size.
 *
 * Twice the largest frame: so a whole one always fits behind one that was consumed, and bytes are
 * moved once for each time that all was read. A channel is at rest nearly always; the array is
 * given back then, and made anew when there is something to read.
 */
#include "proto/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/limits.h"

#define INBOX_SIZE (2 * FRAME_MAX) /* bytes */

void inbox_deinit(struct inbox *inbox)
{
	free(inbox->bytes);
	*inbox = (struct inbox){0};
}

const uint8_t *inbox_at(const struct inbox *inbox)
{
	return inbox->bytes ? inbox->bytes + inbox->done : NULL;
}

size_t inbox_size(const struct inbox *inbox)
{
	return inbox->used - inbox->done;
}

void inbox_take(struct inbox *inbox, size_t size)
{
	assert(size <= inbox_size(inbox));
	inbox->done += size;
}

void inbox_drop(struct inbox *inbox)
{
	inbox->used = inbox->done = 0;
}

bool inbox_has_room(const struct inbox *inbox)
{
	return inbox_size(inbox) < INBOX_SIZE;
}

int inbox_read(struct inbox *inbox, int fd, size_t *ret_read)
{
	if (!inbox->bytes)
		inbox->bytes = malloc(INBOX_SIZE);
	if (!inbox->bytes)
		return -ENOMEM;
	if (inbox->done) {
		inbox->used -= inbox->done;
		memmove(inbox->bytes, inbox->bytes + inbox->done, inbox->used);
		inbox->done = 0;
	}
	while (inbox->used < INBOX_SIZE) {
		ssize_t n = read(fd, inbox->bytes + inbox->used, INBOX_SIZE - inbox->used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		inbox->used += (size_t)n;
		*ret_read += (size_t)n;
	}
	return 1;
}

void inbox_rest(struct inbox *inbox)
{
	if (inbox_size(inbox) == 0)
		inbox_deinit(inbox);
}
