/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that this spooler takes for printed although nobody here said so: their backend was killed
 * before it reached us. They are given back to the spooler.
 */
#ifndef PLATEN_AGENT_ENDED_H
#define PLATEN_AGENT_ENDED_H

#include "guest/agent.h"
#include "guest/queues/queues.h"

struct ended;

int ended_new(struct agent *agent, struct ended **ret_ended);
struct ended *ended_free(struct ended *ended);

/* This spooler answers, maybe another than before: all that it takes for printed is looked at. */
void ended_spooler_up(struct ended *ended);

/* Whether it is to be asked now, and with what. What it tells is handed to the second, the end of
 * that to the third. */
bool ended_ask(struct ended *ended, struct queues_ended *ret_request);
void ended_job(struct ended *ended, const struct queues_ended *job);
void ended_told(struct ended *ended, int error);

/* Whether there is a job that is to be run again, and which. What came of it, see QUEUES_JOB, is
 * handed to the second. */
bool ended_next(struct ended *ended, struct queues_job *ret_request);
void ended_done(struct ended *ended, int error);

#endif
