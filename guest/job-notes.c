/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a job is written down, so that an agent after this one knows it.
 *
 * A cancel that the host has not heard of (cancels.c), and what the host was given and has said
 * (handed.c). What cannot be written holds for this run, and the log says so; but what is not known
 * to be on disk is not sealed, or nobody would know of it if this agent died.
 */
#include "guest/job-notes.h"

#include <string.h>

#include "guest/cancels.h"
#include "proto/base/log.h"

#define NOT_KEPT "the list of jobs that were handed over cannot be kept"

static void failed(const struct job *job, const char *what, int error)
{
	char uuid[UUID_TEXT_SIZE];
	struct log_about about = {.job = uuid_format(&job->id.job, uuid),
		.printer = job->open ? job->open->printer : NULL};

	log_line(LOG_ERR, &about, "%s: %s", what, strerror(-error));
}

void job_note_cancel(struct job *job, bool owed)
{
	struct cancels *cancels = job->agent->cancels;
	int r = owed ? cancels_add(cancels, &job->id) : cancels_remove(cancels, &job->id);

	if (r < 0)
		failed(job, "the list of cancelled jobs cannot be written", r);
}

void job_note(struct job *job, enum handed_kind kind)
{
	struct handed *handed = job->agent->handed;
	int r;

	if (kind == HANDED_NOT)
		r = handed_forget(handed, &job->id);
	else
		r = handed_note(handed, &job->id, job->number, kind);

	if (r < 0)
		failed(job, NOT_KEPT, r);
}

int job_note_seal(struct job *job)
{
	int r;

	job->sealed_by = job->agent->ledger;
	r = handed_seal(job->agent->handed, &job->id, job->number, &job->sealed_by);
	if (r < 0 && !job->unnoted)
		failed(job, NOT_KEPT, r);
	job->unnoted = r < 0;
	if (r < 0 && job->stage == JOB_SENDING)
		(void)handed_forget(job->agent->handed, &job->id); /* it is not sealed then */
	return r;
}

void job_recall(struct job *job)
{
	job->sealed = handed_look(job->agent->handed, &job->id) != HANDED_NOT;
	job->sealed_by = handed_by(job->agent->handed, &job->id);
}

void job_note_sealed(struct job *job)
{
	job->mine = false;
	job->sealed = true;
	if (job->open)
		(void)job_note_seal(job);
}

void job_note_done(struct job *job)
{
	if (job->open)
		job_note(job, job->open->rendered ? HANDED_ALL : HANDED_DONE);
}
