/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of this guest.
 *
 *   WAITING ─► ASKED ─► SENDING ─► SEALED ─► (ended)
 *      ▲─────────┴─────────┴─────────┘  the session is over, or "try later"
 *
 * A job is opened with the host as soon as a session and its printer's offer are there. Bytes go
 * in turn, a piece per job, within what the host gave credit for. The digest runs over the whole
 * document in order, also over a part that the host already has from an earlier try.
 */
#include "guest/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_FIRST 1000000ULL	/* usec; doubles with each refusal */
#define RETRY_MOST  60000000ULL /* usec */

enum stage {
	STAGE_WAITING,
	STAGE_ASKED,
	STAGE_SENDING,
	STAGE_SEALED,
};

struct job {
	TAILQ_ENTRY(job) link;
	struct agent *agent;
	struct backend *backend; /* NULL: it is gone */
	struct backend_open open;
	int document;
	uint64_t size, sent, hashed; /* bytes */
	uint64_t credit;
	uint32_t ref;
	enum stage stage;
	bool cancelled, was_sealed;
	uint32_t refusals; /* in a row */
	sd_event_source *retry;
	XXH3_state_t *hash;
	struct backend_status status;
};

static uint32_t last_ref;

static struct job *job_by_ref(struct agent *agent, uint32_t ref)
{
	struct job *job;

	TAILQ_FOREACH(job, &agent->jobs, link)
	if (job->stage != STAGE_WAITING && job->ref == ref)
		return job;
	return NULL;
}

static void job_free(struct job *job)
{
	struct agent *agent = job->agent;

	TAILQ_REMOVE(&agent->jobs, job, link);
	job->retry = sd_event_source_disable_unref(job->retry);
	job->document = close_fd(job->document);
	XXH3_freeState(job->hash);
	queues_show_again(agent->queues, job->open.printer);
	free(job);
	queues_look_again(agent->queues); /* a queue may have waited for it */
	job_offer_changed(agent);	  /* and so may a job, see JOBS_OPEN_MAX */
}

uint32_t job_count(const struct agent *agent)
{
	const struct job *job;
	uint32_t n = 0;

	TAILQ_FOREACH(job, &agent->jobs, link)
	n++;
	return n;
}

static void say(struct job *job, const char *text, const char *reasons)
{
	text_copy_line(job->status.text, sizeof(job->status.text), text);
	text_copy_line(job->status.reasons, sizeof(job->status.reasons), reasons);
	if (job->backend)
		backend_status(job->backend, &job->status);
}

/* The short name is not used any more; the host may forget it. */
static void close_ref(struct job *job)
{
	struct message m;

	if (job->stage == STAGE_WAITING)
		return;
	message_init(&m, MESSAGE_JOB_CLOSE);
	m.job_close.ref = job->ref;
	(void)channel_send(job->agent->channel, &m); /* no session, no short names */
	job->stage = STAGE_WAITING;
}

static void job_end(struct job *job, enum backend_exit code, const char *text)
{
	close_ref(job);
	if (job->backend)
		backend_end(job->backend, code, text);
	job_free(job);
}

/* Jobs that are open with the host. */
static uint32_t open_count(const struct agent *agent)
{
	const struct job *job;
	uint32_t n = 0;

	TAILQ_FOREACH(job, &agent->jobs, link)
	n += job->stage != STAGE_WAITING;
	return n;
}

/* Opens the job with the host if it can be; otherwise says what it waits for. */
static void job_try(struct job *job)
{
	struct agent *agent = job->agent;
	struct offered *o = offer_by_name(agent, job->open.printer);
	struct message m;
	struct message_job_open *open = &m.job_open;

	if (job->stage != STAGE_WAITING || job->retry)
		return;
	if (!channel_is_open(agent->channel))
		return say(job, "Waiting for the host", "offline-report,connecting-to-device");
	if (!o || o->gone || o->printer.index == UINT32_MAX)
		return say(
			job, "Waiting for the host to offer this printer", "connecting-to-device");
	if (open_count(agent) >= JOBS_OPEN_MAX)
		return say(job, "Waiting for other jobs to end", "");
	message_init(&m, MESSAGE_JOB_OPEN);
	open->ref = ++last_ref;
	open->printer = o->printer.index;
	open->job = job->open.job;
	open->file = job->open.file;
	open->copies = job->open.copies;
	open->guest_job = job->open.guest_job;
	open->size = job->size;
	memcpy(open->title, job->open.title, sizeof(open->title));
	memcpy(open->user, job->open.user, sizeof(open->user));
	memcpy(open->format, job->open.format, sizeof(open->format));
	open->options_size = job->open.options_size;
	memcpy(open->options, job->open.options, job->open.options_size);
	if (channel_send(agent->channel, &m) < 0)
		return;
	job->ref = open->ref;
	job->stage = STAGE_ASKED;
	say(job, "Sending to the host", "");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	(void)source;
	(void)usec;
	job->retry = sd_event_source_unref(job->retry);
	job_try(job);
	return 0;
}

static void try_later(struct job *job, const char *text)
{
	uint64_t wait = RETRY_FIRST << (job->refusals < 6 ? job->refusals : 6);

	close_ref(job);
	job->refusals++;
	say(job, text, "connecting-to-device");
	(void)sd_event_add_time_relative(job->agent->event, &job->retry, CLOCK_MONOTONIC,
		wait < RETRY_MOST ? wait : RETRY_MOST, 50000, on_retry, job);
	job_offer_changed(job->agent); /* another may take its place meanwhile */
}

struct job *job_new(
	struct agent *agent, struct backend *backend, const struct backend_open *open, int document)
{
	struct job *job = calloc(1, sizeof(*job));
	struct stat st;

	if (!job || fstat(document, &st) < 0 || !S_ISREG(st.st_mode)) {
		free(job);
		return NULL;
	}
	job->hash = XXH3_createState();
	if (!job->hash) {
		free(job);
		return NULL;
	}
	XXH3_128bits_reset(job->hash);
	job->agent = agent;
	job->backend = backend;
	job->open = *open;
	job->document = document;
	job->size = (uint64_t)st.st_size;
	job->status.head = (struct ipc_head){.type = BACKEND_STATUS, .size = sizeof(job->status)};
	TAILQ_INSERT_TAIL(&agent->jobs, job, link);
	job_try(job);
	return job;
}

void job_cancel(struct job *job)
{
	struct message m;

	job->cancelled = true;
	if (job->stage == STAGE_WAITING && !job->was_sealed)
		return job_end(job, BACKEND_EXIT_CANCEL, "");
	if (job->stage == STAGE_WAITING)
		return; /* the host may be printing it: it hears of it when it is back */
	message_init(&m, MESSAGE_JOB_CANCEL);
	m.job_cancel.ref = job->ref;
	(void)channel_send(job->agent->channel, &m); /* without a session: at the next */
}

void job_backend_gone(struct job *job)
{
	job->backend = NULL;
	if (job->cancelled && job->was_sealed)
		return; /* kept to tell the host */
	close_ref(job);
	job_free(job);
}

void job_accepted(struct agent *agent, const struct message_job_accept *accept)
{
	struct job *job = job_by_ref(agent, accept->ref);

	if (!job || job->stage != STAGE_ASKED || accept->offset > job->size)
		return;
	if (job->cancelled) /* while the host was away: nothing more is sent */
		return job_cancel(job);
	job->stage = STAGE_SENDING;
	job->sent = accept->offset;
	job->credit = accept->window;
	channel_kick(agent->channel);
}

void job_credited(struct agent *agent, const struct message_job_credit *credit)
{
	struct job *job = job_by_ref(agent, credit->ref);

	if (!job)
		return;
	job->credit += credit->bytes;
	channel_kick(agent->channel);
}

/* What a job's end on the host means for it here (contract 1: printed, or kept). */
static void ended(struct job *job, const struct message_job_state *s)
{
	switch (s->phase) {
	case JOB_PHASE_CANCELED: return job_end(job, BACKEND_EXIT_CANCEL, s->text);
	case JOB_PHASE_ABORTED:
		return job_end(job, BACKEND_EXIT_HOLD,
			s->text[0] ? s->text : "The host's spooler gave the job up");
	case JOB_PHASE_ASK: return job_end(job, BACKEND_EXIT_HOLD, s->text);
	case JOB_PHASE_REFUSED: break;
	default: return job_end(job, BACKEND_EXIT_OK, "");
	}
	switch (s->refusal) {
	case REFUSAL_EMPTY: return job_end(job, BACKEND_EXIT_CANCEL, s->text);
	case REFUSAL_FORMAT:
	case REFUSAL_POLICY: return job_end(job, BACKEND_EXIT_HOLD, s->text);
	default:
		if (job->cancelled)
			return job_end(job, BACKEND_EXIT_CANCEL, "");
		job->was_sealed = false;
		return try_later(job, s->text);
	}
}

void job_told(struct agent *agent, const struct message_job_state *s)
{
	struct job *job = job_by_ref(agent, s->ref);

	if (!job)
		return;
	if (s->final)
		return ended(job, s);
	job->stage = STAGE_SEALED;
	job->was_sealed = true;
	job->refusals = 0;
	job->status.pages = s->pages;
	job->status.progress = 100;
	say(job, s->text[0] ? s->text : "The host has the job", "");
	if (job->cancelled)
		job_cancel(job);
}

void job_session_over(struct agent *agent)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	{
		job->stage = STAGE_WAITING;
		job->retry = sd_event_source_disable_unref(job->retry);
		job_try(job);
	}
}

void job_offer_changed(struct agent *agent)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	job_try(job);
}

/* Reads a piece at `at`. Its size, 0 at the end, -errno. */
static ssize_t read_piece(struct job *job, uint64_t at, uint8_t *piece)
{
	uint64_t left = job->size - at;
	size_t want = left < FRAME_DATA_MAX ? (size_t)left : FRAME_DATA_MAX;
	ssize_t n;

	do
		n = pread(job->document, piece, want, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void seal(struct job *job)
{
	XXH128_canonical_t digest;
	struct message m;

	message_init(&m, MESSAGE_JOB_SEAL);
	m.job_seal.ref = job->ref;
	m.job_seal.size = job->size;
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(job->hash));
	memcpy(m.job_seal.digest, &digest, DIGEST_SIZE);
	if (channel_send(job->agent->channel, &m) < 0)
		return;
	job->stage = STAGE_SEALED;
	job->was_sealed = true;
}

/* The document cannot be read: the spooler's disk, or somebody took it away. */
static void broken(struct job *job, ssize_t error)
{
	struct log_about about = {.printer = job->open.printer};

	log_line(LOG_ERR, &about, "the document cannot be read: %s",
		error ? strerror((int)-error) : "it became shorter");
	job_end(job, BACKEND_EXIT_FAILED,
		"The document cannot be read from this machine's spooler");
}

/* Queues one piece of one job. Whether it did. */
static bool feed_one(struct job *job)
{
	static uint8_t piece[FRAME_DATA_MAX];
	struct message m;
	ssize_t n;

	if (job->hashed < job->sent) { /* the host has it from before: only the digest wants it */
		n = read_piece(job, job->hashed, piece);
		if (n <= 0)
			return broken(job, n), true;
		if ((uint64_t)n > job->sent - job->hashed)
			n = (ssize_t)(job->sent - job->hashed);
		(void)XXH3_128bits_update(job->hash, piece, (size_t)n);
		job->hashed += (uint64_t)n;
		return true;
	}
	if (job->sent == job->size && job->hashed == job->size)
		return seal(job), true;
	if (job->credit == 0)
		return false;
	n = read_piece(job, job->sent, piece);
	if (n <= 0)
		return broken(job, n), true;
	if ((uint64_t)n > job->credit)
		n = (ssize_t)job->credit;
	message_init(&m, MESSAGE_JOB_DATA);
	m.job_data.ref = job->ref;
	m.job_data.offset = job->sent;
	m.job_data.data_size = (uint32_t)n;
	m.job_data.data = piece;
	if (channel_send(job->agent->channel, &m) < 0)
		return false;
	if (job->hashed < job->sent + (uint64_t)n) {
		size_t skip = (size_t)(job->hashed - job->sent);

		(void)XXH3_128bits_update(job->hash, piece + skip, (size_t)n - skip);
		job->hashed += (uint64_t)n - skip;
	}
	job->sent += (uint64_t)n;
	job->credit -= (uint64_t)n;
	if (job->size && job->sent * 100 / job->size >= job->status.progress + 10) {
		job->status.progress = (uint32_t)(job->sent * 100 / job->size);
		if (job->backend)
			backend_status(job->backend, &job->status);
	}
	return true;
}

bool job_feed(struct agent *agent)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	{
		if (job->stage != STAGE_SENDING)
			continue;
		/* Whoever was served goes to the end of the line. */
		if (job->sent == job->size || job->credit || job->hashed < job->sent) {
			TAILQ_REMOVE(&agent->jobs, job, link);
			TAILQ_INSERT_TAIL(&agent->jobs, job, link);
			return feed_one(job);
		}
	}
	return false;
}

void job_free_all(struct agent *agent)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&agent->jobs))) {
		TAILQ_REMOVE(&agent->jobs, job, link);
		job->retry = sd_event_source_disable_unref(job->retry);
		job->document = close_fd(job->document);
		XXH3_freeState(job->hash);
		free(job);
	}
}
