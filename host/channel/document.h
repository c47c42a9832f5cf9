/* SPDX-License-Identifier: Apache-2.0 */
/* The documents that a guest sends at once: what may come of each, and where it goes. */
#ifndef PLATEN_CHANNEL_DOCUMENT_H
#define PLATEN_CHANNEL_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bucket.h"
#include "proto/link.h"
#include "proto/message.h"

enum document_stage {
	DOCUMENT_FREE = 0,
	DOCUMENT_ASKED,	 /* JOB_OPEN was passed on */
	DOCUMENT_DATA,	 /* accepted: it arrives */
	DOCUMENT_SEALED, /* it is whole, or broke off: only states follow */
};

struct document {
	enum document_stage stage;
	uint32_t ref;
	uint32_t credit; /* bytes the guest may still send */
	uint32_t owed;	 /* bytes drained and not yet given back as credit */
	uint64_t size;	 /* bytes of the document, as JOB_OPEN said */
	uint64_t next;	 /* offset of the next byte */
	int pipe;	 /* -1 when over */
	uint8_t *held;	 /* JOB_WINDOW bytes, while the pipe is full */
	size_t held_size, held_done;
};

struct documents {
	struct link *link;   /* the channel's; not owned */
	struct bucket bytes; /* that the guest may send a minute */
	struct document all[JOBS_OPEN_MAX];
};

void documents_init(struct documents *docs);

/* How many bytes a minute the guest may send from now on; 0: no limit. */
void documents_limit(struct documents *docs, uint64_t bytes_per_minute);

/* Forgets all: the session is over. */
void documents_reset(struct documents *docs);

/* Judges a message of the guest's that concerns a job, and does what it says about the document.
 * NULL, or what is wrong: the session ends. */
const char *documents_message(struct documents *docs, const struct message *m);

/* JOB_ACCEPT of platend's with the pipe that the document goes to, which is taken (*fd = -1);
 * not when the guest has closed the job meanwhile. */
void documents_accept(struct documents *docs, const struct message *m, int *fd);

/* Writes on what is held: the pipe takes bytes again, or is broken. */
void document_drain(struct documents *docs, struct document *doc);

/* Gives credit that was owed, and that a minute's measure of bytes kept back. Returns the usec
 * until more of it may be given; UINT64_MAX: none is owed. */
uint64_t documents_give_credit(struct documents *docs);

#endif
