/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a link that wait to be written: frames, tokens and padding, one after another.
 *
 * What has been begun on the wire is always finished, unless the peer itself went away: so the
 * reader stays at a border, whatever is thrown away behind.
 */
#ifndef PLATEN_OUTBOX_H
#define PLATEN_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox {
	uint8_t *bytes;
	size_t size;	   /* allocated */
	size_t used, done; /* queued, written of them */
	size_t rest;	   /* of the frame or token that is partly written; 0 at a border */
};

void outbox_deinit(struct outbox *outbox);

/* Where `size` more bytes can be put, or NULL when more than `most` bytes would then wait, or
 * there is no memory. They count once outbox_commit() has said how many there are. */
uint8_t *outbox_reserve(struct outbox *outbox, size_t size, size_t most);
void outbox_commit(struct outbox *outbox, size_t size);

/* Bytes that wait. */
size_t outbox_waiting(const struct outbox *outbox);

/* Throws away what was not begun yet. */
void outbox_trim(struct outbox *outbox);

/* Throws away everything: the reader is another one from here on. */
void outbox_drop(struct outbox *outbox);

/* Gives the array back if nothing waits. */
void outbox_rest(struct outbox *outbox);

/* Writes what the descriptor takes. 0, or -errno of write(2) other than EAGAIN and EINTR. */
int outbox_write(struct outbox *outbox, int fd);

#endif
