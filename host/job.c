/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to one job, from its opening by the guest to its end on the host.
 *
 *   WAITING ─► TRANSFER ─► SEALING ─► SYNCING ─► RELEASING ─► FOLLOWED ─► ENDED
 *
 * Up to SYNCING nothing can print: whatever dies, the held job is cancelled and the guest sends
 * again. From RELEASING on the job may print, so it is never sent again: that line is crossed only
 * after the ledger is on disk. An answer that does not come leaves the job unsure, and the
 * spooler's own list decides; where even that cannot tell, a person is asked.
 */
#include "host/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/allowed.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/spooler.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define GRACE_USEC     60000000ULL  /* a broken-off transfer may go on within */
#define ANSWER_USEC    30000000ULL  /* cupsd's answer to one request */
#define DRAIN_USEC     300000000ULL /* the rest of a sealed document into cupsd */
#define PIPE_BYTES     (512 * 1024)
#define HOST_HELD      4 /* job-state, RFC 8011 5.3.7 */
#define HOST_STOPPED   6
#define HOST_CANCELED  7
#define HOST_ABORTED   8
#define HOST_COMPLETED 9

static struct log_about about_of(const struct job *job, char uuid[static UUID_TEXT_SIZE])
{
	return (struct log_about){.workspace = job->row.workspace_name,
		.job = uuid_format(&job->row.key.job, uuid),
		.printer = job->row.printer};
}

#define TELL(id, priority, job, ...)                                                               \
	do {                                                                                       \
		if ((job)->workspace && !quota_line((job)->workspace))                             \
			break;                                                                     \
		char say_uuid[UUID_TEXT_SIZE];                                                     \
		struct log_about say_about = about_of(job, say_uuid);                              \
		log_event(id, priority, &say_about, __VA_ARGS__);                                  \
	} while (0)

#define SAY(priority, job, ...) TELL(NULL, priority, job, __VA_ARGS__)

const char *job_phase_name(uint32_t phase)
{
	static const char *const names[JOB_PHASE_COUNT] = {
		[JOB_PHASE_TRANSFER] = "transfer",
		[JOB_PHASE_PENDING] = "pending",
		[JOB_PHASE_PROCESSING] = "processing",
		[JOB_PHASE_STOPPED] = "stopped",
		[JOB_PHASE_COMPLETED] = "completed",
		[JOB_PHASE_CANCELED] = "canceled",
		[JOB_PHASE_ABORTED] = "aborted",
		[JOB_PHASE_REFUSED] = "refused",
		[JOB_PHASE_ASK] = "ask",
	};

	return phase < JOB_PHASE_COUNT && names[phase] ? names[phase] : "unknown";
}

uint32_t job_phase_of(const struct ledger_job *row)
{
	switch (row->state) {
	case LEDGER_OPEN: return JOB_PHASE_TRANSFER;
	case LEDGER_RELEASE: return JOB_PHASE_PENDING;
	case LEDGER_COMPLETED: return JOB_PHASE_COMPLETED;
	case LEDGER_CANCELED: return JOB_PHASE_CANCELED;
	case LEDGER_ABORTED: return JOB_PHASE_ABORTED;
	case LEDGER_ASK: return JOB_PHASE_ASK;
	}
	return JOB_PHASE_ASK;
}

static bool is_final(const struct job *job)
{
	return job->phase >= JOB_PHASE_COMPLETED ||
	       (job->row.pool && job->phase >= JOB_PHASE_PENDING);
}

static void job_free(struct job *job)
{
	TAILQ_REMOVE(&job->host->jobs, job, link);
	job->grace = sd_event_source_disable_unref(job->grace);
	job->pipe = close_fd(job->pipe);
	if (job->submit)
		submit_kill(job->submit);
	free(job);
}

static struct job *job_new(struct host *host, const struct ledger_key *key)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->host = host;
	job->row.key = *key;
	job->pipe = -1;
	job->phase = JOB_PHASE_TRANSFER;
	TAILQ_INSERT_TAIL(&host->jobs, job, link);
	return job;
}

static bool key_equal(const struct ledger_key *a, const struct ledger_key *b)
{
	return a->file == b->file && uuid_equal(&a->job, &b->job) &&
	       uuid_equal(&a->workspace, &b->workspace);
}

static struct job *job_by_key(struct host *host, const struct ledger_key *key)
{
	struct job *job;

	TAILQ_FOREACH(job, &host->jobs, link)
	if (key_equal(&job->row.key, key))
		return job;
	return NULL;
}

static struct job *job_by_ref(struct workspace *ws, uint32_t ref)
{
	struct job *job;

	TAILQ_FOREACH(job, &ws->host->jobs, link)
	if (job->open && job->workspace == ws && job->ref == ref)
		return job;
	return NULL;
}

/* Tells the guest how the job stands, now or when there is room. */
static void job_tell(struct job *job)
{
	struct message m;

	if (!job->open || !job->workspace)
		return;
	message_init(&m, MESSAGE_JOB_STATE);
	m.job_state.ref = job->ref;
	m.job_state.phase = job->phase;
	m.job_state.refusal = job->phase == JOB_PHASE_REFUSED ? job->refusal : REFUSAL_NONE;
	m.job_state.final = is_final(job);
	m.job_state.host_job = job->row.host_job;
	m.job_state.pages = job->row.pages;
	(void)text_copy(m.job_state.reasons, sizeof(m.job_state.reasons), job->reasons);
	text_copy_line(m.job_state.text, sizeof(m.job_state.text), job->text);
	job->tell = workspace_send(job->workspace, &m, -1) == -EAGAIN;
}

void job_pump(struct workspace *ws)
{
	struct job *job;

	TAILQ_FOREACH(job, &ws->host->jobs, link)
	if (job->tell && job->workspace == ws)
		job_tell(job);
}

static int job_record(struct job *job, enum ledger_state state)
{
	int r;

	job->row.state = state;
	if (state >= LEDGER_COMPLETED && !job->row.ended)
		job->row.ended = time(NULL);
	text_copy_line(job->row.text, sizeof(job->row.text), job->text);
	r = ledger_put(job->host->ledger, &job->row);
	if (r < 0)
		SAY(LOG_ERR, job, "the ledger cannot be written: %s", strerror(-r));
	return r;
}

/* The transfer is over, one way or the other: what it used is given back. */
static void transfer_end(struct job *job, bool kill)
{
	job->grace = sd_event_source_disable_unref(job->grace);
	job->pipe = close_fd(job->pipe);
	if (job->submit && kill)
		submit_kill(job->submit);
	else if (job->submit)
		submit_release(job->submit);
	job->submit = NULL;
}

/* The job will not be taken now: nothing of it can have printed. */
static void job_refuse(struct job *job, enum job_refusal refusal, const char *text)
{
	TELL(LOG_ID_JOB_REFUSED, LOG_NOTICE, job, "not taken: %s", text);
	transfer_end(job, false);
	(void)ledger_remove(job->host->ledger, &job->row.key); /* an OPEN row would do no harm */
	job->stage = JOB_ENDED;
	job->phase = JOB_PHASE_REFUSED;
	job->refusal = refusal;
	text_copy_line(job->text, sizeof(job->text), text);
	job_tell(job);
	if (!job->open)
		job_free(job);
}

static void job_end(struct job *job, uint32_t phase, enum ledger_state state, const char *text)
{
	transfer_end(job, false);
	job->stage = JOB_ENDED;
	job->phase = phase;
	job->unsure = false;
	if (text)
		text_copy_line(job->text, sizeof(job->text), text);
	(void)job_record(job, state); /* said; a later question finds the host's job */
	TELL(LOG_ID_JOB_ENDED, LOG_INFO, job, "%s on the host, job %u, %u pages",
		job_phase_name(phase), job->row.host_job, job->row.pages);
	job_tell(job);
	if (!job->open)
		job_free(job);
}

/* The host may have printed it or not, and nobody can tell. */
static void job_ask(struct job *job)
{
	TELL(LOG_ID_JOB_UNSURE, LOG_WARNING, job,
		"the spooler does not know the job any more: look whether it was printed");
	job_end(job, JOB_PHASE_ASK, LEDGER_ASK,
		"It is not known whether this was printed: look at the printer, then print it "
		"again or cancel it");
}

/* Gives the document's pipe to the worker and to the channel. */
static void transfer_begin(struct job *job)
{
	_cleanup_close_ int in = -1;
	struct message m;
	int fds[2], r;

	job->submit = spooler_take(job->host->spooler, job);
	if (!job->submit)
		return; /* stays WAITING */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		job_refuse(job, REFUSAL_FAILED, "the host has no descriptors left; tried again");
		return;
	}
	in = fds[0];
	job->pipe = fds[1];
	(void)fcntl(job->pipe, F_SETPIPE_SZ, PIPE_BYTES); /* the default works, slower */
	r = submit_send(job->submit, &job->submission, in, ANSWER_USEC);
	if (r < 0) {
		job_refuse(job, REFUSAL_FAILED, "the spooler's worker is gone; tried again");
		return;
	}
	job->stage = JOB_TRANSFER;
	message_init(&m, MESSAGE_JOB_ACCEPT);
	m.job_accept.ref = job->ref;
	m.job_accept.window = JOB_WINDOW;
	(void)workspace_send(job->workspace, &m, job->pipe); /* lost only with the session */
}

void job_worker_ready(struct host *host)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	{
		if (job->stage != JOB_WAITING || !job->open)
			continue;
		transfer_begin(job); /* it stays if its workspace has its share of workers */
	}
}

/* A transfer that broke off goes on: the worker says how far it is. */
static void transfer_resume(struct job *job)
{
	struct ipc_head query = {.type = SUBMIT_QUERY, .size = sizeof(query)};

	job->grace = sd_event_source_disable_unref(job->grace);
	if (job->stage == JOB_TRANSFER && job->submit)
		(void)submit_send(job->submit, &query, -1, ANSWER_USEC);
}

static void on_offset(struct job *job, const struct submit_progress *p)
{
	struct message m;

	if (job->stage != JOB_TRANSFER || !job->open || !job->workspace)
		return;
	message_init(&m, MESSAGE_JOB_ACCEPT);
	m.job_accept.ref = job->ref;
	m.job_accept.window = JOB_WINDOW;
	m.job_accept.offset = p->offset;
	(void)workspace_send(job->workspace, &m, job->pipe); /* lost only with the session */
	SAY(LOG_INFO, job, "goes on at byte %llu", (unsigned long long)p->offset);
}

/* Banners are the host's spooler's, whoever has rendered the pages. */
static void keep_sheets(const struct message_job_open *open, struct submit_open *s)
{
	const char *sheets = options_get(open->options, open->options_size, "job-sheets");

	if (sheets)
		(void)options_add(s->options, sizeof(s->options), &s->options_size, "job-sheets",
			sheets); /* cannot be more than came */
}

static void submission_fill(
	struct job *job, const struct printer *printer, const struct message_job_open *open)
{
	struct submit_open *s = &job->submission;
	char names[TEXT_SIZE];
	uint32_t left_out;

	*s = (struct submit_open){.head = {.type = SUBMIT_OPEN, .size = sizeof(*s)},
		.file = open->file,
		.copies = open->copies,
		.pages_only = !job->host->config.raw && !open->rendered,
		.job = open->job,
		.workspace = job->row.key.workspace};
	(void)text_copy(s->printer, sizeof(s->printer), job->row.printer);
	(void)text_copy(s->owner, sizeof(s->owner), job->row.owner);
	(void)text_copy(s->user, sizeof(s->user), open->user);
	(void)text_copy(s->title, sizeof(s->title), open->title[0] ? open->title : "Untitled");
	(void)text_copy(s->format, sizeof(s->format),
		open->rendered ? "application/vnd.cups-raw" : open->format);
	if (open->rendered) /* the rest was applied in the workspace */
		return keep_sheets(open, s);
	left_out = allowed_options(job->host, printer->driver.sha256, open, s, names);
	if (left_out)
		SAY(LOG_NOTICE, job, "%u options are not a workspace's to set and are left out: %s",
			left_out, names);
}

static void row_fill(struct job *job, struct workspace *ws, const char *printer, bool pool,
	const struct message_job_open *open)
{
	struct ledger_job *row = &job->row;

	row->state = LEDGER_OPEN;
	row->pool = pool;
	row->size = open->size;
	row->opened = time(NULL);
	(void)text_copy(row->workspace_name, sizeof(row->workspace_name), ws->name);
	(void)text_copy(row->printer, sizeof(row->printer), printer);
	(void)text_copy(row->title, sizeof(row->title), open->title);
	(void)text_copy(row->user, sizeof(row->user), open->user);
	(void)workspace_owner(ws, row->owner);
}

/* The job is known: its state is the answer, and nothing is sent again. */
static void job_reopen(struct job *job, struct workspace *ws, uint32_t ref)
{
	job->workspace = ws;
	job->ref = ref;
	job->open = true;
	job->grace = sd_event_source_disable_unref(job->grace);
	switch (job->stage) {
	case JOB_WAITING: transfer_begin(job); return;
	case JOB_TRANSFER: transfer_resume(job); return;
	case JOB_SEALING: return; /* the worker's verdict comes */
	default: job_tell(job); return;
	}
}

static void open_new(struct job *job, struct workspace *ws, const struct message_job_open *open)
{
	struct offer_entry *entry = &ws->offers[open->printer];
	struct printer *printer = entry->printer;
	char text[MESSAGE_SIZE];
	const char *why;

	row_fill(job, ws, entry->name, printer && printer->is.kind == PRINTER_POOL, open);
	if (!printer)
		return job_refuse(job, REFUSAL_PRINTER_GONE,
			"the printer is not offered any more; the job waits for it");
	if (open->size == 0)
		return job_refuse(job, REFUSAL_EMPTY, "the document is empty: nothing to print");
	if (!spooler_up(ws->host->spooler, &why))
		return job_refuse(job, REFUSAL_SPOOLER_DOWN,
			"the host's spooler does not answer; the job waits for it");
	if (restarts_holds_jobs(ws->restarts))
		return job_refuse(job, REFUSAL_NOT_ACCEPTING,
			"the workspace is about to restart; the job is printed after it");
	if (!printer->is.accepting)
		return job_refuse(job, REFUSAL_NOT_ACCEPTING,
			"the host's queue is not accepting jobs; the job waits for it");
	if (!quota_job(job, text))
		return job_refuse(job, REFUSAL_QUOTA, text);
	if (open->rendered &&
		renderings_of(ws->host->renderings, printer->is.name, NULL) != RENDERING_GUEST)
		return job_refuse(job, REFUSAL_POLICY,
			"it was rendered in the workspace, and this printer is rendered on the "
			"host: print it again");
	submission_fill(job, printer, open);
	if (job_record(job, LEDGER_OPEN) < 0)
		return job_refuse(job, REFUSAL_NO_SPACE,
			"the host's disk is full or broken; the job waits for it");
	job->stage = JOB_WAITING;
	transfer_begin(job);
}

void job_open(struct workspace *ws, const struct message_job_open *open)
{
	struct ledger_key key = {.workspace = ws->uuid, .job = open->job, .file = open->file};
	struct job *job = job_by_key(ws->host, &key);
	int r;

	if (job && job->stage == JOB_ENDED && job->phase == JOB_PHASE_REFUSED) {
		job_free(job); /* its refusal was told: this is the next try */
		job = NULL;
	}
	if (job)
		return job_reopen(job, ws, open->ref);
	job = job_new(ws->host, &key);
	if (!job)
		return; /* no memory: the guest asks again at its next session */
	job->workspace = ws;
	job->ref = open->ref;
	job->open = true;
	r = ledger_get(ws->host->ledger, &key, &job->row);
	if (r == 0 && job->row.state != LEDGER_OPEN) {
		job->stage = JOB_ENDED;
		job->phase = job_phase_of(&job->row);
		text_copy_line(job->text, sizeof(job->text), job->row.text);
		return job_tell(job);
	}
	if (r < 0 && r != -ENOENT)
		return job_refuse(
			job, REFUSAL_FAILED, "the host's ledger cannot be read; the job waits");
	open_new(job, ws, open);
}

void job_seal(struct workspace *ws, const struct message_job_seal *seal)
{
	struct job *job = job_by_ref(ws, seal->ref);
	struct submit_seal m = {
		.head = {.type = SUBMIT_SEAL, .size = sizeof(m)}, .size = seal->size};

	if (!job || job->stage != JOB_TRANSFER || !job->submit)
		return; /* refused meanwhile: the guest will hear */
	memcpy(m.digest, seal->digest, DIGEST_SIZE);
	job->row.size = seal->size;
	job->stage = JOB_SEALING;
	job->pipe = close_fd(job->pipe);
	(void)submit_send(job->submit, &m, -1, DRAIN_USEC); /* its end would be told */
}

void job_cancel(struct workspace *ws, uint32_t ref)
{
	struct job *job = job_by_ref(ws, ref);
	struct ipc_head abort_it = {.type = SUBMIT_ABORT, .size = sizeof(abort_it)};

	if (!job)
		return;
	if (job->stage < JOB_RELEASING) {
		if (job->submit)
			(void)submit_send(job->submit, &abort_it, -1, ANSWER_USEC);
		job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED, "cancelled in the workspace");
	} else if (job->stage == JOB_ENDED) {
		job_tell(job);
	} else if (job->row.host_job) {
		spooler_cancel(
			ws->host->spooler, job->row.host_job, &job->row.key.job, job->row.key.file);
	}
}

static int on_grace(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;
	struct ipc_head abort_it = {.type = SUBMIT_ABORT, .size = sizeof(abort_it)};

	(void)source;
	(void)usec;
	if (job->submit)
		(void)submit_send(job->submit, &abort_it, -1, ANSWER_USEC);
	job_refuse(job, REFUSAL_FAILED, "the transfer broke off and was not taken up again");
	return 0;
}

/* The guest has the job open no more. */
static void job_let_go(struct job *job)
{
	uint64_t now;

	job->open = job->tell = false;
	job->ref = 0;
	if (job->stage == JOB_ENDED || job->stage == JOB_WAITING) {
		job_free(job);
	} else if (job->stage == JOB_TRANSFER && !job->grace &&
		   sd_event_now(job->host->event, CLOCK_MONOTONIC, &now) >= 0) {
		(void)sd_event_add_time(job->host->event, &job->grace, CLOCK_MONOTONIC,
			now + GRACE_USEC, 1000000, on_grace, job);
	}
}

void job_close(struct workspace *ws, uint32_t ref)
{
	struct job *job = job_by_ref(ws, ref);
	struct ipc_head abort_it = {.type = SUBMIT_ABORT, .size = sizeof(abort_it)};

	if (!job)
		return;
	if (job->stage != JOB_TRANSFER)
		return job_let_go(job);
	/* It may come again from the start, and holds no worker until then. */
	if (job->submit)
		(void)submit_send(job->submit, &abort_it, -1, ANSWER_USEC);
	job->open = false;
	job_refuse(job, REFUSAL_FAILED, "the workspace let go of it");
}

void job_workspace_lost(struct workspace *ws, bool gone)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &ws->host->jobs, link, next)
	{
		if (job->workspace != ws)
			continue;
		if (gone)
			job->workspace = NULL;
		if (job->open)
			job_let_go(job);
	}
}

/* From here on the job may print. */
static void job_released(struct job *job, uint32_t host_job)
{
	job->row.host_job = host_job;
	job->stage = JOB_FOLLOWED;
	job->unsure = false;
	if (job->phase < JOB_PHASE_PENDING)
		job->phase = JOB_PHASE_PENDING;
	transfer_end(job, false);
	(void)job_record(job, LEDGER_RELEASE); /* the row that matters is on disk already */
	TELL(LOG_ID_JOB_RELEASED, LOG_INFO, job, "released, job %u on the host, %llu bytes",
		host_job, (unsigned long long)job->row.size);
	job_tell(job);
}

static void on_failed(struct job *job, const struct submit_failed *f)
{
	if (!text_terminated(f->text, sizeof(f->text)) || f->refusal == REFUSAL_NONE ||
		f->refusal >= REFUSAL_COUNT)
		return;
	if (f->released || job->stage >= JOB_RELEASING) {
		transfer_end(job, false);
		job->stage = JOB_FOLLOWED;
		job->unsure = true;
		SAY(LOG_WARNING, job, "the release was not answered: %s", f->text);
		spooler_check(job->host->spooler);
		return;
	}
	job_refuse(job, f->refusal, f->text);
	spooler_check(job->host->spooler);
}

void job_on_submit(struct job *job, const struct ipc_head *msg)
{
	const struct submit_progress *p = (const struct submit_progress *)msg;

	if (msg->type == SUBMIT_FAILED) {
		if (msg->size == sizeof(struct submit_failed))
			on_failed(job, (const struct submit_failed *)msg);
		return;
	}
	if (msg->size != sizeof(*p))
		return;
	switch (msg->type) {
	case SUBMIT_OPENED: job->row.host_job = p->host_job; return;
	case SUBMIT_OFFSET: return on_offset(job, p);
	case SUBMIT_SEALED:
		if (job->stage != JOB_SEALING)
			return;
		job->row.host_job = p->host_job;
		if (job_record(job, LEDGER_RELEASE) < 0) {
			struct ipc_head abort_it = {.type = SUBMIT_ABORT, .size = sizeof(abort_it)};

			(void)submit_send(job->submit, &abort_it, -1, ANSWER_USEC);
			return job_refuse(job, REFUSAL_NO_SPACE,
				"the host's disk is full or broken; the job waits for it");
		}
		job->stage = JOB_SYNCING;
		return;
	case SUBMIT_RELEASED:
		if (job->stage == JOB_RELEASING)
			job_released(job, p->host_job);
		return;
	default: return;
	}
}

void job_on_submit_exit(struct job *job, bool timed_out)
{
	const char *text = timed_out ? "the host's spooler does not answer; tried again"
				     : "the spooler's worker ended; tried again";

	job->submit = NULL;
	if (job->stage >= JOB_RELEASING) {
		job->stage = JOB_FOLLOWED;
		job->unsure = true;
		spooler_check(job->host->spooler);
		return;
	}
	/* Its held job has no document and is cancelled when the spooler tells of it. */
	job_refuse(job, REFUSAL_FAILED, text);
	spooler_check(job->host->spooler);
}

void job_sync(struct host *host)
{
	struct ipc_head release = {.type = SUBMIT_RELEASE, .size = sizeof(release)};
	struct ipc_head abort_it = {.type = SUBMIT_ABORT, .size = sizeof(abort_it)};
	struct job *job, *next;
	int r = ledger_commit(host->ledger);

	if (r < 0)
		log_line(LOG_ERR, NULL, "the ledger cannot be synced: %s: is the disk full?",
			strerror(-r));
	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	{
		if (job->stage != JOB_SYNCING || !job->submit)
			continue;
		if (r == 0) {
			job->stage = JOB_RELEASING;
			(void)submit_send(job->submit, &release, -1, ANSWER_USEC);
			continue;
		}
		(void)submit_send(job->submit, &abort_it, -1, ANSWER_USEC);
		job_refuse(job, REFUSAL_NO_SPACE,
			"the host's disk is full or broken; the job waits for it");
	}
}

static uint32_t phase_of_host(uint32_t state)
{
	switch (state) {
	case HOST_STOPPED: return JOB_PHASE_STOPPED;
	case HOST_CANCELED: return JOB_PHASE_CANCELED;
	case HOST_ABORTED: return JOB_PHASE_ABORTED;
	case HOST_COMPLETED: return JOB_PHASE_COMPLETED;
	case 5: return JOB_PHASE_PROCESSING;
	default: return JOB_PHASE_PENDING;
	}
}

/* A job that a filter of the host's gave up is stopped for good: cupsd says "stopped" and leaves it
 * to a person. In the workspace it would hold up all that waits behind it. */
static bool is_given_up(const struct spool_job *is)
{
	return is->state == HOST_STOPPED &&
	       (strstr(is->reasons, "cups-filter-crashed") ||
		       strstr(is->reasons, "job-completed-with-errors"));
}

static void job_follow(struct job *job, const struct spool_job *is)
{
	uint32_t phase = is_given_up(is) ? JOB_PHASE_ABORTED : phase_of_host(is->state);
	char reasons[REASONS_SIZE];

	text_copy_line(reasons, sizeof(reasons), is->reasons);
	if (strcmp(reasons, "none") == 0)
		memset(reasons, 0, sizeof(reasons));
	job->row.host_job = is->host_job;
	job->row.pages = is->pages;
	(void)text_copy(job->reasons, sizeof(job->reasons), reasons);
	switch (phase) {
	case JOB_PHASE_COMPLETED: return job_end(job, phase, LEDGER_COMPLETED, is->text);
	case JOB_PHASE_CANCELED:
		return job_end(job, phase, LEDGER_CANCELED, "cancelled on the host");
	case JOB_PHASE_ABORTED:
		if (is_given_up(is))
			spooler_cancel(job->host->spooler, is->host_job, &is->job, is->file);
		return job_end(job, phase, LEDGER_ABORTED,
			is->text[0] ? is->text
				    : "the host's filters could not make pages of the document");
	default: break;
	}
	job->phase = phase;
	text_copy_line(job->text, sizeof(job->text), is->text);
	job_tell(job);
}

/* A held job of an attempt that is over prints never and is taken away. */
static void cancel_stale(struct host *host, const struct spool_job *is)
{
	if (is->state <= HOST_STOPPED)
		spooler_cancel(host->spooler, is->host_job, &is->job, is->file);
}

void job_on_host(struct host *host, const struct spool_job *is)
{
	struct ledger_key key = {.workspace = is->workspace, .job = is->job, .file = is->file};
	struct job *job = job_by_key(host, &key);

	if (!text_terminated(is->reasons, sizeof(is->reasons)) ||
		!text_terminated(is->text, sizeof(is->text)))
		return;
	if (!job || job->stage == JOB_ENDED) {
		struct ledger_job row;

		/* Nobody has it under way: a held one is left from an attempt that broke off. */
		if (is->state == HOST_HELD &&
			(ledger_get(host->ledger, &key, &row) < 0 || row.state != LEDGER_RELEASE))
			cancel_stale(host, is);
		return;
	}
	if (job->row.host_job && job->row.host_job != is->host_job) {
		if (is->state == HOST_HELD)
			cancel_stale(host, is);
		return;
	}
	job->seen = true;
	if (job->stage == JOB_RELEASING && is->state != HOST_HELD)
		job_released(job, is->host_job);
	if (job->stage != JOB_FOLLOWED)
		return;
	if (job->unsure && is->state == HOST_HELD) {
		/* The release never reached cupsd: the held job goes, the guest sends again. */
		cancel_stale(host, is);
		return job_refuse(job, REFUSAL_FAILED, "the release did not reach the spooler");
	}
	job->unsure = false;
	job_follow(job, is);
}

void job_spooler_up(struct host *host)
{
	struct job *job;

	TAILQ_FOREACH(job, &host->jobs, link)
	job->seen = false;
}

/* All of Platen's jobs were told: a released one that is not among them is gone without a trace. */
void job_listed(struct host *host)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	if (job->stage == JOB_FOLLOWED && !job->seen)
		job_ask(job);
}

static int load_one(const struct ledger_job *row, void *userdata)
{
	struct host *host = userdata;
	struct job *job;

	if (row->state != LEDGER_RELEASE)
		return 0;
	job = job_new(host, &row->key);
	if (!job)
		return -ENOMEM;
	job->row = *row;
	job->stage = JOB_FOLLOWED;
	job->phase = JOB_PHASE_PENDING;
	job->unsure = true; /* whether the release arrived, the spooler's list tells */
	return 0;
}

int job_load(struct host *host)
{
	return ledger_walk(host->ledger, true, UINT32_MAX, load_one, host);
}

void job_free_all(struct host *host)
{
	while (!TAILQ_EMPTY(&host->jobs))
		job_free(TAILQ_FIRST(&host->jobs));
}
