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
#include "host/job-parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/decide.h"
#include "host/origin.h"
#include "host/printer.h"
#include "host/rebuild.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/spooler.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

const char job_no_space[] = "the host's disk is full or broken; the job waits until it has room";

struct log_about job_about(const struct job *job, char uuid[static UUID_TEXT_SIZE])
{
	return (struct log_about){.workspace = job->row.workspace_name,
		.job = uuid_format(&job->row.key.job, uuid),
		.printer = job->row.printer};
}

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
	case LEDGER_RETRY: return JOB_PHASE_REFUSED; /* of the attempt before */
	case LEDGER_ASK: return JOB_PHASE_ASK;
	}
	return JOB_PHASE_ASK;
}

const char *job_row_phase(const struct ledger_job *row)
{
	return row->state == LEDGER_RETRY ? "retry" : job_phase_name(job_phase_of(row));
}

static bool is_final(const struct job *job)
{
	return job->phase >= JOB_PHASE_COMPLETED ||
	       (job->row.pool && job->saved && job->phase >= JOB_PHASE_PENDING);
}

void job_drop(struct job *job)
{
	TAILQ_REMOVE(&job->host->jobs, job, link);
	job->grace = sd_event_source_disable_unref(job->grace);
	job->look = sd_event_source_disable_unref(job->look);
	job->saving = sd_event_source_disable_unref(job->saving);
	job->pipe = close_fd(job->pipe);
	if (job->submit)
		submit_kill(job->submit);
	free(job);
}

struct job *job_make(struct host *host, const struct ledger_key *key)
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

struct job *job_find(struct host *host, const struct ledger_key *key)
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
void job_tell(struct job *job)
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
	m.job_state.ask = job->phase == JOB_PHASE_ASK ? job->row.ask : 0;
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

int job_record(struct job *job, enum ledger_state state)
{
	int r;

	job->row.state = state;
	if (state >= LEDGER_COMPLETED && state != LEDGER_RETRY && !job->row.ended)
		job->row.ended = time(NULL);
	if (state == LEDGER_RELEASE && !job->row.released)
		job->row.released = time(NULL);
	text_copy_line(job->row.text, sizeof(job->row.text), job->text);
	if (state == LEDGER_OPEN) /* nothing can have printed, and a restart forgets it anyway */
		r = ledger_put_late(job->host->ledger, &job->row);
	else
		r = ledger_put(job->host->ledger, &job->row);
	if (r < 0)
		host_say_unwritten(job->host, r);
	return r;
}

/* Takes out what this attempt has put into the ledger. A person's word on it holds for the next. */
static void forget_attempt(struct job *job)
{
	if (job->again)
		(void)job_record(job, LEDGER_RETRY); /* or a person is asked once more */
	else if (job->row.state)
		(void)ledger_remove(job->host->ledger, &job->row.key); /* OPEN does no harm */
}

/* The job will not be taken now: nothing of it can have printed. */
void job_refuse(struct job *job, enum job_refusal refusal, const char *text)
{
	JOB_TELL(LOG_ID_JOB_REFUSED, LOG_NOTICE, job, "not taken: %s", text);
	job_transfer_end(job, false);
	forget_attempt(job);
	job->stage = JOB_ENDED;
	job->phase = JOB_PHASE_REFUSED;
	job->refusal = refusal;
	text_copy_line(job->text, sizeof(job->text), text);
	job_tell(job);
	if (!job->open)
		job_drop(job);
}

void job_end(struct job *job, uint32_t phase, enum ledger_state state, const char *text)
{
	job_transfer_end(job, false);
	job->stage = JOB_ENDED;
	job->phase = phase;
	job->unsure = false;
	job->row.ask = phase == JOB_PHASE_ASK ? decide_ask() : 0;
	if (text)
		text_copy_line(job->text, sizeof(job->text), text);
	(void)job_record(job, state); /* said; a later question finds the host's job */
	JOB_TELL(LOG_ID_JOB_ENDED, LOG_INFO, job, "%s on the host, job %u, %u pages",
		job_phase_name(phase), job->row.host_job, job->row.pages);
	job_tell(job);
	if (!job->open)
		job_drop(job);
}

bool job_is_over_there(const struct job *job)
{
	return job->row.pool && (job->saved || !job->open);
}

const char *job_ways_out(const struct job *job)
{
	if (!job_is_over_there(job))
		return "release it to print it again, or cancel it";
	return job->saved ? "print it in its workspace once more if it did not come out"
			  : "release it in its workspace, or print it there once more if it "
			    "does not wait there and did not come out";
}

/* The host may have printed it or not, and nobody can tell. */
void job_ask(struct job *job)
{
	char text[MESSAGE_SIZE];

	JOB_TELL(LOG_ID_JOB_UNSURE, LOG_WARNING, job,
		"the spooler cannot tell what became of the job: look whether it was printed");
	(void)text_printf(text, sizeof(text),
		"It is not known whether this was printed: look at the printer, then %s",
		job_ways_out(job));
	job_end(job, JOB_PHASE_ASK, LEDGER_ASK, text);
}

static void row_fill(struct job *job, struct workspace *ws, const char *printer, bool pool,
	const struct message_job_open *open)
{
	struct ledger_job *row = &job->row;

	row->state = LEDGER_OPEN;
	row->pool = pool;
	row->size = open->size;
	row->guest_job = open->guest_job <= JOB_ASK_MAX ? open->guest_job : 0;
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
	case JOB_WAITING: job_transfer_begin(job); return;
	case JOB_TRANSFER: job_transfer_resume(job); return;
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
	job->of = printer->is.uuid;
	job_submission_fill(job, printer, open);
	if (job_record(job, job->again ? LEDGER_RETRY : LEDGER_OPEN) < 0)
		return job_refuse(job, REFUSAL_NO_SPACE, job_no_space);
	job->stage = JOB_WAITING;
	job_transfer_begin(job);
}

/* A person has said that no paper came out: as if it was not known. Without a document the guest
 * has it no more, and there is nothing to send again. */
static void open_retry(struct job *job, struct workspace *ws, const struct message_job_open *open)
{
	struct ledger_key key = job->row.key;

	if (open->size == 0) {
		job->row.decided = 0;
		return job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED,
			"cancelled in the workspace; it is not known whether it was printed");
	}
	JOB_SAY(LOG_NOTICE, job, "a person says that it was not printed: it is taken once more");
	job->row = (struct ledger_job){.key = key};
	job->again = true;
	open_new(job, ws, open);
}

/* It was handed over whole while another ledger was in force, and this one does not know it. */
static void ask_for_other(struct job *job)
{
	JOB_TELL(LOG_ID_JOB_UNSURE, LOG_WARNING, job,
		"the workspace has handed it over to another host before: look whether that one "
		"printed it");
	job_end(job, JOB_PHASE_ASK, LEDGER_ASK,
		"This was handed over to another host before the workspace came here: look at the "
		"printer there, then release it to print it here, or cancel it");
}

/* Nobody can know whether it was printed: a person is asked, as far as there is room for it. */
static void open_unsure(struct job *job, struct workspace *ws, const struct message_job_open *open,
	void (*ask)(struct job *job))
{
	char text[MESSAGE_SIZE];

	row_fill(job, ws, ws->offers[open->printer].name, false, open);
	if (quota_job(job, text))
		ask(job);
	else
		job_refuse(job, REFUSAL_QUOTA, text);
}

/* What is here of a job that another host has had whole since: the rest of an earlier attempt. */
static void drop_attempt(struct job *job)
{
	job_transfer_abort(job);
	job->open = false;
	job_refuse(job, REFUSAL_FAILED, "the workspace handed it over to another host since");
}

void job_open(struct workspace *ws, const struct message_job_open *open)
{
	struct ledger_key key = {.workspace = ws->uuid, .job = open->job, .file = open->file};
	struct job *job = job_find(ws->host, &key);
	bool other = origin_is_other(ws->host->ledger, &ws->uuid, open);
	int r;

	if (job && job->stage == JOB_ENDED &&
		(job->phase == JOB_PHASE_REFUSED || decide_is_retry(&job->row, open))) {
		job_drop(job); /* its end was told: this is the next try */
		job = NULL;
	}
	if (job && other && job->stage < JOB_SEALING) {
		drop_attempt(job);
		job = NULL;
	}
	if (job)
		return job_reopen(job, ws, open->ref);
	job = job_make(ws->host, &key);
	if (!job)
		return; /* no memory: the guest asks again at its next session */
	job->workspace = ws;
	job->ref = open->ref;
	job->open = true;
	r = ledger_get(ws->host->ledger, &key, &job->row);
	if (r == 0 && decide_is_retry(&job->row, open))
		return open_retry(job, ws, open);
	if (r == 0 && job->row.state == LEDGER_RELEASE) {
		/* Nobody follows it: its end could not be written, or a rebuild found it late. */
		job_set_adopted(job);
		return job_tell(job);
	}
	if (r == 0 && job->row.state != LEDGER_OPEN) {
		job->stage = JOB_ENDED;
		job->phase = job_phase_of(&job->row);
		text_copy_line(job->text, sizeof(job->text), job->row.text);
		decide_heard(ws->host, &job->row);
		return job_tell(job);
	}
	if (r < 0 && r != -ENOENT)
		return job_refuse(
			job, REFUSAL_FAILED, "the host's ledger cannot be read; the job waits");
	if (r < 0 && ws->host->rebuilding)
		return job_refuse(job, REFUSAL_FAILED,
			"the host's ledger is built anew from its spooler; the job waits for it");
	if (r < 0 && rebuild_is_unsure(ws->host, open))
		return open_unsure(job, ws, open, job_ask);
	if (other)
		return open_unsure(job, ws, open, ask_for_other);
	open_new(job, ws, open);
}

void job_seal(struct workspace *ws, const struct message_job_seal *seal)
{
	struct job *job = job_by_ref(ws, seal->ref);

	if (job && job->stage == JOB_TRANSFER && job->submit) /* else the guest will hear */
		job_transfer_seal(job, seal);
}

void job_cancel(struct workspace *ws, uint32_t ref)
{
	struct job *job = job_by_ref(ws, ref);

	if (!job)
		return;
	if (job->stage < JOB_RELEASING) {
		job_transfer_abort(job);
		job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED, "cancelled in the workspace");
	} else if (job->stage == JOB_ENDED && job->phase == JOB_PHASE_ASK) {
		job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED,
			"cancelled in the workspace; it is not known whether it was printed");
	} else if (job->stage == JOB_ENDED) {
		job_tell(job);
	} else if (job->row.host_job) {
		if (!job->cancelled)
			JOB_SAY(LOG_INFO, job, "cancelled in the workspace: host job %u is to go",
				job->row.host_job);
		job->cancelled = true; /* a spooler that is away now is asked when it is back */
		spooler_cancel(
			ws->host->spooler, job->row.host_job, &job->row.key.job, job->row.key.file);
	}
}

/* The guest has the job open no more. */
static void job_let_go(struct job *job)
{
	job->open = job->tell = false;
	job->ref = 0;
	if (job->stage == JOB_ENDED || job->stage == JOB_WAITING)
		job_drop(job);
	else if (job->stage == JOB_TRANSFER && !job->grace)
		job_transfer_wait(job);
}

/* The guest has let go of a job whose end it was told: it does not come with it again. */
static void job_heard(struct job *job)
{
	if (!is_final(job) || job->tell || job->row.heard || job->phase == JOB_PHASE_REFUSED ||
		job->phase == JOB_PHASE_ASK)
		return;
	job->row.heard = 1;
	(void)ledger_put_late(job->host->ledger, &job->row); /* or it is kept longer than need be */
}

void job_close(struct workspace *ws, uint32_t ref)
{
	struct job *job = job_by_ref(ws, ref);

	if (!job)
		return;
	job_heard(job);
	if (job->stage != JOB_TRANSFER)
		return job_let_go(job);
	/* It may come again from the start, and holds no worker until then. */
	job_transfer_abort(job);
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
void job_released(struct job *job, uint32_t host_job)
{
	if (job->row.host_job != host_job) { /* else all of the row is on disk already */
		job->row.host_job = host_job;
		(void)job_record(job, LEDGER_RELEASE);
	}
	job_set_followed(job);
	job->unsure = false;
	if (job->phase < JOB_PHASE_PENDING)
		job->phase = JOB_PHASE_PENDING;
	job_transfer_end(job, false);
	JOB_TELL(LOG_ID_JOB_RELEASED, LOG_INFO, job, "released, job %u on the host, %llu bytes",
		host_job, (unsigned long long)job->row.size);
	job_tell(job);
}

void job_sync(struct host *host)
{
	struct ipc_head release = {.type = SUBMIT_RELEASE, .size = sizeof(release)};
	struct job *job, *next;
	int r = ledger_commit(host->ledger);

	if (r < 0)
		host_say_unwritten(host, r);
	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	{
		if (job->stage != JOB_SYNCING || !job->submit)
			continue;
		if (r == 0) {
			job->stage = JOB_RELEASING;
			(void)submit_send(job->submit, &release, -1,
				job->syncing ? JOB_SYNC_USEC : JOB_ANSWER_USEC);
			continue;
		}
		job_transfer_abort(job);
		job_refuse(job, REFUSAL_NO_SPACE, job_no_space);
	}
}

void job_free_all(struct host *host)
{
	while (!TAILQ_EMPTY(&host->jobs))
		job_drop(TAILQ_FIRST(&host->jobs));
}
