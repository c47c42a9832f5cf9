/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing a printer's state in its queue.
 *
 * cupsd takes state, reasons and message of a queue by CUPS-Add-Modify-Printer, but supply levels
 * only from ATTR: lines of a backend (CUPS 2.4.2: cupsdSetPrinterAttr() has no other caller but
 * the reading of printers.conf). So when what the queue shows differs from what is wanted, a
 * command job makes cupsd run our backend for an instant, which asks the agent, and the job is
 * purged again. It waits until the queue is idle, so that it never stands in a job's way, and what
 * cupsd wipes away at the end of any job (message, offline-report) is then set again.
 *
 * A queue that we stopped bears a mark, until the real one goes on. So a queue that a person paused
 * here stays paused, and one that a person resumed after us stays resumed.
 */
#include "guest/queues/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "guest/queues/queue.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/words.h"

#define HELD	     "platen-stopped-default"
#define REPORT	     "platen-report" /* a job attribute: made here, may be purged */
#define REPORTS_MOST 8		     /* at once: each is a process for an instant */
#define REASONS_MOST 32		     /* cupsd keeps 64 */
#define FIRST_MSEC   20		     /* a report takes about as long */
#define PAUSE_MSEC   1000
#define SETTLE_MSEC  3000  /* from when on what differs is rarely looked at */
#define ENDING_MSEC  30000 /* and what prints: a backend that is to end has (JobKillDelay) */
#define REST_MSEC    30000 /* between two looks at a queue that prints or is paused */
#define REPORT_MSEC  10000 /* the agent does not answer its backend: not now */
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

struct mirror_entry {
	TAILQ_ENTRY(mirror_entry) link;
	struct queues_state state;
	int report;    /* the job that makes the backend report supplies, or 0 */
	int64_t since; /* msec: of the last change here */
	int64_t next;  /* msec: when to look again */
	int64_t pause; /* msec: before the look after that */
	bool reported; /* levels were reported for this state: not again */
	bool waits;    /* for other reports to be over */
};

void mirror_init(struct mirror *mirror, struct cupsd *cupsd)
{
	*mirror = (struct mirror){.cupsd = cupsd};
	TAILQ_INIT(&mirror->entries);
}

static void entry_free(struct mirror *mirror, struct mirror_entry *e)
{
	TAILQ_REMOVE(&mirror->entries, e, link);
	mirror->reports -= e->report != 0;
	free(e);
}

void mirror_deinit(struct mirror *mirror)
{
	while (!TAILQ_EMPTY(&mirror->entries))
		entry_free(mirror, TAILQ_FIRST(&mirror->entries));
}

static struct mirror_entry *entry_find(struct mirror *mirror, const char *name)
{
	struct mirror_entry *e;

	TAILQ_FOREACH(e, &mirror->entries, link)
	if (strcasecmp(e->state.name, name) == 0)
		return e;
	return NULL;
}

/* Reasons that a backend sets while it works, and that `paused` stands for: not ours to set. */
static bool is_foreign(const char *reason)
{
	static const char *const foreign[] = {
		"paused", "none", "connecting-to-device", "cups-waiting-for-job-completed"};

	for (size_t i = 0; i < COUNT(foreign); i++)
		if (strcmp(reason, foreign[i]) == 0)
			return true;
	return false;
}

/* The words of a list that are ours, or those that are not. */
static int reasons_split(
	const char *list, bool foreign, char words[][NAME_SIZE], const char **ret, int most)
{
	int count = 0;

	while (count < most && words_next(&list, words[count], NAME_SIZE))
		if (text_is_keyword(words[count]) && is_foreign(words[count]) == foreign) {
			ret[count] = words[count];
			count++;
		}
	return count;
}

/* Whether two lists have the same words in the same order. */
static bool same_list(const char *a, const char *b)
{
	char one[MARKERS_SIZE], other[MARKERS_SIZE];

	for (;;) {
		bool more = words_next(&a, one, sizeof(one));

		if (more != words_next(&b, other, sizeof(other)))
			return false;
		if (!more)
			return true;
		if (strcmp(one, other) != 0)
			return false;
	}
}

static bool same_reasons(const char *wanted, const char *shown)
{
	char words[2][REASONS_MOST][NAME_SIZE];
	const char *a[REASONS_MOST], *b[REASONS_MOST];
	int count = reasons_split(wanted, false, words[0], a, REASONS_MOST);

	if (count != reasons_split(shown, false, words[1], b, REASONS_MOST))
		return false;
	for (int i = 0; i < count; i++)
		if (!words_have(shown, a[i]))
			return false;
	return true;
}

/* Supplies that are not known are not compared: cupsd cannot be told to forget any. */
static bool same_markers(const struct queues_state *s, const struct queue_look *l)
{
#define SAME(m) (!s->m[0] || same_list(s->m, l->m))
	return SAME(marker_names) && SAME(marker_types) && SAME(marker_colors) &&
	       SAME(marker_levels) && SAME(marker_low_levels) && SAME(marker_high_levels);
#undef SAME
}

/* The list is set as a whole: what is not ours, like the `paused` of a stopped queue, stays. */
static void add_reasons(ipp_t *request, const char *wanted, const char *shown, bool stop, bool go)
{
	char words[2 * REASONS_MOST][NAME_SIZE];
	const char *all[2 * REASONS_MOST + 1];
	int count = reasons_split(wanted, false, words, all, REASONS_MOST), kept;

	kept = reasons_split(shown, true, words + count, all + count, REASONS_MOST);
	for (int i = count; i < count + kept; i++)
		if (strcmp(all[i], "paused") == 0)
			all[i] = go ? "none" : "paused";
	count += kept;
	if (stop || count == 0)
		all[count++] = stop ? "paused" : "none";
	(void)ippAddStrings(request, IPP_TAG_PRINTER, IPP_TAG_KEYWORD, "printer-state-reasons",
		count, NULL, all);
}

/* Adds to `request` what of the state the queue does not show. Whether that is anything. */
static bool add_changes(ipp_t *request, const struct queues_state *s, const struct queue_look *l)
{
	bool stop = s->stopped && l->state != IPP_PSTATE_STOPPED && !l->held;
	bool resume = !s->stopped && l->held, go = resume && l->state == IPP_PSTATE_STOPPED;
	bool changed = stop || resume;

	if (stop)
		(void)ippAddBoolean(request, IPP_TAG_PRINTER, HELD, 1);
	if (resume)
		(void)ippAddOutOfBand(request, IPP_TAG_PRINTER, IPP_TAG_DELETEATTR, HELD);
	if (stop || go)
		(void)ippAddInteger(request, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state",
			stop ? IPP_PSTATE_STOPPED : IPP_PSTATE_IDLE);
	if ((s->accepting != 0) != (l->accepting != 0)) {
		(void)ippAddBoolean(
			request, IPP_TAG_PRINTER, "printer-is-accepting-jobs", s->accepting != 0);
		changed = true;
	}
	/* While it prints, an empty message would only wipe away what the backend says. */
	if (strcmp(s->text, l->text) != 0 && (s->text[0] || l->state != IPP_PSTATE_PROCESSING)) {
		(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-state-message",
			NULL, s->text);
		changed = true;
	}
	if (!same_reasons(s->reasons, l->reasons)) {
		add_reasons(request, s->reasons, l->reasons, stop, go);
		changed = true;
	}
	return changed;
}

static int apply(struct cupsd *cupsd, const struct queues_state *s, const struct queue_look *l)
{
	ipp_t *request = cupsd_request(IPP_OP_CUPS_ADD_MODIFY_PRINTER, s->name);

	if (add_changes(request, s, l))
		return cupsd_run(cupsd, request, "/admin/", -1, NULL);
	ippDelete(request);
	return 0;
}

/* Has cupsd run the backend, which asks the agent and writes the levels. The job, or -errno. */
static int report_start(struct cupsd *cupsd, const char *name)
{
	static const char command[] = "#CUPS-COMMAND\nReportLevels\n";
	ipp_t *request = cupsd_request(IPP_OP_PRINT_JOB, name);
	_cleanup_ipp_ ipp_t *response = NULL;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		ippDelete(request);
		return -errno;
	}
	r = write(fds[1], command, sizeof(command) - 1) < 0 ? -errno : 0;
	(void)close_fd(fds[1]);
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_NAME, "job-name", NULL,
		"Platen: supply levels");
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_MIMETYPE, "document-format", NULL,
		"application/vnd.cups-command");
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, "job-sheets", NULL, "none");
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, REPORT, NULL, "1");
	if (r == 0)
		r = cupsd_run(cupsd, request, "/", fds[0], &response);
	else
		ippDelete(request);
	(void)close_fd(fds[0]);
	return r < 0 ? r : cupsd_int(response, "job-id");
}

static void report_purge(struct cupsd *cupsd, int job)
{
	ipp_t *request = cupsd_job_request(IPP_OP_CANCEL_JOB, job);

	(void)ippAddBoolean(request, IPP_TAG_OPERATION, "purge-job", 1);
	(void)cupsd_run(cupsd, request, "/jobs/", -1, NULL); /* it stays in the list then */
}

/* Whether a report is over, and then purges it. A number may by now be another job's: cupsd gives
 * them out again after it was killed. */
static bool report_over(struct cupsd *cupsd, int job, bool too_long)
{
	static const char *const wanted[] = {"job-state", REPORT};
	ipp_t *request = cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, job);
	_cleanup_ipp_ ipp_t *response = NULL;

	cupsd_want(request, wanted, COUNT(wanted));
	if (cupsd_run(cupsd, request, "/", -1, &response) < 0 ||
		!ippFindAttribute(response, REPORT, IPP_TAG_ZERO))
		return true;
	if (cupsd_int(response, "job-state") < IPP_JSTATE_CANCELED && !too_long)
		return false;
	report_purge(cupsd, job);
	return true;
}

void mirror_reset(struct mirror *mirror)
{
	static const char *const wanted[] = {"job-id", REPORT};
	ipp_t *request = cupsd_request(IPP_OP_GET_JOBS, NULL);
	_cleanup_ipp_ ipp_t *response = NULL;
	bool ours = false;
	int job = 0;

	mirror_deinit(mirror);
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, "ipp://localhost/");
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "which-jobs", NULL, "all");
	cupsd_want(request, wanted, COUNT(wanted));
	if (cupsd_run(mirror->cupsd, request, "/", -1, &response) < 0)
		return;
	for (ipp_attribute_t *a = ippFirstAttribute(response);; a = ippNextAttribute(response)) {
		const char *attr = a ? ippGetName(a) : NULL;

		if (!attr) { /* between two jobs, or at the end */
			if (job && ours)
				report_purge(mirror->cupsd, job);
			if (!a)
				break;
			job = 0;
			ours = false;
		} else if (strcmp(attr, "job-id") == 0) {
			job = ippGetInteger(a, 0);
		} else if (strcmp(attr, REPORT) == 0) {
			ours = true;
		}
	}
}

/* Looks again soon after a change, ever more rarely, and at rest hardly ever. */
static void entry_schedule(struct mirror_entry *e, bool at_rest)
{
	e->next = cupsd_msec() + (at_rest ? REST_MSEC : e->pause);
	e->pause = e->pause * 2 < PAUSE_MSEC ? e->pause * 2 : PAUSE_MSEC;
}

static void entry_begin(struct mirror_entry *e)
{
	e->since = cupsd_msec();
	e->pause = FIRST_MSEC;
	e->next = e->since;
}

/* Whether a supply report of this entry is under way still. */
static bool entry_reports(struct mirror *mirror, struct mirror_entry *e)
{
	bool too_long = cupsd_msec() - e->since > REPORT_MSEC;

	if (!e->report)
		return false;
	if (!report_over(mirror->cupsd, e->report, too_long)) {
		entry_schedule(e, false);
		return true;
	}
	e->report = 0;
	mirror->reports--;
	return false;
}

/* Supplies differ and the queue is idle: has them reported, as many at once as may be. */
static void entry_report(struct mirror *mirror, struct mirror_entry *e)
{
	int job;

	e->waits = mirror->reports >= REPORTS_MOST;
	if (e->waits) {
		entry_schedule(e, false);
		return;
	}
	job = report_start(mirror->cupsd, e->state.name);
	if (job <= 0) {
		entry_schedule(e, true);
		return;
	}
	e->report = job;
	e->reported = true;
	mirror->reports++;
	entry_begin(e);
	entry_schedule(e, false);
}

/* Does what can be done for an entry now. Frees it when nothing is left, or with -errno. */
static int entry_turn(struct mirror *mirror, struct mirror_entry *e, bool is_new)
{
	struct queue_look l;
	bool differ, busy;
	int64_t age;
	int r;

	if (e->waits && mirror->reports >= REPORTS_MOST) {
		entry_schedule(e, false);
		return 0;
	}
	if (!is_new && entry_reports(mirror, e))
		return 0;
	r = queue_look(mirror->cupsd, e->state.name, &l);
	busy = r == 0 && l.state == IPP_PSTATE_PROCESSING;
	if (r == 0 && (is_new || !busy))
		r = apply(mirror->cupsd, &e->state, &l);
	if (r < 0) { /* gone, or cupsd is: the agent tells everything again then */
		entry_free(mirror, e);
		return r;
	}
	if (e->report) /* a newer state: compared when the report is over */
		return 0;
	age = cupsd_msec() - e->since;
	differ = !e->reported && !same_markers(&e->state, &l);
	if (differ && !busy && l.jobs == 0 && e->state.accepting && !e->state.stopped &&
		(l.state == IPP_PSTATE_IDLE || l.held))
		entry_report(mirror, e);
	else if (differ || busy) /* at the job's end cupsd wipes what was set */
		entry_schedule(e, age >= (busy ? ENDING_MSEC : SETTLE_MSEC));
	else
		entry_free(mirror, e);
	return 0;
}

int mirror_set(struct mirror *mirror, const struct queues_state *state)
{
	struct mirror_entry *e = entry_find(mirror, state->name);

	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		TAILQ_INSERT_TAIL(&mirror->entries, e, link);
	}
	e->state = *state;
	e->reported = e->waits = false;
	if (!e->report)
		entry_begin(e);
	return entry_turn(mirror, e, true);
}

void mirror_forget(struct mirror *mirror, const char *name)
{
	struct mirror_entry *e = entry_find(mirror, name);

	if (!e)
		return;
	if (e->report)
		(void)report_over(mirror->cupsd, e->report, true);
	entry_free(mirror, e);
}

int mirror_wait(const struct mirror *mirror)
{
	int64_t now = cupsd_msec(), first = -1;
	struct mirror_entry *e;

	TAILQ_FOREACH(e, &mirror->entries, link)
	if (first < 0 || e->next < first)
		first = e->next;
	return first < 0 ? -1 : first <= now ? 0 : (int)(first - now);
}

void mirror_turn(struct mirror *mirror)
{
	struct mirror_entry *e, *next;
	int64_t now = cupsd_msec();

	TAILQ_FOREACH_SAFE(e, &mirror->entries, link, next)
	if (e->next <= now)
		(void)entry_turn(mirror, e, false);
}
