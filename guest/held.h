/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done with jobs that this spooler holds because nobody knows whether they were
 * printed: they are marked, and released when a person has decided on the host.
 */
#ifndef PLATEN_AGENT_HELD_H
#define PLATEN_AGENT_HELD_H

#include "guest/agent.h"
#include "guest/cancels.h"
#include "proto/message.h"

#define HELD_MOST 64 /* at once; what is more is left out, and done when it is asked for again */

struct held;

struct held_deed {
	struct cancel id;
	uint32_t number; /* in this spooler */
	uint32_t ask;	 /* to be marked with */
	bool hold;	 /* cupsd is to hold it first; neither: it is to be released */
};

int held_new(struct agent *agent, struct held **ret_held);
struct held *held_free(struct held *held);

/* The job's backend is about to end with BACKEND_EXIT_HOLD. With `hold` cupsd does not hold the job
 * for that, for it has further files. `ask`: what the host asks with, or 0. */
void held_mark(
	struct held *held, const struct cancel *id, uint32_t number, uint32_t ask, bool hold);

/* From the host. */
void held_release(struct held *held, const struct message_job_release *release);
void held_session_over(struct held *held);

/* What is to be done now, or NULL. What came of it, see QUEUES_HELD, is handed to the second. */
const struct held_deed *held_next(const struct held *held);
void held_done(struct held *held, int error);

#endif
