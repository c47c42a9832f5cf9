/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document on its way from the guest's spooler to the host's.
 *
 * The spooler keeps the document until the backend ends well, and the backend ends well only when
 * the host has said so. So nothing here needs to be remembered over a restart of the agent: the
 * backend comes again with the same job UUID, and the host knows how far it was.
 */
#ifndef PLATEN_AGENT_JOB_H
#define PLATEN_AGENT_JOB_H

#include "guest/agent.h"
#include "guest/backend/backend.h"

struct backend;

/* A backend has brought a document, which is taken over. NULL when there is no memory. */
struct job *job_new(struct agent *agent, struct backend *backend, const struct backend_open *open,
	int document);

/* The backend asks for the job's end (its job was cancelled), or is gone. */
void job_cancel(struct job *job);
void job_backend_gone(struct job *job);

/* From the host. */
void job_accepted(struct agent *agent, const struct message_job_accept *accept);
void job_credited(struct agent *agent, const struct message_job_credit *credit);
void job_told(struct agent *agent, const struct message_job_state *state);

/* The session began or is over; printers were offered. */
void job_session_over(struct agent *agent);
void job_offer_changed(struct agent *agent);

/* Queues at most one piece of a document, of the jobs in turn. Whether there was one to queue. */
bool job_feed(struct agent *agent);

void job_free_all(struct agent *agent);

/* backends.c: what a job has to say to its backend. */
void backend_status(struct backend *backend, const struct backend_status *status);
void backend_end(struct backend *backend, enum backend_exit code, const char *text);
uint32_t job_count(const struct agent *agent);

#endif
