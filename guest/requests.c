/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker platen-queues: started, asked, timed, and started again.
 *
 * libcups may stall in it for as long as cupsd does; the deadline here ends that, and whoever
 * asked is told that there will be no answer. A worker that keeps ending is started ever more
 * rarely.
 */
#include "guest/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/config.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define REQUEST_USEC  60000000ULL /* the longest that one request may take */
#define START_FIRST   1000000ULL  /* usec; doubles with each end before an answer */
#define START_MOST    5		  /* doublings */
#define ACCURACY_USEC 50000ULL

struct requests {
	sd_event *event;
	struct requests_setup setup;
	struct worker *worker;
	sd_event_source *start;
	uint32_t serial;
	uint32_t waiting; /* the serial of the request under way, 0: none */
	uint32_t failures;
};

bool requests_are_free(const struct requests *requests)
{
	return requests->worker && !requests->waiting;
}

void requests_send(struct requests *requests, struct queues_request *request, int fd)
{
	if (++requests->serial == 0)
		requests->serial = 1;
	request->serial = requests->waiting = requests->serial;
	/* A single request always fits its queue: if it cannot be sent the worker is gone, and its
	 * end is told like any other. */
	if (worker_send(requests->worker, request, fd) == 0)
		(void)worker_deadline(requests->worker, REQUEST_USEC);
}

static void on_done(struct requests *requests, const struct queues_done *done)
{
	if (!requests->waiting || done->serial != requests->waiting)
		return;
	requests->waiting = requests->failures = 0;
	(void)worker_deadline(requests->worker, 0);
	requests->setup.on_done(done, requests->setup.userdata);
}

static void on_message(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct requests *requests = userdata;
	const struct requests_setup *setup = &requests->setup;
	const struct queues_queue *q = (const struct queues_queue *)m;
	const struct queues_done *done = (const struct queues_done *)m;
	const struct queues_ended *ended = (const struct queues_ended *)m;

	(void)worker;
	(void)fd;
	if (m->type == QUEUES_JOB_ENDED) {
		if (m->size == sizeof(*ended) && text_terminated(ended->name, sizeof(ended->name)))
			setup->on_ended(ended, setup->userdata);
		return;
	}
	if (m->type == QUEUES_QUEUE) {
		if (m->size == sizeof(*q) && text_terminated(q->name, sizeof(q->name)) &&
			text_terminated(q->device_uri, sizeof(q->device_uri)) &&
			text_terminated(q->fingerprint, sizeof(q->fingerprint)))
			setup->on_queue(q, setup->userdata);
		return;
	}
	if (m->size != sizeof(*done) || !text_terminated(done->text, sizeof(done->text)))
		return;
	switch (m->type) {
	case QUEUES_DONE: return on_done(requests, done);
	case QUEUES_UP: return setup->on_spooler(true, done->text, setup->userdata);
	case QUEUES_DOWN: return setup->on_spooler(false, done->text, setup->userdata);
	default: return;
	}
}

static void start_later(struct requests *requests)
{
	uint64_t wait = START_FIRST << requests->failures;

	if (requests->failures < START_MOST)
		requests->failures++;
	(void)sd_event_source_set_time_relative(requests->start, wait);
	(void)sd_event_source_set_enabled(requests->start, SD_EVENT_ONESHOT);
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct requests *requests = userdata;
	char why[160];

	log_line(LOG_WARNING, NULL,
		"platen-queues, which asks this spooler, ended (%s); started again",
		worker_end_text(status, timed_out, why));
	requests->worker = worker_free(worker);
	start_later(requests);
	if (requests->waiting) {
		requests->waiting = 0;
		requests->setup.on_done(NULL, requests->setup.userdata);
	}
}

static void start(struct requests *requests)
{
	char program[AGENT_PATH_SIZE + 32];
	const char *argv[] = {program, requests->setup.cups_socket, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = requests,
	};
	struct queues_request watch = {.head = {.type = QUEUES_WATCH, .size = sizeof(watch)}};
	int r;

	(void)snprintf(program, sizeof(program), "%s/platen-queues", requests->setup.libexec_dir);
	r = worker_new(requests->event, &setup, &requests->worker);
	if (r < 0) {
		if (requests->failures == 0)
			log_line(LOG_ERR, NULL, "%s cannot be started: %s", program, strerror(-r));
		start_later(requests);
		return;
	}
	(void)worker_send(requests->worker, &watch, -1); /* if it fails, its end is near */
}

static int on_start(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	start(userdata);
	return 0;
}

int requests_new(
	sd_event *event, const struct requests_setup *setup, struct requests **ret_requests)
{
	struct requests *requests = calloc(1, sizeof(*requests));
	int r;

	if (!requests)
		return -ENOMEM;
	requests->event = sd_event_ref(event);
	requests->setup = *setup;
	r = sd_event_add_time(
		event, &requests->start, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_start, requests);
	if (r >= 0)
		r = sd_event_source_set_enabled(requests->start, SD_EVENT_OFF);
	if (r < 0) {
		(void)requests_free(requests);
		return r;
	}
	start(requests);
	*ret_requests = requests;
	return 0;
}

struct requests *requests_free(struct requests *requests)
{
	if (!requests)
		return NULL;
	requests->worker = worker_free(requests->worker);
	requests->start = sd_event_source_disable_unref(requests->start);
	requests->event = sd_event_unref(requests->event);
	free(requests);
	return NULL;
}
