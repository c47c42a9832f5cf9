/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is slow takes its time for a sync, and nothing that others wait for may wait with it:
 * not the loop, and not the watch of the spooler, which is ended when it does not answer, and would
 * be over and over. It also begins to write back what cupsd has not whole yet.
 *
 * So there is a worker for it, started when there is something to sync. One file is under way at a
 * time. Who has the next asks again a moment later anyway, as cupsd does not say when it writes.
 */
#include "host/syncer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "host/job.h"
#include "host/request-file.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/worker.h"

#define SYNC_USEC  300000000ULL /* as for a document */
#define SYNC_CPU   60000000ULL	/* usec of processor time for one */
#define AGAIN_USEC 10000000ULL	/* from the end of one to the start of the next */
#define QUIET_USEC 1000000ULL	/* a job looks for its file twice in it */

struct syncer {
	struct host *host;
	struct worker *worker;
	bool busy;
	bool full;	   /* there was no room for a question: it has a deadline to make some */
	uint32_t host_job; /* that it is busy for; 0: nobody's any more */
	uint64_t again;	   /* usec of CLOCK_MONOTONIC: not started before */
	uint64_t quiet;	   /* the same: nothing is written back before, for a question is due */
};

int syncer_new(struct host *host, struct syncer **ret_syncer)
{
	struct syncer *syncer = calloc(1, sizeof(*syncer));

	if (!syncer)
		return -ENOMEM;
	syncer->host = host;
	*ret_syncer = syncer;
	return 0;
}

struct syncer *syncer_free(struct syncer *syncer)
{
	if (!syncer)
		return NULL;
	syncer->worker = worker_abandon(syncer->worker);
	free(syncer);
	return NULL;
}

static void on_message(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	const struct spool_look *synced = (const struct spool_look *)m;
	struct syncer *syncer = userdata;

	(void)fd;
	if (m->type != SPOOL_SYNCED || m->size != sizeof(*synced) || !syncer->busy)
		return;
	(void)worker_deadline(worker, 0);
	syncer->busy = false;
	if (synced->error == 0 && syncer->host_job && synced->host_job == syncer->host_job)
		job_on_saved(syncer->host, synced->host_job);
}

static void on_exit_of(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct syncer *syncer = userdata;
	uint64_t now;
	char why[160];

	log_line(LOG_WARNING, NULL,
		"platen-spool sync, which syncs the files of cupsd, ended (%s); started again when "
		"there are more",
		worker_end_text(status, timed_out, why));
	syncer->worker = worker_free(worker);
	syncer->busy = syncer->full = false;
	if (sd_event_now(syncer->host->event, CLOCK_MONOTONIC, &now) >= 0)
		syncer->again = now + AGAIN_USEC;
}

/* It has begun what it had to write back, to which no answer comes, and so is alive. Who had a
 * question asks again before there is more. */
static void on_room(struct worker *worker, void *userdata)
{
	struct syncer *syncer = userdata;
	uint64_t now;

	if (!syncer->full)
		return;
	syncer->full = false;
	(void)worker_deadline(worker, 0);
	if (sd_event_now(syncer->host->event, CLOCK_MONOTONIC, &now) >= 0)
		syncer->quiet = now + QUIET_USEC;
}

/* 0, -EAGAIN or another -errno. */
static int start(struct syncer *syncer)
{
	struct host *host = syncer->host;
	char program[256];
	const char *argv[] = {host_program(host, "platen-spool", program), "sync", NULL};
	struct worker_setup setup = {
		.argv = argv,
		.user = host_worker_user(host),
		.hidden = host_hidden(host),
		.on_message = on_message,
		.on_exit = on_exit_of,
		.on_room = on_room,
		.userdata = syncer,
	};
	uint64_t now;
	int r = sd_event_now(host->event, CLOCK_MONOTONIC, &now);

	if (r < 0)
		return r;
	if (now < syncer->again)
		return -EAGAIN;
	r = worker_new(host->event, &setup, &syncer->worker);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot start %s: %s", argv[0], strerror(-r));
		syncer->again = now + AGAIN_USEC;
	}
	return r;
}

void syncer_ask(struct syncer *syncer, uint32_t host_job, int fd)
{
	struct spool_look m = {
		.head = {.type = SPOOL_SYNC, .size = sizeof(m)}, .host_job = host_job};
	int r;

	if (syncer->busy || syncer->full || (!syncer->worker && start(syncer) < 0))
		return;
	r = worker_send(syncer->worker, &m, fd);
	if (r == -EAGAIN) {
		syncer->full = true;
		(void)worker_deadline(syncer->worker, SYNC_USEC);
	}
	if (r < 0)
		return;
	worker_allow_cpu(syncer->worker, SYNC_CPU);
	syncer->busy = true;
	syncer->host_job = host_job;
	(void)worker_deadline(syncer->worker, SYNC_USEC);
}

/* This worker has none of the submit workers' jobs, so that it may have everybody's documents. */
void syncer_write_back(struct syncer *syncer, const char *spool)
{
	struct ipc_head m = {.type = SPOOL_WRITE_BACK, .size = sizeof(m)};
	int fds[REQUEST_FILES_MOST];
	uint64_t now;
	bool taken = false;
	int count;

	if (syncer->full || sd_event_now(syncer->host->event, CLOCK_MONOTONIC, &now) < 0 ||
		now < syncer->quiet || (!syncer->worker && start(syncer) < 0))
		return;
	count = request_files_open(spool, fds);
	for (int i = 0; i < count; i++) {
		if (worker_send(syncer->worker, &m, fds[i]) ==
			0) /* what it does not take is left */
			taken = true;
		fds[i] = close_fd(fds[i]);
	}
	if (taken && !syncer->busy)
		worker_allow_cpu(syncer->worker, SYNC_CPU);
}

void syncer_forget(struct syncer *syncer)
{
	syncer->host_job = 0;
}
