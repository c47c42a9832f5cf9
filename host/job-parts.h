/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What job.c (a job's life, as its guest and the ledger see it), job-transfer.c (its document) and
 * job-follow.c (the spooler's word about it) are to each other. job.h is for all others.
 */
#ifndef PLATEN_JOB_PARTS_H
#define PLATEN_JOB_PARTS_H

#include "host/job.h"
#include "host/quota.h"
#include "proto/base/log.h"

#define JOB_ANSWER_USEC 30000000ULL  /* cupsd's answer to one request */
#define JOB_SYNC_USEC	300000000ULL /* the same behind the sync of a document */

/* What a job is refused with that the ledger cannot note. */
extern const char job_no_space[];

struct log_about job_about(const struct job *job, char uuid[static UUID_TEXT_SIZE]);

#define JOB_TELL(id, priority, job, ...)                                                           \
	do {                                                                                       \
		if ((job)->workspace && !quota_line((job)->workspace))                             \
			break;                                                                     \
		char say_uuid[UUID_TEXT_SIZE];                                                     \
		struct log_about say_about = job_about(job, say_uuid);                             \
		log_event(id, priority, &say_about, __VA_ARGS__);                                  \
	} while (0)

#define JOB_SAY(priority, job, ...) JOB_TELL(NULL, priority, job, __VA_ARGS__)

/* job.c: makes one, which is in its host's list then; NULL: out of memory. Takes it out again. */
struct job *job_make(struct host *host, const struct ledger_key *key);
void job_drop(struct job *job);

/* Tells the guest how the job stands, now or when there is room. */
void job_tell(struct job *job);

/* Notes the state in the ledger, on disk with the next commit. 0 or -errno (logged). */
int job_record(struct job *job, enum ledger_state state);

/* Each ends the job, which is freed unless its guest has it open: it will not be taken now, for
 * nothing of it can have printed; it is over; nobody can know whether it was printed. */
void job_refuse(struct job *job, enum job_refusal refusal, const char *text);
void job_end(struct job *job, uint32_t phase, enum ledger_state state, const char *text);
void job_ask(struct job *job);

/* A pool's job is over in its workspace when the host has it: nobody comes with it again. And what
 * a person can do about a job that is asked about, as the end of a sentence. */
bool job_is_over_there(const struct job *job);
const char *job_ways_out(const struct job *job);

/* From here on the job may print. */
void job_released(struct job *job, uint32_t host_job);

/* job-follow.c: it is the spooler's, and what is heard of it is told; in silence it is looked at.
 */
void job_set_followed(struct job *job);

/* The same of one that the ledger has as released, and of which nothing else is known. */
void job_set_adopted(struct job *job);

/* job-transfer.c: what the worker is told of the job. */
void job_submission_fill(
	struct job *job, const struct printer *printer, const struct message_job_open *open);

/* Gives the document's pipe to a worker and to the channel; without a free worker the job stays
 * JOB_WAITING. It may be refused. */
void job_transfer_begin(struct job *job);

/* One that broke off goes on: the worker says how far it is. */
void job_transfer_resume(struct job *job);

/* The guest has said how long the document is, and its digest. The job has a worker. */
void job_transfer_seal(struct job *job, const struct message_job_seal *seal);

/* The guest is gone: for how long its document is kept as far as it is here. */
void job_transfer_wait(struct job *job);

/* The worker, if there is one, breaks off the document and cancels the held job. */
void job_transfer_abort(struct job *job);

/* The document is whole in the spooler, which does not sync it: the worker is told to. */
void job_transfer_sync(struct job *job);

/* job-saved.c: a pool's job is over for its guest when cupsd has it on disk. */
void job_await_saved(struct job *job);

/* It is over, one way or the other: what it used is given back; the worker ends with `kill`. */
void job_transfer_end(struct job *job, bool kill);

#endif
