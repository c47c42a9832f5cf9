/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers that speak with the host's cupsd.
 *
 * libcups blocks, so one platen-spool watches and each job is taken by another. Those stand ready
 * beforehand, for a page must not wait for a process to start; a few more are started under load,
 * and ended again when there was nothing for them to do for a while; a job for which there is none
 * yet waits in its guest. A workspace has a share of them, in which one counts until it has also
 * cleaned up: opening and closing jobs wins nothing. Its first is to be had also when others hold
 * all that more than one may have; but a cupsd has so many clients and no more, among them this
 * watch and the people of the host, so that there is an end of firsts, too: then whoever has none
 * is next.
 */
#include "host/spooler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/growth.h"
#include "host/job.h"
#include "host/owed.h"
#include "host/printer.h"
#include "host/spares.h"
#include "host/syncer.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define SUBMIT_SPARE  2	 /* ready when nothing goes on */
#define SUBMIT_MOST   48 /* at once, but for a workspace's first */
#define SUBMIT_EACH   8	 /* of them for one workspace */
#define SUBMIT_ALL    80 /* with firsts and those that are ready; cupsd's MaxClients is 100 */
#define PONG_USEC     30000000ULL
#define WATCH_CPU     60000000ULL  /* usec of processor time between two answers */
#define START_USEC    30000000ULL  /* until it is ready */
#define PIECE_USEC    60000000ULL  /* for cupsd to take 64 KiB of a document */
#define SUBMIT_CPU    600000000ULL /* of one job */
#define SPARE_USEC    60000000ULL  /* that a worker is idle before it is ended */
#define RESTART_FIRST 200000ULL
#define RESTART_MOST  10000000ULL

struct submit {
	TAILQ_ENTRY(submit) link;
	struct spooler *spooler;
	struct worker *worker;
	struct job *job;      /* NULL: none, or it let go */
	struct uuid busy_for; /* its job's workspace, until it is ready again; null: nobody's */
	bool ready;
	uint32_t awaited; /* what its deadline is for, by type; 0: nothing */
};

struct spooler {
	struct host *host;
	struct worker *watch;
	struct owed owed; /* to the watch */
	struct syncer *syncer;
	bool pinged; /* its answer is due */
	sd_event_source *restart;
	uint32_t failures;
	bool up, listed;
	char text[MESSAGE_SIZE], events[MESSAGE_SIZE];
	TAILQ_HEAD(submit_list, submit) submits;
	struct spares spares;
	sd_event_source *trim, *grow;
	struct growth growth;
};

static void watch_start(struct spooler *spooler);
static void pool_fill(struct spooler *spooler);
static void pool_look(struct spooler *spooler);

bool spooler_up(const struct spooler *spooler, const char **ret_text)
{
	*ret_text = spooler->text;
	return spooler->up;
}

const char *spooler_events(const struct spooler *spooler)
{
	return spooler->events;
}

bool spooler_listed(const struct spooler *spooler)
{
	return spooler->listed;
}

static void on_text(struct spooler *spooler, const struct spool_text *t, bool up)
{
	if (!text_terminated(t->text, sizeof(t->text)))
		return;
	if (up != spooler->up || !spooler->text[0])
		log_event(LOG_ID_HOST_SPOOLER, up ? LOG_INFO : LOG_WARNING, NULL,
			"the spooler %s: %s", up ? "answers" : "does not answer", t->text);
	spooler->up = up;
	text_copy_line(spooler->text, sizeof(spooler->text), t->text);
	if (up)
		spooler->failures = 0;
}

static void on_watch_message(
	struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct spooler *spooler = userdata;
	struct host *host = spooler->host;
	const struct spool_printer_gone *gone = (const struct spool_printer_gone *)m;
	const struct spool_text *text = (const struct spool_text *)m;

	(void)fd;
	if (spooler->pinged) /* a long listing is no silence */
		(void)worker_deadline(worker, PONG_USEC);
	switch (m->type) {
	case SPOOL_PONG:
		spooler->pinged = false;
		(void)worker_deadline(worker, 0);
		worker_allow_cpu(worker, WATCH_CPU);
		return;
	case SPOOL_UP:
	case SPOOL_DOWN:
		if (m->size == sizeof(struct spool_text))
			on_text(spooler, (const struct spool_text *)m, m->type == SPOOL_UP);
		if (m->type == SPOOL_UP) {
			owed_forget(&spooler->owed);
			syncer_forget(spooler->syncer);
			job_spooler_up(host);
		}
		return;
	case SPOOL_EVENTS:
		if (m->size == sizeof(*text) && text_terminated(text->text, sizeof(text->text)))
			text_copy_line(spooler->events, sizeof(spooler->events), text->text);
		return;
	case SPOOL_PRINTER:
		if (m->size == sizeof(struct spool_printer) &&
			printer_update(host, (const struct spool_printer *)m) < 0)
			log_line(LOG_WARNING, NULL,
				"a printer was left out: its attributes are not sound");
		return;
	case SPOOL_PRINTER_GONE:
		if (m->size != sizeof(*gone) || !text_terminated(gone->name, sizeof(gone->name)))
			return;
		printer_remove(host, gone->name);
		job_printer_gone(host, gone->name);
		return;
	case SPOOL_JOB:
		if (m->size == sizeof(struct spool_job))
			job_on_host(host, (const struct spool_job *)m);
		return;
	case SPOOL_LISTING: job_listing(host); return;
	case SPOOL_LISTED:
		spooler->listed = true;
		printer_remove_unheard(host, job_printer_gone);
		job_listed(host);
		host_settle(host);
		return;
	default: return;
	}
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct spooler *spooler = userdata;

	(void)source;
	(void)usec;
	spooler->restart = sd_event_source_unref(spooler->restart);
	if (!spooler->watch)
		watch_start(spooler);
	pool_fill(spooler);
	job_worker_ready(spooler->host); /* the share of the one that ended is free */
	return 0;
}

static void restart_later(struct spooler *spooler)
{
	uint64_t wait = RESTART_FIRST << (spooler->failures < 6 ? spooler->failures : 6);
	uint64_t now;

	spooler->failures++;
	if (spooler->restart || sd_event_now(spooler->host->event, CLOCK_MONOTONIC, &now) < 0)
		return;
	(void)sd_event_add_time(spooler->host->event, &spooler->restart, CLOCK_MONOTONIC,
		now + (wait < RESTART_MOST ? wait : RESTART_MOST), 50000, on_restart, spooler);
}

static void on_watch_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct spooler *spooler = userdata;
	char why[160];

	log_line(LOG_WARNING, NULL,
		"platen-spool watch, which asks cupsd, ended (%s); started again",
		worker_end_text(status, timed_out, why));
	spooler->watch = worker_free(worker);
	owed_forget(&spooler->owed);
	spooler->pinged = spooler->owed.ping = false;
	spooler->up = spooler->listed = false;
	printer_all_unheard(spooler->host);
	(void)text_printf(
		spooler->text, sizeof(spooler->text), "platen-spool is being started again");
	restart_later(spooler);
}

static void on_watch_room(struct worker *worker, void *userdata)
{
	struct spooler *spooler = userdata;

	owed_send(&spooler->owed, worker);
}

static void watch_start(struct spooler *spooler)
{
	struct host *host = spooler->host;
	char program[256];
	const char *argv[] = {host_program(host, "platen-spool", program), "watch",
		host->config.cups_socket, host->config.run_dir, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.user = host_worker_user(host),
		.hidden = host_hidden(host),
		.on_message = on_watch_message,
		.on_exit = on_watch_exit,
		.on_room = on_watch_room,
		.userdata = spooler,
	};
	int r = worker_new(host->event, &setup, &spooler->watch);

	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot start %s: %s", argv[0], strerror(-r));
		restart_later(spooler);
		return;
	}
	worker_allow_cpu(spooler->watch, WATCH_CPU);
}

static void on_submit_message(
	struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct submit *submit = userdata;
	struct spooler *spooler = submit->spooler;

	(void)fd;
	/* Another word than the one that is due leaves the deadline: a worker may be about to say
	 * something of before when it is asked, and then stall. */
	if (m->type == submit->awaited || m->type == SUBMIT_READY) {
		submit->awaited = 0;
		(void)worker_deadline(worker, 0);
	}
	if (m->type == SUBMIT_READY) {
		struct job *job = submit->job;

		submit->ready = true;
		submit->job = NULL;
		if (!uuid_is_null(&submit->busy_for))
			(void)sd_event_now(
				spooler->host->event, CLOCK_MONOTONIC, &spooler->growth.returned);
		submit->busy_for = (struct uuid){0};
		if (job) /* dropped without a word: two jobs must never have one worker */
			job_on_submit_exit(job, false);
		worker_allow_cpu(worker, SUBMIT_CPU);
		job_worker_ready(spooler->host);
		pool_look(spooler);
	} else if (submit->job) {
		job_on_submit(submit->job, m);
	}
}

static void submit_remove(struct submit *submit)
{
	struct spooler *spooler = submit->spooler;

	TAILQ_REMOVE(&spooler->submits, submit, link);
	if (spooler->host->ending) /* it may sync a document */
		submit->worker = worker_abandon(submit->worker);
	else
		submit->worker = worker_free(submit->worker);
	free(submit);
}

static void on_submit_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct submit *submit = userdata;
	struct spooler *spooler = submit->spooler;
	struct job *job = submit->job;
	char why[160];

	(void)worker;
	log_line(LOG_WARNING, NULL, "platen-spool submit, which asks cupsd, ended (%s)",
		worker_end_text(status, timed_out, why));
	submit_remove(submit);
	if (job)
		job_on_submit_exit(job, timed_out);
	restart_later(spooler);
}

static int submit_start(struct spooler *spooler)
{
	struct host *host = spooler->host;
	char program[256];
	const char *argv[] = {host_program(host, "platen-spool", program), "submit",
		host->config.cups_socket, NULL};
	struct submit *submit = calloc(1, sizeof(*submit));
	struct worker_setup setup = {
		.argv = argv,
		.user = host_worker_user(host),
		.hidden = host_hidden(host),
		.on_message = on_submit_message,
		.on_exit = on_submit_exit,
		.userdata = submit,
	};
	int r;

	if (!submit)
		return -ENOMEM;
	submit->spooler = spooler;
	r = worker_new(host->event, &setup, &submit->worker);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot start %s: %s", argv[0], strerror(-r));
		free(submit);
		return r;
	}
	submit->awaited = SUBMIT_READY;
	(void)worker_deadline(submit->worker, START_USEC);
	TAILQ_INSERT_TAIL(&spooler->submits, submit, link);
	return 0;
}

/* Those that are idle, or those that have a job or clean up behind one. */
static uint32_t pool_count(const struct spooler *spooler, bool idle)
{
	const struct submit *submit;
	uint32_t count = 0;

	TAILQ_FOREACH(submit, &spooler->submits, link)
	count += uuid_is_null(&submit->busy_for) == idle;
	return count;
}

static int on_grow(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct spooler *spooler = userdata;

	(void)source;
	(void)usec;
	spooler->grow = sd_event_source_unref(spooler->grow);
	pool_fill(spooler);
	return 0;
}

/* How many workspaces have one at work. */
static uint32_t served(const struct spooler *spooler)
{
	const struct submit *submit, *before;
	uint32_t count = 0;

	TAILQ_FOREACH(submit, &spooler->submits, link)
	{
		if (uuid_is_null(&submit->busy_for))
			continue;
		before = submit;
		do
			before = TAILQ_PREV(before, submit_list, link);
		while (before && !uuid_equal(&before->busy_for, &submit->busy_for));
		count += !before;
	}
	return count;
}

/* Whether one more may be started now; if not, there is a look at it later. */
static bool may_grow(struct spooler *spooler)
{
	sd_event *event = spooler->host->event;
	uint64_t now;

	if (sd_event_now(event, CLOCK_MONOTONIC, &now) < 0 ||
		growth_may(&spooler->growth, served(spooler), now))
		return true;
	return !spooler->grow &&
	       sd_event_add_time_relative(event, &spooler->grow, CLOCK_MONOTONIC,
		       GROWTH_RETURN_USEC, GROWTH_RETURN_USEC / 5, on_grow, spooler) < 0;
}

/* Keeps a few ready beyond those at work, of which there are SUBMIT_MOST and one for each workspace
 * at most: spooler_take(). There is a connection to cupsd for each. */
static void pool_fill(struct spooler *spooler)
{
	uint32_t idle = pool_count(spooler, true), all = idle + pool_count(spooler, false);

	if (spooler->host->ending)
		return;
	for (; idle < SUBMIT_SPARE && all < SUBMIT_ALL && may_grow(spooler); idle++, all++)
		if (submit_start(spooler) < 0) {
			restart_later(spooler);
			return;
		}
}

/* Ends those that nobody had use for, the youngest first: the oldest is taken first. */
static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct spooler *spooler = userdata;
	uint32_t surplus = spares_passed(&spooler->spares, pool_count(spooler, true));
	struct submit *submit = TAILQ_LAST(&spooler->submits, submit_list);

	(void)source;
	(void)usec;
	while (submit && surplus) {
		struct submit *before = TAILQ_PREV(submit, submit_list, link);

		if (submit->ready) {
			submit_remove(submit);
			surplus--;
		}
		submit = before;
	}
	pool_look(spooler);
	return 0;
}

/* One more is idle, or one less. */
static void pool_look(struct spooler *spooler)
{
	if (!spares_changed(&spooler->spares, pool_count(spooler, true)))
		return;
	spooler->trim = sd_event_source_disable_unref(spooler->trim);
	if (sd_event_add_time_relative(spooler->host->event, &spooler->trim, CLOCK_MONOTONIC,
		    SPARE_USEC, 5000000, on_trim, spooler) < 0)
		spooler->spares.is_counting = false; /* the next change begins the while */
}

int spooler_new(struct host *host, struct spooler **ret_spooler)
{
	struct spooler *spooler = calloc(1, sizeof(*spooler));

	if (!spooler)
		return -ENOMEM;
	if (syncer_new(host, &spooler->syncer) < 0) {
		free(spooler);
		return -ENOMEM;
	}
	spooler->host = host;
	spooler->spares.keep = SUBMIT_SPARE;
	TAILQ_INIT(&spooler->submits);
	owed_init(&spooler->owed);
	*ret_spooler = spooler;
	watch_start(spooler);
	pool_fill(spooler);
	return 0;
}

struct spooler *spooler_free(struct spooler *spooler)
{
	if (!spooler)
		return NULL;
	while (!TAILQ_EMPTY(&spooler->submits))
		submit_remove(TAILQ_FIRST(&spooler->submits));
	spooler->watch = worker_free(spooler->watch);
	spooler->syncer = syncer_free(spooler->syncer);
	owed_forget(&spooler->owed);
	spooler->restart = sd_event_source_disable_unref(spooler->restart);
	spooler->trim = sd_event_source_disable_unref(spooler->trim);
	spooler->grow = sd_event_source_disable_unref(spooler->grow);
	free(spooler);
	return NULL;
}

uint32_t spooler_share(const struct spooler *spooler, const struct uuid *workspace)
{
	const struct submit *submit;
	uint32_t share = 0;

	TAILQ_FOREACH(submit, &spooler->submits, link)
	share += uuid_equal(&submit->busy_for, workspace);
	return share;
}

struct submit *spooler_take(struct spooler *spooler, struct job *job)
{
	uint32_t share = spooler_share(spooler, &job->row.key.workspace);
	struct submit *submit;

	if (share >= SUBMIT_EACH || (share && pool_count(spooler, false) >= SUBMIT_MOST))
		return NULL;
	TAILQ_FOREACH(submit, &spooler->submits, link)
	if (submit->ready)
		break;
	if (submit) {
		submit->ready = false;
		submit->job = job;
		submit->busy_for = job->row.key.workspace;
	}
	pool_look(spooler);
	pool_fill(spooler);
	return submit;
}

/* The word that a message is answered with, by type. */
static uint32_t answer_to(uint32_t type)
{
	switch (type) {
	case SUBMIT_OPEN: return SUBMIT_OPENED;
	case SUBMIT_QUERY: return SUBMIT_OFFSET;
	case SUBMIT_SEAL: return SUBMIT_SEALED;
	case SUBMIT_SYNC: return SUBMIT_SYNCED;
	case SUBMIT_RELEASE: return SUBMIT_RELEASED;
	case SUBMIT_PING: return SUBMIT_PONG;
	default: return SUBMIT_READY;
	}
}

int submit_send(struct submit *submit, const void *msg, int fd, uint64_t usec)
{
	int r = worker_send(submit->worker, msg, fd);

	if (r < 0)
		return r;
	submit->awaited = answer_to(((const struct ipc_head *)msg)->type);
	return worker_deadline(submit->worker, usec);
}

int submit_tell(struct submit *submit, const void *msg, int fd)
{
	return worker_send(submit->worker, msg, fd);
}

void submit_deadline(struct submit *submit, uint64_t usec)
{
	(void)worker_deadline(submit->worker, usec);
}

void submit_kill(struct submit *submit)
{
	struct spooler *spooler = submit->spooler;

	submit_remove(submit);
	pool_fill(spooler);
}

void submit_release(struct submit *submit)
{
	submit->job = NULL;
}

void spooler_cancel(
	struct spooler *spooler, uint32_t host_job, const struct uuid *job, uint32_t file)
{
	struct spool_cancel m = {.head = {.type = SPOOL_CANCEL, .size = sizeof(m)},
		.host_job = host_job,
		.file = file,
		.job = *job};

	if (spooler->watch)
		owed_cancel(&spooler->owed, spooler->watch, &m); /* or the listing tells it again */
}

void spooler_check(struct spooler *spooler)
{
	if (spooler->watch)
		owed_check(&spooler->owed, spooler->watch);
}

struct syncer *spooler_syncer(struct spooler *spooler)
{
	return spooler->syncer;
}

void spooler_look(struct spooler *spooler, uint32_t host_job)
{
	struct spool_look m = {
		.head = {.type = SPOOL_LOOK, .size = sizeof(m)}, .host_job = host_job};

	if (spooler->watch)
		(void)worker_send(spooler->watch, &m, -1); /* comes again */
}

/* A worker that moves a document is owed nothing, and may stall with a cupsd that takes no more of
 * it: whether it still looks up from that is asked now and then. */
static void submit_ping(struct submit *submit)
{
	struct ipc_head ping = {.type = SUBMIT_PING, .size = sizeof(ping)};

	if (submit->job && submit->job->stage == JOB_TRANSFER && !submit->awaited)
		(void)submit_send(submit, &ping, -1, PIECE_USEC);
}

void spooler_tick(struct spooler *spooler)
{
	struct submit *submit;

	TAILQ_FOREACH(submit, &spooler->submits, link)
	submit_ping(submit);
	job_worker_ready(spooler->host); /* a share may have become free otherwise */
	/* One ping at a time: each more would put off what happens when none is answered. */
	if (!spooler->watch || spooler->pinged)
		return;
	spooler->pinged = true;
	owed_ping(&spooler->owed, spooler->watch);
	(void)worker_deadline(spooler->watch, PONG_USEC);
}
