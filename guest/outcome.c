/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host's phases and refusals to the ends that a CUPS backend has.
 *
 * OK only when the host says that the job came out, or (a pool) that it has it for good. What may
 * get better by itself is tried again, and the job goes on standing in the queue. What will not is
 * held there: the document is kept, the queue goes on with the next job, and a person reads why.
 * STOP and FAILED are never used: they would stop the queue, or drop the job, by the spooler's
 * error policy.
 */
#include "guest/outcome.h"

static struct outcome end(enum backend_exit code, const char *text, const char *otherwise)
{
	return (struct outcome){
		.kind = OUTCOME_END, .exit = code, .text = text[0] ? text : otherwise};
}

static struct outcome refused(const struct message_job_state *s, bool cancelled)
{
	struct outcome later = {
		.kind = s->refusal == REFUSAL_MISMATCH ? OUTCOME_ANEW : OUTCOME_LATER,
		.text = s->text[0] ? s->text : "The host does not take the job yet"};

	if (cancelled)
		return end(BACKEND_EXIT_CANCEL, "", "");
	switch ((enum job_refusal)s->refusal) {
	case REFUSAL_EMPTY:
		return end(BACKEND_EXIT_CANCEL, s->text, "The document is empty: nothing to print");
	case REFUSAL_FORMAT:
		return end(BACKEND_EXIT_HOLD, s->text,
			"The host's printer does not take this kind of document");
	case REFUSAL_POLICY:
		return end(BACKEND_EXIT_HOLD, s->text,
			"The host does not allow this job: ask who administers it");
	case REFUSAL_NONE:
	case REFUSAL_PRINTER_GONE:
	case REFUSAL_NOT_ACCEPTING:
	case REFUSAL_SPOOLER_DOWN:
	case REFUSAL_NO_SPACE:
	case REFUSAL_QUOTA:
	case REFUSAL_MISMATCH:
	case REFUSAL_FAILED:
	case REFUSAL_COUNT: break;
	}
	return later;
}

struct outcome outcome_of(const struct message_job_state *s, bool cancelled)
{
	struct outcome on = {
		.kind = OUTCOME_ON, .text = s->text[0] ? s->text : "The host has the job"};

	if (!s->final)
		return on;
	switch ((enum job_phase)s->phase) {
	case JOB_PHASE_REFUSED: return refused(s, cancelled);
	case JOB_PHASE_CANCELED: return end(BACKEND_EXIT_CANCEL, s->text, "");
	case JOB_PHASE_ABORTED:
		return end(BACKEND_EXIT_HOLD, s->text, "The host's spooler gave the job up");
	case JOB_PHASE_ASK:
		if (cancelled)
			return end(BACKEND_EXIT_CANCEL, s->text, "");
		return end(BACKEND_EXIT_HOLD, s->text,
			"It is not known whether this was printed: look at the printer");
	case JOB_PHASE_TRANSFER:
	case JOB_PHASE_PENDING:
	case JOB_PHASE_PROCESSING:
	case JOB_PHASE_STOPPED:
	case JOB_PHASE_COMPLETED:
	case JOB_PHASE_COUNT: break;
	}
	return end(BACKEND_EXIT_OK, "", "");
}
