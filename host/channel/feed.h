/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers and packages on their way to the guest: what it asked for, and the files read. */
#ifndef PLATEN_CHANNEL_FEED_H
#define PLATEN_CHANNEL_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "host/channel/channel.h"
#include "proto/link.h"
#include "proto/message.h"

struct feed_file {
	int fd; /* -1: free */
	uint32_t size, offset;
	bool is_package;
	uint8_t sha256[SHA256_SIZE];
};

struct feed_asked {
	bool is_package;
	uint8_t sha256[SHA256_SIZE];
};

struct feed {
	struct link *link; /* the channel's; not owned */
	struct feed_file files[FEED_OPEN];
	/* What the guest asked for and platend was not asked for yet: a ring. */
	struct feed_asked asked[OFFER_PRINTERS_MAX];
	uint32_t first, count;
	uint32_t out; /* asked of platend, and not answered */
};

void feed_init(struct feed *feed);

/* Forgets all: the session is over. */
void feed_reset(struct feed *feed);

/* DRIVER_GET or PACKAGE_GET of the guest's. NULL, or what is wrong: the session ends. */
const char *feed_get(struct feed *feed, const struct message *m);

/* The next question for platend, if one may be asked now. Whether there is one. */
bool feed_question(struct feed *feed, struct message *ret_question);

/* platend's answer, with a file (which is taken, *fd = -1) or without: there is none. */
void feed_answer(struct feed *feed, const struct channel_driver *answer, int *fd);

/* Sends a piece, when nothing else waits in the link. */
void feed_send(struct feed *feed);

/* Whether a question or a piece could go at once: nothing will wake us for it. */
bool feed_is_due(const struct feed *feed, bool may_ask);

#endif
