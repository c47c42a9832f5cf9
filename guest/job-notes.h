/* SPDX-License-Identifier: Apache-2.0 */
/* What of a job outlives this agent. But for job_note_seal() nothing here fails: see job-notes.c.
 */
#ifndef PLATEN_AGENT_JOB_NOTES_H
#define PLATEN_AGENT_JOB_NOTES_H

#include "guest/handed.h"
#include "guest/job.h"

/* That the host is to hear of the cancel, or that it has. */
void job_note_cancel(struct job *job, bool owed);

/* What is to be known of it when it comes again, or when the spooler says that it is done.
 * HANDED_NOT forgets it. */
void job_note(struct job *job, enum handed_kind kind);

/* That the host may have it whole from now on, and which ledger is in force there. 0: it is on
 * disk; -errno: it may not be, and the job must not be sealed. */
int job_note_seal(struct job *job);

/* Whether the host, or one before it, may have it already: sets `sealed` and `sealed_by`. */
void job_recall(struct job *job);

/* A host may have it whole; that this is on disk is not certain. */
void job_note_sealed(struct job *job);

/* The host has said how it ended. */
void job_note_done(struct job *job);

#endif
