/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the ledger anew from the spooler's jobs.
 *
 * A job of Platen's bears its UUID, its workspace, and whom it is for, and the spooler keeps them
 * as long as it keeps the job. One that was never released can have printed nothing: it is no more
 * than the rest of an attempt, and its guest sends it again. One that was released has a row again,
 * and is followed or is done. One that the spooler does not have any more either is lost to us:
 * if its guest says that it had handed it over, a person is asked.
 */
#include "host/rebuild.h"

#include <time.h>

#include "host/decide.h"
#include "host/job.h"
#include "host/printer.h"
#include "host/workspace.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define UNSURE_SEC 2592000 /* 30 days: as long may a guest come with a job of before */

enum { /* job-state, RFC 8011 5.3.7 */
	STATE_HELD = 4,
	STATE_CANCELED = 7,
	STATE_ABORTED,
	STATE_COMPLETED,
};

void rebuild_begin(struct host *host, bool damaged)
{
	host->rebuilding = !ledger_note(host->ledger, LEDGER_WHOLE);
	if (damaged)
		log_line(LOG_ERR, NULL,
			"%s/ledger.db was damaged: it is set aside as ledger.db.damaged, and built "
			"anew from the spooler's jobs",
			host->config.state_dir);
}

/* Cancelled by nobody, but gone with its printer. */
static bool is_lost(struct host *host, const struct spool_job *is)
{
	return is->state == STATE_CANCELED && printer_is_gone(host, is->printer);
}

static enum ledger_state state_of(struct host *host, const struct spool_job *is)
{
	switch (is->state) {
	case STATE_CANCELED: return is_lost(host, is) ? LEDGER_ASK : LEDGER_CANCELED;
	case STATE_ABORTED: return LEDGER_ASK;
	case STATE_COMPLETED: return LEDGER_COMPLETED;
	default: return LEDGER_RELEASE;
	}
}

static void row_fill(struct host *host, const struct spool_job *is, struct ledger_job *row)
{
	const struct workspace *ws = workspace_find(host, &is->workspace);
	/* What damaged the ledger may have taken cupsd back to a hold that was over. */
	bool held = is->state == STATE_HELD && !ledger_note(host->ledger, LEDGER_DAMAGED);
	char uuid[UUID_TEXT_SIZE];

	*row = (struct ledger_job){
		.key = {.workspace = is->workspace, .job = is->job, .file = is->file},
		.state = state_of(host, is),
		.host_job = is->host_job,
		.guest_job = is->guest_job,
		.pages = is->pages,
		.sheets = is->sheets,
		.size = is->k_octets * 1024ULL,
		.opened = (int64_t)is->created,
		.ended = is->state >= STATE_CANCELED ? (int64_t)is->ended : 0,
	};
	if (row->state == LEDGER_ASK)
		row->ask = decide_ask();
	if (is->state >= STATE_CANCELED && !row->ended)
		row->ended = time(NULL);
	text_copy_line(row->workspace_name, sizeof(row->workspace_name),
		ws && ws->name[0] ? ws->name : uuid_format(&is->workspace, uuid));
	text_copy_line(row->printer, sizeof(row->printer), is->printer);
	text_copy_line(row->title, sizeof(row->title), is->title);
	text_copy_line(row->user, sizeof(row->user), is->user);
	text_copy_line(row->owner, sizeof(row->owner), is->owner);
	text_copy_line(row->text, sizeof(row->text),
		held				? JOB_HELD
		: row->state == LEDGER_CANCELED ? "cancelled on the host"
		: is->state == STATE_ABORTED	? JOB_GIVEN_UP
		: row->state == LEDGER_ASK	? JOB_LOST_PRINTER
					   : "found in the spooler when the ledger was built anew");
}

void rebuild_job(struct host *host, const struct spool_job *is)
{
	struct ledger_job row, before;

	if (!host->rebuilding || !is->released) /* a timed hold hides whether it was */
		return;
	if (is_lost(host, is) && !is->began)
		return; /* nothing is on paper: its guest sends it again */
	row_fill(host, is, &row);
	/* Of several attempts the one that came furthest counts: it may have printed. */
	if (ledger_get(host->ledger, &row.key, &before) == 0 &&
		(before.host_job == row.host_job || before.state == LEDGER_COMPLETED ||
			row.state == LEDGER_CANCELED || row.state == LEDGER_ASK))
		return;
	if (ledger_put(host->ledger, &row) < 0)
		return; /* it stays unfinished, and is tried with the next listing */
	host->rebuilt++;
	if (row.state == LEDGER_RELEASE && !job_find(host, &row.key))
		(void)job_adopt(host, &row);
}

void rebuild_listed(struct host *host)
{
	if (!host->rebuilding || ledger_note_put(host->ledger, LEDGER_WHOLE, 1) < 0)
		return;
	host->rebuilding = false;
	if (host->rebuilt || ledger_note(host->ledger, LEDGER_DAMAGED))
		log_line(LOG_NOTICE, NULL, "the ledger was built anew: %u jobs are the spooler's",
			host->rebuilt);
}

bool rebuild_is_unsure(const struct host *host, const struct message_job_open *open)
{
	int64_t damaged = ledger_note(host->ledger, LEDGER_DAMAGED);

	return open->sealed && damaged && time(NULL) - damaged < UNSURE_SEC;
}
