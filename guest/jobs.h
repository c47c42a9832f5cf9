/* SPDX-License-Identifier: Apache-2.0 */
/* All jobs of this guest: their places with the host, their turns, and who is told what. */
#ifndef PLATEN_AGENT_JOBS_H
#define PLATEN_AGENT_JOBS_H

#include "guest/agent.h"
#include "proto/message.h"

/* Takes up what was cancelled in an earlier run. 0 or -errno. */
int jobs_init(struct agent *agent);
/* Cancels of earlier runs: they are not this workspace's to tell. */
void jobs_forget_cancels(struct agent *agent);

void jobs_deinit(struct agent *agent);

/* From the host: JOB_ACCEPT, JOB_CREDIT, JOB_STATE. One for a ref that is over is nothing. */
void jobs_message(struct agent *agent, const struct message *m);

void jobs_session_over(struct agent *agent);

/* A printer was offered, or takes jobs again. */
void jobs_printer_changed(struct agent *agent, const struct printer *printer);

/* Waiting jobs are to be tried. */
void jobs_kick(struct agent *agent);

/* A place with the host for a job that is to be opened. Whether there is one. */
bool jobs_make_place(struct agent *agent);

/* A job's place is given back: the host is told when the channel takes it. */
void jobs_close_ref(struct agent *agent, uint32_t ref);

/* Queues at most one piece of a document, of the jobs in turn. Whether there may be more to do. */
bool jobs_feed(struct agent *agent);

/* The number in this spooler of a job whose backend has hung up a while ago without a word: was it
 * purged? 0: none. The answer of QUEUES_JOB is handed to the second. */
uint32_t jobs_in_doubt(const struct agent *agent, struct uuid *ret_job);
void jobs_doubt_settled(struct agent *agent, uint32_t number, int error);

/* Whether it is one of them. */
bool jobs_have(const struct agent *agent, const struct uuid *job);

/* In transfer or followed. */
uint32_t jobs_count(const struct agent *agent);

#endif
