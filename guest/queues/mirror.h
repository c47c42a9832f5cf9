/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real printers' states in the guest's queues. What cannot be shown at once (supply levels
 * while the queue prints, anything that the end of a job wipes away) is kept and done later.
 */
#ifndef PLATEN_QUEUES_MIRROR_H
#define PLATEN_QUEUES_MIRROR_H

#include "guest/queues/cupsd.h"
#include "proto/base/list.h"

struct mirror_entry;

struct mirror {
	struct cupsd *cupsd;
	TAILQ_HEAD(, mirror_entry) entries; /* queues with something still to be done */
	uint32_t reports;		    /* supply reports under way */
};

void mirror_init(struct mirror *mirror, struct cupsd *cupsd);
void mirror_deinit(struct mirror *mirror);

/* Shows a state. 0 or -errno as queue_look(). */
int mirror_set(struct mirror *mirror, const struct queues_state *state);

/* Forgets what is still to be done for a queue, e.g. before it is removed. */
void mirror_forget(struct mirror *mirror, const char *name);

/* cupsd is new, or we are: forgets everything, and purges supply reports that were left there. */
void mirror_reset(struct mirror *mirror);

/* Milliseconds until mirror_turn() has something to do, or -1. */
int mirror_wait(const struct mirror *mirror);
void mirror_turn(struct mirror *mirror);

#endif
