/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job of this guest.
 *
 *   WAITING ─► ASKED ─► SENDING ─► SEALED ─► (ended)
 *      ▲─────────┴─────────┴─────────┘  the session is over, "try later", or parked
 *
 * From the moment at which the document is sealed until the host says that it does not have it,
 * the host may print it: `mine` is false then, and a cancel has to reach the host, now or later.
 */
#include "guest/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/channel.h"
#include "guest/held.h"
#include "guest/identity.h"
#include "guest/job-notes.h"
#include "guest/jobs.h"
#include "guest/outcome.h"
#include "guest/queues.h"
#include "guest/peer.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_FIRST	1000000ULL /* usec; doubles with each refusal */
#define RETRY_MOST	60000000ULL
#define ACCURACY_USEC	50000ULL
#define PROGRESS_STEP	10 /* percent */
#define NOTE_AGAIN_USEC 2000000ULL
#define DOUBT_USEC	1500000ULL /* in which a backend that was let go comes again */

static struct log_about about_of(const struct job *job, char uuid[static UUID_TEXT_SIZE])
{
	return (struct log_about){.job = uuid_format(&job->id.job, uuid),
		.printer = job->open ? job->open->printer : NULL};
}

#define TELL(id, priority, job, ...)                                                               \
	do {                                                                                       \
		char say_uuid[UUID_TEXT_SIZE];                                                     \
		struct log_about say_about = about_of(job, say_uuid);                              \
		log_event(id, priority, &say_about, __VA_ARGS__);                                  \
	} while (0)

#define SAY(priority, job, ...) TELL(NULL, priority, job, __VA_ARGS__)

/* What people see of a job. */
static void show(struct job *job, const char *text, const char *reasons)
{
	text_copy_line(job->status.text, sizeof(job->status.text), text);
	(void)text_copy(job->status.reasons, sizeof(job->status.reasons), reasons);
	if (job->open)
		job->status.progress = transfer_progress(&job->transfer);
	if (job->backend)
		backend_status(job->backend, &job->status);
}

void job_delay(struct job *job, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(job->retry, usec);
	(void)sd_event_source_set_enabled(job->retry, SD_EVENT_ONESHOT);
	job->delayed = true;
}

static void undelay(struct job *job)
{
	(void)sd_event_source_set_enabled(job->retry, SD_EVENT_OFF);
	job->delayed = job->on_printer = false;
}

void job_close_ref(struct job *job)
{
	if (job->stage == JOB_WAITING)
		return;
	job->stage = JOB_WAITING;
	jobs_close_ref(job->agent, job->ref);
}

/* The document is of no use any more. */
static void drop_document(struct job *job)
{
	struct agent *agent = job->agent;

	if (!job->open)
		return;
	transfer_deinit(&job->transfer);
	queues_job_ended(agent->queues, job->open->printer);
	peer_status_changed(agent);
	free(job->open);
	job->open = NULL;
}

void job_free(struct job *job)
{
	TAILQ_REMOVE(&job->agent->jobs, job, link);
	job->retry = sd_event_source_disable_unref(job->retry);
	drop_document(job);
	free(job);
}

static void end_backend(struct job *job, enum backend_exit code, const char *text)
{
	struct backend *backend = job->backend;

	job->backend = NULL;
	if (backend)
		backend_end(backend, code, text);
}

static void job_end(struct job *job, enum backend_exit code, const char *text)
{
	const char *word = code == BACKEND_EXIT_OK     ? "done"
			   : code == BACKEND_EXIT_HOLD ? "held in this workspace"
						       : "cancelled";

	TELL(LOG_ID_AGENT_JOB_ENDED, code == BACKEND_EXIT_HOLD ? LOG_WARNING : LOG_INFO, job,
		"%s%s%s", word, text[0] ? ": " : "", text);
	job_close_ref(job);
	job_note_cancel(job, false);
	if (code != BACKEND_EXIT_HOLD)
		job_note_done(job);
	if (code == BACKEND_EXIT_HOLD && job->backend)
		held_mark(job->agent->held, &job->id, job->number, job->asked,
			job->open && job->open->more);
	end_backend(job, code, text);
	job_free(job);
}

/* From here on only the cancel is left of the job; it goes to the host with the next session, or
 * its answer is on its way in this one. */
static void keep_cancel(struct job *job)
{
	job_note_cancel(job, true);
	drop_document(job);
	undelay(job);
	jobs_kick(job->agent);
}

/* The host has not said what it has of a job that it may have had since an earlier session: it
 * cannot look, or has no room for it now. */
static bool is_cancel_unheard(const struct job *job, const struct message_job_state *s)
{
	return job->cancelled && job->stage == JOB_ASKED && s->phase == JOB_PHASE_REFUSED &&
	       s->refusal != REFUSAL_EMPTY && (job->sealed || !job->open);
}

static uint64_t next_wait(struct job *job)
{
	uint64_t wait = RETRY_FIRST << (job->refusals < 6 ? job->refusals : 6);

	job->refusals++;
	return wait < RETRY_MOST ? wait : RETRY_MOST;
}

/* Here it is over; the host is told again after a while. */
static void cancel_later(struct job *job, const struct message_job_state *s)
{
	SAY(job->refusals ? LOG_DEBUG : LOG_NOTICE, job,
		"cancelled; the host is told again later, it could not tell whether it has it: %s",
		s->text);
	job_close_ref(job);
	end_backend(job, BACKEND_EXIT_CANCEL, "");
	keep_cancel(job);
	job_delay(job, next_wait(job));
}

void job_forget_cancel(struct job *job)
{
	job_note_cancel(job, false);
	job_free(job);
}

/* A cancel is for a job that the host knows, or does not: the printer is of no consequence. */
static const struct printer *any_printer(const struct agent *agent)
{
	const struct printer *p;

	TAILQ_FOREACH(p, &agent->printers.all, link)
	if (p->told && p->offered)
		return p;
	return NULL;
}

/* Fills the question whether the host takes the job. A cancel brings no document: a host that does
 * not know the job then has nothing to take. */
static void fill_open(const struct job *job, uint32_t printer, struct message_job_open *o)
{
	const struct backend_open *open = job->open;

	o->ref = job->ref;
	o->printer = printer;
	o->job = job->id.job;
	o->file = job->id.file;
	if (job->cancelled || !open) {
		o->copies = 1;
		(void)text_copy(o->format, sizeof(o->format), "application/octet-stream");
		return;
	}
	o->copies = open->copies;
	o->guest_job = open->guest_job;
	o->size = job->transfer.size;
	memcpy(o->title, open->title, sizeof(o->title));
	memcpy(o->user, open->user, sizeof(o->user));
	memcpy(o->format, open->format, sizeof(o->format));
	o->rendered = open->rendered != 0;
	o->answer = open->answer == IDENTITY_MARK ? 0 : open->answer;
	o->sealed = job->sealed;
	if (job->sealed)
		o->sealed_by = job->sealed_by;
	o->options_size = open->options_size;
	memcpy(o->options, open->options, sizeof(o->options));
}

/* Of the workspace that this one is a copy of, and no person has released it here. */
static bool is_of_another(const struct job *job)
{
	return job->open && !job->cancelled && !job->open->answer &&
	       identity_is_of_another(job->agent->identity, job->open->created);
}

void job_try(struct job *job)
{
	struct agent *agent = job->agent;
	const struct printer *p;
	struct message m;

	if (job->stage != JOB_WAITING || job->delayed || job->in_doubt)
		return;
	if (!agent->open)
		return show(job, "Waiting for the host", "offline-report,connecting-to-device");
	if (is_of_another(job)) {
		job->asked = IDENTITY_MARK;
		return job_end(job, BACKEND_EXIT_HOLD,
			"From the workspace that this one is a copy of, which prints it: release "
			"it to print it here, too");
	}
	p = job->open ? printers_find(&agent->printers, job->open->printer) : any_printer(agent);
	if (!p || !p->offered || !p->told)
		return show(
			job, "Waiting for the host to offer this printer", "connecting-to-device");
	if (!jobs_make_place(agent))
		return show(job, "Waiting for other jobs of this workspace", "");
	job->ref = ++agent->last_ref;
	message_init(&m, MESSAGE_JOB_OPEN);
	fill_open(job, p->offer->index, &m.job_open);
	if (peer_send(agent, &m) < 0)
		return job_delay(job, RETRY_FIRST); /* the channel is full */
	agent->jobs_open++;
	job->stage = JOB_ASKED;
	job->cancel_told = false;
	show(job, "Sending to the host", "");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	(void)source;
	(void)usec;
	job->delayed = job->on_printer = false;
	if (job->in_doubt)
		queues_kick(job->agent->queues);
	else if (job->stage == JOB_SENDING)
		channel_kick(job->agent->channel); /* what could not be sealed */
	else
		job_try(job);
	return 0;
}

static int job_make(struct agent *agent, const struct cancel *id, struct job **ret_job)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->agent = agent;
	job->id = *id;
	job->status.head = (struct ipc_head){.type = BACKEND_STATUS, .size = sizeof(job->status)};
	if (sd_event_add_time(agent->event, &job->retry, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
		    on_retry, job) < 0) {
		free(job);
		return -ENOMEM;
	}
	undelay(job);
	TAILQ_INSERT_TAIL(&agent->jobs, job, link);
	*ret_job = job;
	return 0;
}

int job_new_cancel(struct agent *agent, const struct cancel *id)
{
	struct job *job;
	int r = job_make(agent, id, &job);

	if (r == 0)
		job->cancelled = true;
	return r;
}

/* The same job comes again: from a backend that cupsd started anew, or a person restarted it after
 * it was cancelled. */
static void give_way(struct agent *agent, const struct cancel *id)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &agent->jobs, link, next)
	{
		if (job->id.file != id->file || !uuid_equal(&job->id.job, &id->job))
			continue;
		job_close_ref(job);
		job_note_cancel(job, false);
		end_backend(job, BACKEND_EXIT_RETRY_CURRENT, "The job was handed over once more");
		job_free(job);
	}
}

int job_new(struct agent *agent, struct backend *backend, const struct backend_open *open,
	int document, struct job **ret_job)
{
	struct cancel id = {.job = open->job, .file = open->file};
	struct backend_open *copy = malloc(sizeof(*copy));
	struct transfer transfer;
	struct job *job;
	int r = copy ? transfer_init(&transfer, document) : -ENOMEM;

	if (r < 0) {
		free(copy);
		return r;
	}
	give_way(agent, &id);
	r = job_make(agent, &id, &job);
	if (r < 0) {
		transfer.document = -1; /* it is the caller's still */
		transfer_deinit(&transfer);
		free(copy);
		return r;
	}
	*copy = *open;
	job->open = copy;
	job->transfer = transfer;
	job->backend = backend;
	job->number = open->guest_job;
	job->spoolers = queues_spoolers(agent->queues);
	job_recall(job);
	SAY(LOG_INFO, job, "from the spooler: job %u, %llu bytes", open->guest_job,
		(unsigned long long)transfer.size);
	jobs_kick(agent);
	peer_status_changed(agent);
	*ret_job = job;
	return 0;
}

void job_tell_cancel(struct job *job)
{
	struct message m;

	if (!job->cancelled || job->cancel_told || job->stage == JOB_WAITING)
		return;
	message_init(&m, MESSAGE_JOB_CANCEL);
	m.job_cancel.ref = job->ref;
	job->cancel_told = peer_send(job->agent, &m) == 0; /* else with a later turn */
}

void job_was_cancelled(struct job *job)
{
	if (job->cancelled)
		return;
	job->cancelled = true;
	if (job->stage != JOB_WAITING) /* its word about it comes */
		return job_tell_cancel(job);
	if (job->mine)
		return job_end(job, BACKEND_EXIT_CANCEL, "");
	SAY(LOG_INFO, job, "cancelled; the host is told as soon as it is there");
	end_backend(job, BACKEND_EXIT_CANCEL, "");
	keep_cancel(job);
}

void job_backend_gone(struct job *job)
{
	job->backend = NULL;
	if (job->cancelled && !job->mine)
		return keep_cancel(job);
	SAY(LOG_INFO, job, "let go by the spooler; it may come again");
	job_close_ref(job);
	undelay(job);
	job->in_doubt = true;
	job_delay(job, DOUBT_USEC);
}

/* Its backend was killed and the spooler takes the job for done: what we have of it goes on. */
static void job_alone(struct job *job)
{
	SAY(LOG_WARNING, job,
		"its backend was killed, and the spooler keeps no files of jobs: "
		"sent without being shown there");
	job->in_doubt = false;
	job_try(job);
}

/* A spooler that purges a job (cancel -x) kills its backend before that can say so. But one that
 * was itself killed may have forgotten jobs that nobody cancelled. */
void job_doubt_settled(struct job *job, int error)
{
	uint32_t now = queues_spoolers(job->agent->queues);
	bool same = job->spoolers == now || (job->spoolers == 0 && now == 1);

	if (error == -EALREADY && job->open)
		return job_alone(job);
	if (!same || (error != -ENOENT && error != -ECANCELED && error != -ECONNRESET &&
			     error != -ECONNREFUSED))
		return job_free(job);
	if (error != -ENOENT && error != -ECANCELED)
		return job_delay(job, DOUBT_USEC);
	SAY(LOG_INFO, job, "purged from the spooler");
	job->in_doubt = false;
	job->cancelled = true;
	keep_cancel(job);
}

void job_session_over(struct job *job)
{
	job->stage = JOB_WAITING;
	if (job->in_doubt)
		return;
	undelay(job);
	if (!job->cancelled)
		return job_try(job); /* says what it waits for */
	if (job->mine)
		return job_end(job, BACKEND_EXIT_CANCEL, "");
	end_backend(job, BACKEND_EXIT_CANCEL, "");
	keep_cancel(job);
}

void job_printer_changed(struct job *job)
{
	if (job->on_printer)
		undelay(job);
	job_try(job);
}

void job_accepted(struct job *job, const struct message_job_accept *accept)
{
	if (job->stage != JOB_ASKED)
		return;
	job->mine = true;
	job->sealed = false;
	job_note(job, HANDED_NOT);
	if (job->cancelled)
		return job_tell_cancel(job);
	if (transfer_begin(&job->transfer, accept->offset, accept->window) < 0) {
		SAY(LOG_ERR, job, "the host says that it has more of the document than there is");
		transfer_forget(&job->transfer);
		job_close_ref(job);
		return job_delay(job, RETRY_MOST);
	}
	job->stage = JOB_SENDING;
}

/* Not taken now: asked again after a while, or when the printer changes. */
static void try_later(struct job *job, const struct outcome *outcome, uint32_t refusal)
{
	SAY(job->refusals ? LOG_DEBUG : LOG_NOTICE, job, "not taken yet: %s", outcome->text);
	/* Of an earlier session, it is not certain yet. */
	job->sealed = job->sealed && job->stage == JOB_ASKED;
	job->mine = !job->sealed;
	if (job->mine)
		job_note(job, HANDED_NOT);
	if (outcome->kind == OUTCOME_ANEW)
		transfer_forget(&job->transfer);
	job_close_ref(job);
	show(job, outcome->text, "connecting-to-device");
	job_delay(job, next_wait(job));
	job->on_printer = refusal == REFUSAL_NOT_ACCEPTING || refusal == REFUSAL_SPOOLER_DOWN ||
			  refusal == REFUSAL_PRINTER_GONE;
}

/* This file is done, and was before. One that says the same may be the one that is meant. */
static bool next_same(struct job *job)
{
	uint32_t file = job->id.file + 1;

	if (!job->open || job->cancelled)
		return false;
	while (file <= JOB_FILES_MAX && !(job->open->same[file / 8] & 1U << (file % 8)))
		file++;
	if (file > JOB_FILES_MAX)
		return false;
	job_close_ref(job);
	job_note_done(job);
	job->id.file = file;
	job_recall(job);
	jobs_kick(job->agent);
	return true;
}

void job_told(struct job *job, const struct message_job_state *s)
{
	struct outcome outcome = outcome_of(s, job->cancelled);

	job->status.pages = s->pages;
	if (is_cancel_unheard(job, s))
		return cancel_later(job, s);
	if (s->phase == JOB_PHASE_ASK && job->cancelled && !job->cancel_told) {
		job->stage =
			JOB_SEALED; /* its cancel is a person's decision: the host is to know */
		job->mine = false;
		return job_tell_cancel(job);
	}
	if (s->phase == JOB_PHASE_ASK && s->final && !job->cancelled)
		job->asked = s->ask;
	if (job->stage == JOB_ASKED && outcome.kind == OUTCOME_END &&
		outcome.exit != BACKEND_EXIT_HOLD && s->phase != JOB_PHASE_REFUSED &&
		next_same(job))
		return;
	switch (outcome.kind) {
	case OUTCOME_END:
		show(job, outcome.text[0] ? outcome.text : job->status.text, "");
		return job_end(job, outcome.exit, outcome.text);
	case OUTCOME_LATER:
	case OUTCOME_ANEW: return try_later(job, &outcome, s->refusal);
	case OUTCOME_ON: break;
	}
	if (s->phase == JOB_PHASE_TRANSFER && job->stage == JOB_SENDING)
		return show(job, outcome.text, "");
	job->stage = JOB_SEALED;
	job_note_sealed(job);
	job->refusals = 0;
	if (job->open)
		job->transfer.sent = job->transfer.size;
	show(job, outcome.text, "");
	job_tell_cancel(job);
}

static void seal(struct job *job)
{
	struct message m;

	if (job_note_seal(job) < 0) {
		show(job, "Waiting for this workspace's disk: platen-agent cannot write there",
			"spool-area-full");
		return job_delay(job, NOTE_AGAIN_USEC);
	}
	message_init(&m, MESSAGE_JOB_SEAL);
	m.job_seal.ref = job->ref;
	m.job_seal.size = job->transfer.size;
	transfer_digest(&job->transfer, m.job_seal.digest);
	if (peer_send(job->agent, &m) < 0)
		return; /* again with the next turn */
	job->stage = JOB_SEALED;
	job->mine = false;
	job->sealed = true;
	show(job, "The host takes the job", "");
}

static void send_piece(struct job *job, const uint8_t *data, size_t size)
{
	struct message m;

	message_init(&m, MESSAGE_JOB_DATA);
	m.job_data.ref = job->ref;
	m.job_data.offset = job->transfer.sent;
	m.job_data.data_size = (uint32_t)size;
	m.job_data.data = data;
	if (peer_send(job->agent, &m) < 0)
		return;
	transfer_sent(&job->transfer, data);
	if (transfer_progress(&job->transfer) >= job->status.progress + PROGRESS_STEP)
		show(job, "Sending to the host", "");
}

void job_feed(struct job *job)
{
	const uint8_t *data;
	size_t size;
	int r = transfer_next(&job->transfer, &data, &size);

	switch (r) {
	case TRANSFER_WAIT:
	case TRANSFER_HASHED: return;
	case TRANSFER_PIECE: return send_piece(job, data, size);
	case TRANSFER_WHOLE: return seal(job);
	default: break;
	}
	SAY(LOG_ERR, job, "the document cannot be read: %s",
		r == -ENODATA ? "it has become shorter" : strerror(-r));
	job_end(job, BACKEND_EXIT_HOLD, "The document cannot be read from this spooler");
}
