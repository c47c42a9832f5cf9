/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A released job, as the host's spooler tells it.
 *
 * The spooler's list is believed in what it has, and in what it has not only when it lacks it
 * twice. A held job that nobody has under way is the rest of an attempt, and is taken away.
 */
#include "host/job-parts.h"

#include <errno.h>
#include <string.h>

#include "host/printer.h"
#include "host/rebuild.h"
#include "host/spooler.h"
#include "proto/base/text.h"
#include "proto/base/words.h"

#define HOST_HELD      4 /* job-state, RFC 8011 5.3.7 */
#define HOST_STOPPED   6
#define HOST_CANCELED  7
#define HOST_ABORTED   8
#define HOST_COMPLETED 9

/* A released job of which nothing is heard is looked at after so long; it doubles. */
#define LOOK_FIRST 5000000ULL /* usec */
#define LOOK_MOST  60000000ULL

/* A job that is to be cancelled and is held for so long yet cannot be: a person is asked. */
#define WITHDRAW_USEC 30000000ULL

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	(void)usec;
	if (job->stage != JOB_FOLLOWED)
		return 0;
	if (job->cancelled && job->row.host_job) /* it may not have arrived, or not have worked */
		spooler_cancel(job->host->spooler, job->row.host_job, &job->row.key.job,
			job->row.key.file);
	if (job->row.host_job)
		spooler_look(job->host->spooler, job->row.host_job);
	job->look_wait = job->look_wait < LOOK_MOST / 2 ? job->look_wait * 2 : LOOK_MOST;
	(void)sd_event_source_set_time_relative(source, job->look_wait);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* What is heard of the job comes by events. Those may be lost with cupsd's notifier, so that it is
 * looked at now and then when there are none. */
static void look_later(struct job *job)
{
	job->look_wait = LOOK_FIRST;
	if (!job->look) {
		(void)sd_event_add_time_relative(job->host->event, &job->look, CLOCK_MONOTONIC,
			job->look_wait, 500000, on_look, job);
		return;
	}
	(void)sd_event_source_set_time_relative(job->look, job->look_wait);
	(void)sd_event_source_set_enabled(job->look, SD_EVENT_ONESHOT);
}

/* In the ledger, in place of JOB_HELD, of one that some of may be on paper. */
static const char began_text[] = "held on the host after it had begun";

/* cupsd holds jobs itself, too, that it had begun to print (finalize_job()). After a restart it has
 * forgotten why (cupsdLoadJob()). NULL: somebody holds it, or it is not known who. */
static const char *why_kept(const struct spool_job *is)
{
	if (words_have(is->reasons, "cups-held-for-authentication"))
		return "the host's printer wants a user's name and password";
	if (words_have(is->reasons, "resources-are-not-ready"))
		return is->text[0] ? is->text
				   : "the host's spooler could not send it, and tries again later";
	return NULL;
}

static const char *why_held(const struct spool_job *is)
{
	const char *why = why_kept(is);

	if (why)
		return why;
	return is->began ? "held on the host" : JOB_HELD;
}

/* A restart of ours has to know it: see cupsd_forgot(). */
static void note_held(struct job *job, const struct spool_job *is)
{
	bool held = is->state == HOST_HELD;
	const char *mark = job->began || is->began ? began_text : JOB_HELD;

	if (job->held == held && (!held || strcmp(job->row.text, mark) == 0))
		return;
	job->held = held;
	text_copy_line(job->row.text, sizeof(job->row.text), held ? mark : "");
	(void)ledger_put(job->host->ledger, &job->row); /* else a person is asked once more */
}

void job_set_followed(struct job *job)
{
	job->stage = JOB_FOLLOWED;
	look_later(job);
	if (job->row.pool)
		job_await_saved(job);
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
	return is->state == HOST_STOPPED;
}

static const char *why_aborted(const struct job *job, const struct spool_job *is)
{
	if (is->text[0])
		return is->text;
	if (is_given_up(is))
		return "the host's filters could not make pages of the document";
	return !job->began ? "the host's spooler gave the job up before it was printed"
			   : "the host's spooler gave the job up while it was printed";
}

/* Ends it with a question, for the guest's job is held and only an answer has it printed again. */
static void job_ask_about(struct job *job, const char *why, const char *what)
{
	char text[MESSAGE_SIZE - 200]; /* which leaves room for the rest */

	text_copy_line(text, sizeof(text), why);
	(void)text_printf(job->text, sizeof(job->text), "%s%s%s: look at the printer, then %s",
		what, what[0] && text[0] ? ": " : "", text, job_ways_out(job));
	job_end(job, JOB_PHASE_ASK, LEDGER_ASK, NULL);
}

/* The host's job was not cancelled by anybody: it went with its printer. Nobody comes again with a
 * pool's that is over in its workspace. */
static void job_lost_printer(struct job *job)
{
	if (!job->began && job_is_over_there(job))
		return job_end(job, JOB_PHASE_ASK, LEDGER_ASK,
			"The printer was deleted on the host before this was printed: print it in "
			"its workspace once more, unless it waits there");
	if (!job->began)
		return job_refuse(job, REFUSAL_PRINTER_GONE,
			"the printer was deleted on the host; the job waits for it");
	job_ask_about(job, "", "The printer was deleted on the host while this was printed");
}

/* The job's own printer, where it was not moved to another one. */
static const struct printer *own_printer(const struct job *job, const struct spool_job *is)
{
	if (strcmp(is->printer, job->row.printer) != 0)
		return NULL;
	return printer_find(job->host, is->printer);
}

/* It may have been deleted and made again, before anybody heard of that. */
static bool is_remade(const struct job *job, const struct spool_job *is)
{
	const struct printer *printer = own_printer(job, is);

	return printer && !uuid_is_null(&job->of) && !uuid_equal(&job->of, &printer->is.uuid);
}

static void job_canceled(struct job *job, const struct spool_job *is)
{
	if (!job->cancelled && printer_is_gone(job->host, is->printer))
		return job_lost_printer(job);
	if (!job->cancelled && is->given_up) /* after who knows how much of it */
		return job_ask_about(job, is->text, "The host's spooler or the printer gave it up");
	if (!job->cancelled && is_remade(job, is))
		return job_ask(job);
	job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED, "cancelled on the host");
}

/* One that was adopted knows its printer by name only. */
static void note_printer(struct job *job, const struct spool_job *is)
{
	const struct printer *printer = own_printer(job, is);

	if (printer && uuid_is_null(&job->of))
		job->of = printer->is.uuid;
}

static void job_follow(struct job *job, const struct spool_job *is)
{
	uint32_t phase = is_given_up(is) ? JOB_PHASE_ABORTED : phase_of_host(is->state);
	char reasons[REASONS_SIZE];

	text_copy_line(reasons, sizeof(reasons), is->reasons);
	if (strcmp(reasons, "none") == 0)
		memset(reasons, 0, sizeof(reasons));
	job->row.host_job = is->host_job;
	job->began |= is->began || phase == JOB_PHASE_PROCESSING;
	job->row.pages = is->pages;
	job->row.sheets = is->sheets;
	(void)text_copy(job->reasons, sizeof(job->reasons), reasons);
	switch (phase) {
	case JOB_PHASE_COMPLETED: return job_end(job, phase, LEDGER_COMPLETED, is->text);
	case JOB_PHASE_CANCELED: return job_canceled(job, is);
	case JOB_PHASE_ABORTED:
		if (is_given_up(is))
			spooler_cancel(job->host->spooler, is->host_job, &is->job, is->file);
		if (job->cancelled)
			return job_end(job, JOB_PHASE_CANCELED, LEDGER_CANCELED,
				"cancelled in the workspace");
		return job_ask_about(job, why_aborted(job, is), "");
	default: break;
	}
	note_printer(job, is);
	if (job->phase != phase)
		look_later(job);
	job->phase = phase;
	text_copy_line(
		job->text, sizeof(job->text), is->state == HOST_HELD ? why_held(is) : is->text);
	job_tell(job);
}

/* A held job of an attempt that is over prints never and is taken away. */
static void cancel_stale(struct host *host, const struct spool_job *is)
{
	if (is->state <= HOST_STOPPED)
		spooler_cancel(host->spooler, is->host_job, &is->job, is->file);
}

/* A released job is held. Either somebody holds it, or cupsd was killed, or lost its power, and is
 * what it was when it saved last, which it does every 30 s (DirtyCleanInterval): then the job may
 * well have been printed. cupsd bears no sign of which, but that nobody can hold a job of a cupsd
 * that is dead, that it says why it holds one itself since it began to run, and that what has begun
 * says so ever after. */
static bool cupsd_forgot(const struct job *job, const struct spool_job *is)
{
	if (is->state != HOST_HELD || !job->doubt || why_kept(is))
		return false;
	return !job->held || (job->began && !is->began);
}

/* It may be that the release is still on its way, or that this was read before it: only a cancel
 * settles it. A cupsd that is in disorder may have the job twice, or another of its number (seen
 * after a loss of power: cupsd 2.4.2 loads jobs twice when one that its cache has is gone from the
 * disk), and then cancels what is not listed. */
static void withdraw(struct job *job, const struct spool_job *is)
{
	uint64_t now;

	if (sd_event_now(job->host->event, CLOCK_MONOTONIC, &now) < 0)
		now = 0;
	if (!job->withdrawn)
		job->withdrawn_at = now;
	job->withdrawn = true;
	cancel_stale(job->host, is);
	if (now - job->withdrawn_at > WITHDRAW_USEC)
		job_ask(job);
}

/* We cancelled it because nobody knew whether the release had reached cupsd. */
static void withdrawn(struct job *job, const struct spool_job *is)
{
	if (is->released || job->doubt)
		return job_ask(job);
	job_refuse(job, REFUSAL_FAILED, "the release did not reach the spooler");
}

/* A job that was purged before anybody looked at it: it is known by its number alone, which no two
 * that are in the spooler have. */
static void on_purged(struct host *host, const struct spool_job *gone)
{
	struct spool_job is = *gone;
	struct job *job, *found = NULL;

	TAILQ_FOREACH(job, &host->jobs, link)
	{
		if (job->row.host_job != gone->host_job || job->unsure || job->missed ||
			(job->stage != JOB_FOLLOWED && job->stage != JOB_RELEASING))
			continue;
		if (found)
			return; /* one of them is forgotten, and will be missed */
		found = job;
	}
	if (!found)
		return;
	is.job = found->row.key.job;
	is.workspace = found->row.key.workspace;
	is.file = found->row.key.file;
	memcpy(is.printer, found->row.printer, sizeof(is.printer));
	job_on_host(host, &is);
}

/* Nobody has it under way. A held one is left from an attempt that broke off; a stopped one was
 * given up and is to go, of which the watch may not have heard. */
static void on_left(struct host *host, const struct spool_job *is, const struct ledger_key *key)
{
	struct ledger_job row;
	bool is_known = ledger_get(host->ledger, key, &row) == 0;

	if (is->state == HOST_HELD && (!is_known || row.state != LEDGER_RELEASE))
		cancel_stale(host, is);
	else if (is_given_up(is) && is_known &&
		 (row.state == LEDGER_ASK || row.state == LEDGER_ABORTED) &&
		 row.host_job == is->host_job)
		cancel_stale(host, is);
}

/* The worker that says it reads what printers and jobs are called: all its texts, in one place. */
static bool is_sound(const struct spool_job *untrusted_is)
{
	return text_terminated(untrusted_is->printer, sizeof(untrusted_is->printer)) &&
	       text_terminated(untrusted_is->reasons, sizeof(untrusted_is->reasons)) &&
	       text_terminated(untrusted_is->text, sizeof(untrusted_is->text)) &&
	       text_terminated(untrusted_is->title, sizeof(untrusted_is->title)) &&
	       text_terminated(untrusted_is->user, sizeof(untrusted_is->user)) &&
	       text_terminated(untrusted_is->owner, sizeof(untrusted_is->owner));
}

void job_on_host(struct host *host, const struct spool_job *is)
{
	struct ledger_key key = {.workspace = is->workspace, .job = is->job, .file = is->file};
	struct job *job;

	if (!is_sound(is))
		return;
	if (uuid_is_null(&is->job))
		return on_purged(host, is);
	rebuild_job(host, is);
	job = job_find(host, &key);
	if (!job || job->stage == JOB_ENDED)
		return on_left(host, is, &key);
	if (job->row.host_job && job->row.host_job != is->host_job) {
		if (is->state == HOST_HELD)
			cancel_stale(host, is);
		return;
	}
	job->seen = true;
	job->missed = false;
	if (job->stage == JOB_RELEASING && is->state == HOST_CANCELED) {
		/* While it was held: by its worker, whose word is on its way, if by nobody else. */
		if (!is->released)
			return;
		job->withdrawn = true; /* or else by a person, within an instant */
	}
	if (job->stage == JOB_RELEASING && is->state != HOST_HELD)
		job_released(job, is->host_job);
	if (job->stage != JOB_FOLLOWED)
		return;
	if (cupsd_forgot(job, is) || (job->unsure && is->state == HOST_HELD && !is->released))
		return withdraw(job, is);
	if (is->state == HOST_CANCELED && (job->withdrawn || (job->unsure && !is->released)))
		return withdrawn(job, is);
	job->unsure = job->doubt = false;
	note_held(job, is);
	job_follow(job, is);
}

void job_spooler_up(struct host *host)
{
	struct job *job;

	TAILQ_FOREACH(job, &host->jobs, link)
	{
		bool released = job->stage == JOB_RELEASING || job->stage == JOB_FOLLOWED;

		job->doubt |= released;
		if (released && job->cancelled) /* it may not have heard of that */
			spooler_cancel(host->spooler, job->row.host_job, &job->row.key.job,
				job->row.key.file);
	}
}

void job_listing(struct host *host)
{
	struct job *job;

	TAILQ_FOREACH(job, &host->jobs, link)
	job->seen = false;
}

/* All of Platen's jobs were told: a released one that is not among them is gone without a trace. It
 * may have been released after this list was made: that is so only if the next one lacks it too. */
void job_listed(struct host *host)
{
	struct job *job, *next;
	bool again = false;

	rebuild_listed(host);
	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	{
		if (job->stage != JOB_FOLLOWED || job->seen)
			continue;
		if (job->missed) {
			job_ask(job);
			continue;
		}
		job->missed = again = true;
	}
	if (again)
		spooler_check(host->spooler);
}

/* A deleted printer takes its jobs along. What is not released waits in its workspace. */
void job_printer_gone(struct host *host, const char *printer)
{
	struct job *job, *next;

	TAILQ_FOREACH_SAFE(job, &host->jobs, link, next)
	{
		if (job->stage >= JOB_RELEASING || strcmp(job->row.printer, printer) != 0)
			continue;
		job_transfer_abort(job);
		job_refuse(job, REFUSAL_PRINTER_GONE,
			"the printer was deleted on the host; the job waits for it");
	}
}

void job_set_adopted(struct job *job)
{
	job_set_followed(job);
	job->phase = JOB_PHASE_PENDING;
	job->began = strcmp(job->row.text, began_text) == 0;
	job->held = job->began || strcmp(job->row.text, JOB_HELD) == 0;
	job->unsure = !job->held; /* whether the release arrived, the spooler's list tells */
	job->doubt = true;
}

int job_adopt(struct host *host, const struct ledger_job *row)
{
	struct job *job = job_make(host, &row->key);

	if (!job)
		return -ENOMEM;
	job->row = *row;
	job_set_adopted(job);
	return 0;
}

static int load_one(const struct ledger_job *row, void *userdata)
{
	return row->state == LEDGER_RELEASE ? job_adopt(userdata, row) : 0;
}

int job_load(struct host *host)
{
	return ledger_walk(host->ledger, LEDGER_UNFINISHED, UINT32_MAX, load_one, host);
}
