/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's cupsd as platen-queues uses it. All calls may block; 0 or -errno. */
#ifndef PLATEN_QUEUES_SPOOLER_H
#define PLATEN_QUEUES_SPOOLER_H

#include <cups/cups.h>
#include <stdbool.h>

#include "guest/queues/queues.h"

#define REPORTS_MOST 64 /* supply reports under way */

struct spooler {
	const char *socket;
	http_t *http;		   /* NULL: not connected */
	char text[MESSAGE_SIZE];   /* cupsd's words of the last failure */
	int reports[REPORTS_MOST]; /* jobs that made the backend report supplies, to be purged */
	int report_count;
};

/* Connects unless connected. -ECONNREFUSED when cupsd does not answer. */
int spooler_connect(struct spooler *spooler);
void spooler_disconnect(struct spooler *spooler);

/* Tells every queue by `on_queue`. */
typedef void spooler_queue_fn(const struct queues_queue *queue, void *userdata);
int spooler_list(struct spooler *spooler, spooler_queue_fn *on_queue, void *userdata);

/* Makes or changes a queue of ours; `driver` is a descriptor of its PPD or -1. -EPERM: the queue is
 * not ours; -EINVAL: cupsd does not take the driver. */
int spooler_put(struct spooler *spooler, const struct queues_put *put, int driver);

/* -EBUSY while it has jobs. */
int spooler_remove(struct spooler *spooler, const char *name);
int spooler_default(struct spooler *spooler, const char *name);
int spooler_state(struct spooler *spooler, const struct queues_state *state);

/* Purges supply reports that are over. Whether some are not. */
bool spooler_purge(struct spooler *spooler);

#endif
