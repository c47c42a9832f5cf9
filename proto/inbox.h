/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a link that were read and not yet understood, in an array that holds any frame
 * behind one that was consumed, and that is there only while it is used.
 */
#ifndef PLATEN_INBOX_H
#define PLATEN_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inbox {
	uint8_t *bytes;	   /* NULL: nothing is there, and nothing was since inbox_rest() */
	size_t used, done; /* bytes read, bytes consumed of them */
};

void inbox_deinit(struct inbox *inbox);

/* What stands there. With inbox_size() 0 there is nothing to look at, and it may be NULL. */
const uint8_t *inbox_at(const struct inbox *inbox);
size_t inbox_size(const struct inbox *inbox);

/* Takes the first `size` of them away. */
void inbox_take(struct inbox *inbox, size_t size);

/* Throws all away. */
void inbox_drop(struct inbox *inbox);

/* Whether there is room to read into. */
bool inbox_has_room(const struct inbox *inbox);

/* Reads what there is. 1: it is full, and there may be more; 0: there is no more; -ECONNRESET: the
 * end of the stream; -ENOTCONN: a socket that is not connected, and it is not known why; or another
 * -errno of read(2), or -ENOMEM. Counts the bytes that came up in *ret_read. */
int inbox_read(struct inbox *inbox, int fd, size_t *ret_read);

/* Gives the array back if nothing is in it. */
void inbox_rest(struct inbox *inbox);

#endif
