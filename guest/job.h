/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job of this guest, on its way from its spooler to the host's. jobs.h has all of them.
 *
 * The spooler keeps the document until the backend ends well, and the backend ends well only when
 * the host has said so. So nothing of a job needs to be remembered over a restart of the agent: the
 * backend comes again with the same job UUID, and the host knows how far it was. Only a cancel that
 * the host could not be told of is written down (cancels.h).
 */
#ifndef PLATEN_AGENT_JOB_H
#define PLATEN_AGENT_JOB_H

#include "guest/agent.h"
#include "guest/backends.h"
#include "guest/cancels.h"
#include "guest/transfer.h"

enum job_stage {
	JOB_WAITING,
	JOB_ASKED,
	JOB_SENDING,
	JOB_SEALED,
};

struct job {
	TAILQ_ENTRY(job) link;
	struct agent *agent;
	struct backend *backend; /* NULL: it is gone, or this is only a cancel */
	struct cancel id;
	struct backend_open *open; /* NULL: only a cancel */
	struct transfer transfer;
	enum job_stage stage;
	uint32_t ref;
	bool mine;	       /* the host has not got it whole: that is certain */
	uint32_t asked;	       /* by the host, with JOB_PHASE_ASK */
	bool sealed;	       /* the host may have got it whole, and nothing was heard since */
	bool unnoted;	       /* that it is handed over could not be written down */
	struct uuid sealed_by; /* with sealed: the ledger of the host that may have it */
	bool cancelled;	       /* in this spooler */
	bool cancel_told;      /* in this session */
	bool delayed;	       /* `retry` is on */
	bool in_doubt;	       /* its backend is gone, and only this note is left of it */
	uint32_t number;       /* in this spooler */
	uint32_t spoolers;     /* queues_spoolers() when it came */
	bool on_printer;       /* it was refused for something that its printer's state tells of */
	uint32_t refusals;     /* in a row */
	sd_event_source *retry;
	struct backend_status status;
};

/* A cancel of an earlier run. 0 or -errno. */
int job_new_cancel(struct agent *agent, const struct cancel *id);

/* It is not this workspace's to tell. */
void job_forget_cancel(struct job *job);

/* A backend has brought a job and its document, which are taken over: 0; -EINVAL: the document is
 * no plain file; -ENOMEM. The descriptor is then still the caller's. */
int job_new(struct agent *agent, struct backend *backend, const struct backend_open *open,
	int document, struct job **ret_job);

/* Takes it out of the list; neither the host nor the backend hears of it. */
void job_free(struct job *job);

/* The backend's job was cancelled in this spooler. It may end the backend. */
void job_was_cancelled(struct job *job);

/* The backend has hung up: the job comes again, or the backend was killed. */
void job_backend_gone(struct job *job);

/* With in_doubt: what this spooler said of it, see QUEUES_JOB. */
void job_doubt_settled(struct job *job, int error);

/* From the host, see proto/message.h. */
void job_accepted(struct job *job, const struct message_job_accept *accept);
void job_told(struct job *job, const struct message_job_state *state);
void job_session_over(struct job *job);

/* For jobs.c: a printer takes jobs again; opens the job with the host if that can be; closes it
 * there; it waits for `usec`. */
void job_printer_changed(struct job *job);
void job_try(struct job *job);
void job_close_ref(struct job *job);
void job_delay(struct job *job, uint64_t usec);

/* Makes sure that the host knows of the cancel. */
void job_tell_cancel(struct job *job);

/* Does one step of the transfer: stage SENDING, and transfer_is_due(). It may end the job. */
void job_feed(struct job *job);

#endif
