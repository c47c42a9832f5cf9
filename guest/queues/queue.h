/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's queues. All calls may block; 0, or -errno as cupsd_run() with a line in cupsd->text.
 * Those that change one return -EPERM, and change nothing, when it is not Platen's.
 */
#ifndef PLATEN_QUEUES_QUEUE_H
#define PLATEN_QUEUES_QUEUE_H

#include "guest/queues/cupsd.h"

/* What cupsd shows of a queue. */
struct queue_look {
	int state, jobs, accepting;
	bool held; /* it was stopped by us */
	char text[MESSAGE_SIZE];
	char reasons[REASONS_SIZE];
	char options[TEXT_SIZE * 4]; /* names of the defaults that we have set */
	char marker_names[MARKERS_SIZE];
	char marker_types[REASONS_SIZE];
	char marker_colors[REASONS_SIZE];
	char marker_levels[TEXT_SIZE];
	char marker_low_levels[TEXT_SIZE];
	char marker_high_levels[TEXT_SIZE];
};

/* -ENOENT: there is none of that name. */
int queue_look(struct cupsd *cupsd, const char *name, struct queue_look *ret_look);

typedef void queue_fn(const struct queues_queue *queue, void *userdata);
int queue_list(struct cupsd *cupsd, queue_fn *on_queue, void *userdata);

/* Makes or changes one; `driver` is a descriptor of its PPD or -1. -EINVAL: cupsd does not take the
 * driver; a queue that would have been new is then not left behind. ret_made: bool, it was new. */
int queue_put(struct cupsd *cupsd, const struct queues_put *put, int driver, uint32_t *ret_made);

/* -EBUSY while it has jobs; 0 when there is none. */
int queue_remove(struct cupsd *cupsd, const char *name);
int queue_default(struct cupsd *cupsd, const char *name);

/* Whether a job of the spooler is there, and runs again or is held again: see QUEUES_JOB. */
int queue_job(struct cupsd *cupsd, const struct queues_job *job);

/* Marks or releases a held job, see QUEUES_HELD. */
int queue_held(struct cupsd *cupsd, const struct queues_held *held);

#endif
