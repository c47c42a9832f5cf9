/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a document still comes. It holds no clock; times are handed in. */
#ifndef PLATEN_SPOOL_STALL_H
#define PLATEN_SPOOL_STALL_H

#include <stdint.h>

/* A broken-off transfer is given up after a minute, so this is for a guest that is there and does
 * not send: less than a frame's data within five minutes. One that a quota of bytes slows down has
 * ten times as much. */
#define STALL_MSEC  300000
#define STALL_BYTES 65536

struct stall {
	uint64_t due;	 /* msec; 0: nothing is waited for */
	uint64_t offset; /* of the document, when that was set */
};

/* Looks at how far the document is. Returns the msec until it is to be looked at again, at least 1;
 * or -ETIMEDOUT: it does not come. */
int stall_look(struct stall *stall, uint64_t now_msec, uint64_t offset);

#endif
