/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be told to `platen-spool watch`, whose queue was full. */
#ifndef PLATEN_OWED_H
#define PLATEN_OWED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "host/spool/spool.h"

#define OWED_MOST                                                                                  \
	4096 /* cancels; cupsd has 500 jobs unless cupsd.conf says otherwise (MaxJobs)             \
	      */

struct owed_cancel;
struct worker;

struct owed {
	TAILQ_HEAD(owed_list, owed_cancel) cancels;
	uint32_t count;
	bool ping, check; /* a SPOOL_PING, a SPOOL_CHECK */
};

void owed_init(struct owed *owed);

/* Each is sent, or kept until there is room; what is kept already is not kept twice. Without memory
 * for it, or beyond OWED_MOST, a cancel waits for the next listing. */
void owed_cancel(struct owed *owed, struct worker *watch, const struct spool_cancel *cancel);
void owed_check(struct owed *owed, struct worker *watch);
void owed_ping(struct owed *owed, struct worker *watch);

/* There may be room. */
void owed_send(struct owed *owed, struct worker *watch);

/* What is kept is of another cupsd: a number may be another job's by now, even another attempt's at
 * the same, and the listing that follows tells what is still to be cancelled. A ping stays. */
void owed_forget(struct owed *owed);

#endif
