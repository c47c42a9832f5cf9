/* SPDX-License-Identifier: Apache-2.0 */
/* Which jobs of Platen's queues the guest's cupsd takes for completed. */
#ifndef PLATEN_QUEUES_HISTORY_H
#define PLATEN_QUEUES_HISTORY_H

#include "guest/queues/cupsd.h"

struct history_job;

struct history {
	struct cupsd *cupsd;
	struct history_job *told; /* of the last listing, so that none is looked at twice */
	size_t count;
};

void history_init(struct history *history, struct cupsd *cupsd);
void history_deinit(struct history *history);

typedef void history_fn(const struct queues_ended *job, void *userdata);

/* Tells of each job that was completed since the last listing, as QUEUES_ENDED has it. 0 or -errno
 * as cupsd_run(); a listing that fails is as if it had not been. */
int history_list(struct history *history, const struct queues_ended *request, history_fn *on_job,
	void *userdata);

#endif
