/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that were called done behind our back.
 *
 * cupsd takes a backend that was killed (by the kernel for want of memory, say) for one that ended
 * well. If that comes about before the backend has reached us, nobody but cupsd knows of the job,
 * and cupsd calls it printed. So what it calls printed is compared with what we have said
 * (handed.c). It is looked at when the spooler comes up, a while after a backend was started, which
 * inotify(7) tells, and then ever more rarely: a backend may take its time before it is killed.
 *
 * A job that is run again has its UUID still, so a host that has it does not print it twice. One
 * that ends so again and again is held for a person. Jobs that are older than the first run of this
 * are none of ours. With the same look the queues say again that the host is away: cupsd wipes that
 * away with the end of any job.
 */
#include "guest/ended.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "guest/handed.h"
#include "guest/jobs.h"
#include "guest/queues.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define BACKEND	      "platen"	   /* its file's name */
#define SOON_USEC     2000000ULL   /* from a backend's start to the first look */
#define RARELY_USEC   600000000ULL /* between two looks at least; it doubles up to that */
#define ACCURACY_USEC 100000ULL
#define LOST_MOST     32 /* at once; the others are found with the next look */
#define AGAIN_MOST    3	 /* times that a job is run again by itself */

struct ended {
	struct agent *agent;
	sd_event_source *timer, *io;
	int notify;	/* inotify on the folder of the backend, or -1 */
	uint64_t pause; /* usec until the look after the next */
	bool due;	/* it is to be looked at */
	bool anew;	/* also at what was told before */
	struct queues_ended lost[LOST_MOST];
	uint32_t count;
};

static void look_in(struct ended *ended, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(ended->timer, usec);
	(void)sd_event_source_set_enabled(ended->timer, SD_EVENT_ONESHOT);
}

static void look_soon(struct ended *ended)
{
	int enabled;
	bool armed = sd_event_source_get_enabled(ended->timer, &enabled) > 0;

	if (armed && ended->pause == SOON_USEC)
		return; /* it is soon already */
	ended->pause = SOON_USEC;
	look_in(ended, SOON_USEC);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct ended *ended = userdata;

	(void)source;
	(void)usec;
	ended->due = true;
	/* One that was ended before it reached us left its queue as if the host were there. */
	if (!ended->agent->open && ended->pause <= 2 * SOON_USEC)
		queues_show_anew(ended->agent->queues);
	queues_kick(ended->agent->queues);
	return 0;
}

/* A file in the backends' folder was opened: to be run, most likely. */
static int on_opened(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static _Alignas(struct inotify_event) char buf[4096];
	struct ended *ended = userdata;
	ssize_t size = read(fd, buf, sizeof(buf));

	(void)source;
	(void)revents;
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= size;) {
		const struct inotify_event *e = (const struct inotify_event *)(buf + at);

		if (e->mask & IN_Q_OVERFLOW || (e->len && strcmp(e->name, BACKEND) == 0))
			look_soon(ended);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return 0;
}

/* Where it cannot be watched, time alone does it. */
static int watch_backend(struct ended *ended)
{
	char folder[AGENT_PATH_SIZE + 16];

	ended->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (ended->notify < 0)
		return 0;
	(void)text_printf(
		folder, sizeof(folder), "%s/backend", ended->agent->config.cups_server_bin);
	if (inotify_add_watch(ended->notify, folder, IN_OPEN | IN_ONLYDIR) < 0) {
		ended->notify = close_fd(ended->notify);
		return 0;
	}
	return sd_event_add_io(
		ended->agent->event, &ended->io, ended->notify, EPOLLIN, on_opened, ended);
}

int ended_new(struct agent *agent, struct ended **ret_ended)
{
	struct ended *ended = calloc(1, sizeof(*ended));
	int r;

	if (!ended)
		return -ENOMEM;
	ended->agent = agent;
	ended->notify = -1;
	r = sd_event_add_time(
		agent->event, &ended->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_timer, ended);
	if (r >= 0)
		r = sd_event_source_set_enabled(ended->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = watch_backend(ended);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot wait for backends: %s", strerror(-r));
		(void)ended_free(ended);
		return r;
	}
	*ret_ended = ended;
	return 0;
}

struct ended *ended_free(struct ended *ended)
{
	if (!ended)
		return NULL;
	ended->io = sd_event_source_disable_unref(ended->io);
	ended->timer = sd_event_source_disable_unref(ended->timer);
	ended->notify = close_fd(ended->notify);
	free(ended);
	return NULL;
}

void ended_spooler_up(struct ended *ended)
{
	ended->due = ended->anew = true;
	ended->pause = SOON_USEC;
}

bool ended_ask(struct ended *ended, struct queues_ended *ret_request)
{
	struct queues_ended m = {
		.head = {.type = QUEUES_ENDED, .size = sizeof(m)}, .anew = ended->anew};

	if (!ended->due)
		return false;
	(void)handed_floor(ended->agent->handed, &m.number);
	ended->due = ended->anew = false;
	*ret_request = m;
	return true;
}

/* The newest of all comes first. What is older than our first look is left alone; numbers that have
 * begun anew do not make the jobs old. */
static void on_newest(struct ended *ended, uint32_t newest)
{
	struct handed *handed = ended->agent->handed;
	uint32_t floor;
	int r = 0;

	if (!handed_floor(handed, &floor) || newest < floor)
		r = handed_set_floor(handed, newest);
	if (r < 0)
		log_line(LOG_ERR, NULL, "the list of jobs that were handed over cannot be kept: %s",
			strerror(-r));
}

void ended_job(struct ended *ended, const struct queues_ended *job)
{
	struct agent *agent = ended->agent;
	const struct printer *p = printers_find(&agent->printers, job->name);
	uint32_t floor;

	if (uuid_is_null(&job->job))
		return on_newest(ended, job->number);
	if (!handed_floor(agent->handed, &floor) || job->number <= floor || !p ||
		p->queue != QUEUE_OURS || handed_is_done(agent->handed, &job->job, job->files))
		return;
	/* Of one that is still under way more is to be heard; see what is so then. */
	if (ended->count == LOST_MOST || jobs_have(agent, &job->job)) {
		ended->anew = true;
		return;
	}
	ended->lost[ended->count++] = *job;
}

void ended_told(struct ended *ended, int error)
{
	if (error < 0)
		ended->anew = true;
	if (ended->anew && ended->pause > 16 * SOON_USEC)
		ended->pause = 16 * SOON_USEC;
	look_in(ended, ended->pause);
	ended->pause = ended->pause * 2 < RARELY_USEC ? ended->pause * 2 : RARELY_USEC;
	queues_kick(ended->agent->queues);
}

bool ended_next(struct ended *ended, struct queues_job *ret_request)
{
	struct queues_job m = {.head = {.type = QUEUES_JOB, .size = sizeof(m)}};
	const struct queues_ended *job = ended->lost;

	if (!ended->count)
		return false;
	m.number = job->number;
	m.job = job->job;
	m.hold = handed_times(ended->agent->handed, &job->job) >= AGAIN_MOST;
	*ret_request = m;
	return true;
}

/* Says what became of it, and remembers what is to be. */
static void settle(struct ended *ended, const struct queues_ended *job, int error)
{
	struct handed *handed = ended->agent->handed;
	struct cancel id = {.job = job->job};
	char uuid[UUID_TEXT_SIZE];
	struct log_about about = {.job = uuid_format(&job->job, uuid), .printer = job->name};
	bool hold = handed_times(handed, &job->job) >= AGAIN_MOST;

	if (error == -ENOENT || error == -ECANCELED)
		return; /* a person was there meanwhile */
	if (error == -EALREADY)
		log_event(LOG_ID_AGENT_JOB_AGAIN, LOG_ERR, &about,
			"job %u was not printed, though this spooler says so: its backend was "
			"killed, and its files are gone: print the document anew",
			job->number);
	else if (error < 0)
		ended->anew = true;
	else
		log_event(LOG_ID_AGENT_JOB_AGAIN, LOG_WARNING, &about,
			"job %u was called done by this spooler when its backend was killed: %s",
			job->number, hold ? "held, as it was before: release it" : "run again");
	if (error == 0 || error == -EALREADY)
		(void)handed_note(
			handed, &id, job->number, error == 0 ? HANDED_AGAIN : HANDED_LOST);
}

void ended_done(struct ended *ended, int error)
{
	struct queues_ended job = ended->lost[0];

	if (!ended->count)
		return;
	ended->count--;
	memmove(ended->lost, ended->lost + 1, ended->count * sizeof(ended->lost[0]));
	settle(ended, &job, error);
	look_soon(ended);
}
