/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the guest's cupsd is there. */
#ifndef PLATEN_QUEUES_WATCH_H
#define PLATEN_QUEUES_WATCH_H

#include "guest/queues/cupsd.h"

struct watch {
	struct cupsd *cupsd;
	bool on;	      /* the agent asked for it */
	bool up, told;	      /* what it was told last, if anything */
	uint32_t connections; /* cupsd->connections then */
	int notify;	      /* inotify on the socket's folder while it is down, or -1 */
	int64_t next, pause;  /* msec: the next try while it is down, and how long after it */
};

void watch_init(struct watch *watch, struct cupsd *cupsd);
void watch_deinit(struct watch *watch);

enum watch_news {
	WATCH_NOTHING,
	WATCH_UP,   /* it answers; told again when it may have been restarted */
	WATCH_DOWN, /* it does not: cupsd->text */
};

/* Has a look if it is time to. */
enum watch_news watch_turn(struct watch *watch);

/* Milliseconds until watch_turn() has something to do, or -1. It also has when watch->notify or
 * cupsd's connection becomes readable. */
int watch_wait(const struct watch *watch);

#endif
