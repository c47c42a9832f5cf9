/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks and releases of held jobs, one after the other, through platen-queues.
 *
 * A job is marked only once it is held: then the mark is never on disk without the hold, and a job
 * that comes again with it was released by a person. The spooler holds the job a moment after its
 * backend has ended, so a deed that comes too early is tried again for a while. A mark that is lost
 * costs a person a second release; a release that is lost is said again by the host.
 */
#include "guest/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/job.h"
#include "guest/jobs.h"
#include "guest/queues.h"
#include "proto/base/log.h"

#define AGAIN_USEC    100000ULL
#define TRIES	      100 /* AGAIN_USEC apart */
#define ACCURACY_USEC 20000ULL

struct held {
	struct agent *agent;
	sd_event_source *again;
	struct held_deed deeds[HELD_MOST];
	uint32_t count, tries; /* of the first */
	bool waiting;	       /* `again` is on */
};

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct held *held = userdata;

	(void)source;
	(void)usec;
	held->waiting = false;
	queues_kick(held->agent->queues);
	return 0;
}

int held_new(struct agent *agent, struct held **ret_held)
{
	struct held *held = calloc(1, sizeof(*held));
	int r;

	if (!held)
		return -ENOMEM;
	held->agent = agent;
	r = sd_event_add_time(
		agent->event, &held->again, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_again, held);
	if (r >= 0)
		r = sd_event_source_set_enabled(held->again, SD_EVENT_OFF);
	if (r < 0) {
		(void)held_free(held);
		return r;
	}
	*ret_held = held;
	return 0;
}

struct held *held_free(struct held *held)
{
	if (!held)
		return NULL;
	held->again = sd_event_source_disable_unref(held->again);
	free(held);
	return NULL;
}

/* Takes the first one out. */
static void drop_first(struct held *held)
{
	held->count--;
	held->tries = 0;
	memmove(held->deeds, held->deeds + 1, held->count * sizeof(held->deeds[0]));
}

static void add(struct held *held, const struct held_deed *deed)
{
	if (held->count == HELD_MOST)
		return;
	held->deeds[held->count++] = *deed;
	queues_kick(held->agent->queues);
}

void held_mark(struct held *held, const struct cancel *id, uint32_t number, uint32_t ask, bool hold)
{
	struct held_deed deed = {.id = *id, .number = number, .ask = ask, .hold = hold};

	if (number && (ask || hold))
		add(held, &deed);
}

void held_release(struct held *held, const struct message_job_release *release)
{
	struct held_deed deed = {
		.id = {.job = release->job, .file = release->file}, .number = release->guest_job};

	add(held, &deed);
}

void held_session_over(struct held *held)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < held->count; i++)
		if (i == 0 || held->deeds[i].ask ||
			held->deeds[i].hold) /* the first may be under way */
			held->deeds[kept++] = held->deeds[i];
	held->count = kept;
}

const struct held_deed *held_next(const struct held *held)
{
	return held->count && !held->waiting ? &held->deeds[0] : NULL;
}

/* The host has it said so that the job comes; it will not. */
static void gone(struct held *held, const struct held_deed *deed)
{
	struct agent *agent = held->agent;

	if (job_new_cancel(agent, &deed->id) == 0)
		jobs_kick(agent);
}

void held_done(struct held *held, int error)
{
	struct held_deed deed = held->deeds[0];
	char uuid[UUID_TEXT_SIZE];
	struct log_about about = {.job = uuid_format(&deed.id.job, uuid)};
	bool release = !deed.ask && !deed.hold;

	if (!held->count)
		return;
	if (error == -EBUSY || error == -ECONNREFUSED || error == -ECONNRESET) {
		if (++held->tries < TRIES) {
			held->waiting = true;
			(void)sd_event_source_set_time_relative(held->again, AGAIN_USEC);
			(void)sd_event_source_set_enabled(held->again, SD_EVENT_ONESHOT);
			return;
		}
	}
	drop_first(held);
	if (error == 0 && release)
		log_line(LOG_NOTICE, &about, "released: a person has decided on the host");
	else if (release && (error == -ENOENT || error == -ECANCELED))
		gone(held, &deed);
	else if (error < 0 && error != -ENOENT && error != -ECANCELED && error != -EALREADY)
		log_line(LOG_WARNING, &about, "job %u could not be %s: %s", deed.number,
			release	    ? "released"
			: deed.hold ? "held"
				    : "marked",
			strerror(-error));
	queues_kick(held->agent->queues);
}
