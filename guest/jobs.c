/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All jobs of this guest.
 *
 * JOBS_OPEN_MAX of them may be open with the host at once: that is bounded by the protocol, while
 * a spooler has as many jobs at work as it has queues. When there is no place for one that wants to
 * be opened, one that the host has whole and that only waits for paper is parked, and asked after
 * again a while later. Documents go in turn, a piece per job, so that none waits for another.
 */
#include "guest/jobs.h"

#include <string.h>
#include <strings.h>

#include "guest/cancels.h"
#include "guest/job.h"
#include "guest/peer.h"
#include "proto/base/log.h"

#define PARK_USEC 15000000ULL

uint32_t jobs_count(const struct agent *agent)
{
	const struct job *job;
	uint32_t n = 0;

	TAILQ_FOREACH(job, &agent->jobs, link)
	n += job->open != NULL;
	return n;
}

bool jobs_have(const struct agent *agent, const struct uuid *id)
{
	const struct job *job;

	TAILQ_FOREACH(job, &agent->jobs, link)
	if (uuid_equal(&job->id.job, id))
		return true;
	return false;
}

static struct job *job_by_ref(struct agent *agent, uint32_t ref)
{
	struct job *job;

	TAILQ_FOREACH(job, &agent->jobs, link)
	if (job->stage != JOB_WAITING && job->ref == ref)
		return job;
	return NULL;
}

void jobs_message(struct agent *agent, const struct message *m)
{
	struct job *job;

	switch (m->head.type) {
	case MESSAGE_JOB_ACCEPT:
		job = job_by_ref(agent, m->job_accept.ref);
		if (job)
			job_accepted(job, &m->job_accept);
		return;
	case MESSAGE_JOB_CREDIT:
		job = job_by_ref(agent, m->job_credit.ref);
		if (job && job->stage == JOB_SENDING)
			job->transfer.credit += m->job_credit.bytes;
		return;
	default: /* JOB_STATE */
		job = job_by_ref(agent, m->job_state.ref);
		if (job)
			job_told(job, &m->job_state);
	}
}

/* Gives places back, as far as the channel takes it. */
static void close_refs(struct agent *agent)
{
	struct message m;

	message_init(&m, MESSAGE_JOB_CLOSE);
	while (agent->closing_count) {
		m.job_close.ref = agent->closing[agent->closing_count - 1];
		if (peer_send(agent, &m) < 0)
			return;
		agent->closing_count--;
		agent->jobs_open--;
		jobs_kick(agent);
	}
}

void jobs_close_ref(struct agent *agent, uint32_t ref)
{
	agent->closing[agent->closing_count++] = ref; /* at most as many as are open */
	close_refs(agent);
}

bool jobs_make_place(struct agent *agent)
{
	struct job *job;

	if (agent->jobs_open < JOBS_OPEN_MAX)
		return true;
	TAILQ_FOREACH(job, &agent->jobs, link)
	{
		if (job->stage != JOB_SEALED || job->mine || job->cancelled)
			continue;
		job_close_ref(job);
		job_delay(job, PARK_USEC);
		break;
	}
	return agent->jobs_open < JOBS_OPEN_MAX;
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;
	struct job *job, *next;

	(void)source;
	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	job_try(job);
	return 0;
}

void jobs_kick(struct agent *agent)
{
	(void)sd_event_source_set_enabled(agent->jobs_turn, SD_EVENT_ONESHOT);
}

void jobs_session_over(struct agent *agent)
{
	struct job *job, *next;

	agent->jobs_open = agent->closing_count = 0;
	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	job_session_over(job);
}

void jobs_printer_changed(struct agent *agent, const struct printer *p)
{
	struct job *job;

	TAILQ_FOREACH(job, &agent->jobs, link)
	if (job->open && strcasecmp(job->open->printer, p->name) == 0)
		job_printer_changed(job);
}

bool jobs_feed(struct agent *agent)
{
	struct job *job;

	close_refs(agent);
	TAILQ_FOREACH(job, &agent->jobs, link)
	{
		job_tell_cancel(job);
		if (job->stage != JOB_SENDING || job->cancelled || job->delayed ||
			!transfer_is_due(&job->transfer))
			continue;
		/* Whoever was served goes to the end of the line. */
		TAILQ_REMOVE(&agent->jobs, job, link);
		TAILQ_INSERT_TAIL(&agent->jobs, job, link);
		job_feed(job);
		return true;
	}
	return false;
}

uint32_t jobs_in_doubt(const struct agent *agent, struct uuid *ret_job)
{
	const struct job *job;

	TAILQ_FOREACH(job, &agent->jobs, link)
	{
		if (!job->in_doubt || job->delayed)
			continue;
		*ret_job = job->id.job;
		return job->number;
	}
	return 0;
}

void jobs_doubt_settled(struct agent *agent, uint32_t number, int error)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	if (job->in_doubt && job->number == number)
		job_doubt_settled(job, error);
}

int jobs_init(struct agent *agent)
{
	int r = sd_event_add_defer(agent->event, &agent->jobs_turn, on_turn, agent);

	for (size_t i = 0; r >= 0 && i < cancels_count(agent->cancels); i++)
		r = job_new_cancel(agent, cancels_at(agent->cancels, i));
	if (r < 0)
		log_line(LOG_ERR, NULL, "cannot wait for jobs: %s", strerror(-r));
	return r < 0 ? r : 0;
}

void jobs_forget_cancels(struct agent *agent)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	if (job->cancelled && !job->open)
		job_forget_cancel(job);
}

void jobs_deinit(struct agent *agent)
{
	while (!TAILQ_EMPTY(&agent->jobs))
		job_free(TAILQ_FIRST(&agent->jobs));
	agent->jobs_turn = sd_event_source_disable_unref(agent->jobs_turn);
}
