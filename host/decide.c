/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's word on jobs of which nobody can know whether they were printed.
 *
 * The word is noted in the ledger first, so it holds whatever dies next; then the guest is told to
 * release its held job, in this session or in the next ones until it has come. What comes is then
 * an ordinary job that is opened: retried, it is taken once more; forgotten, it hears how it ended.
 * An agent that does not know JobRelease is not told: the job is released there by hand.
 */
#include "host/decide.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "host/job.h"
#include "host/workspace.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RELEASE_SINCE 2 /* the protocol's version that has JobRelease */
#define PREFIX_MIN    4 /* characters of a UUID that name a job */

uint32_t decide_ask(void)
{
	uint32_t ask = 0;

	if (getrandom(&ask, sizeof(ask), 0) != sizeof(ask))
		ask = (uint32_t)time(NULL); /* cannot fail once the system is up */
	return 1 + ask % JOB_ASK_MAX;
}

bool decide_is_retry(const struct ledger_job *row, const struct message_job_open *open)
{
	return row->state == LEDGER_RETRY ||
	       (row->state == LEDGER_ASK && row->ask && open->answer == row->ask);
}

void decide_heard(struct host *host, struct ledger_job *row)
{
	if (!row->decided)
		return;
	row->decided = 0;
	(void)ledger_put(host->ledger, row); /* or it is told once more, which does no harm */
}

static int tell_one(const struct ledger_job *row, void *userdata)
{
	struct workspace *ws = userdata;
	struct message m;

	if (!uuid_equal(&row->key.workspace, &ws->uuid) || !row->guest_job ||
		row->guest_job > JOB_ASK_MAX)
		return 0;
	message_init(&m, MESSAGE_JOB_RELEASE);
	m.job_release.job = row->key.job;
	m.job_release.file = row->key.file;
	m.job_release.guest_job = row->guest_job;
	return workspace_send(ws, &m, -1);
}

void decide_tick(struct host *host)
{
	struct workspace *ws;

	TAILQ_FOREACH(ws, &host->workspaces, link)
	decide_pump(ws);
}

void decide_pump(struct workspace *ws)
{
	if (!ws->greeted || ws->version < RELEASE_SINCE)
		return;
	ws->decisions_due =
		ledger_walk(ws->host->ledger, LEDGER_DECIDED, UINT32_MAX, tell_one, ws) == -EAGAIN;
}

struct search {
	struct host *host;
	const struct uuid *workspace; /* NULL: one that is not there any more, by its name */
	const char *name;
	char prefix[UUID_TEXT_SIZE]; /* of the job's UUID */
	unsigned int file;	     /* 0: not said */
	struct ledger_job found;
	int count;
};

static int search_one(const struct ledger_job *row, void *userdata)
{
	struct search *search = userdata;
	char uuid[UUID_TEXT_SIZE];

	if (search->workspace ? !uuid_equal(&row->key.workspace, search->workspace)
			      : strcmp(row->workspace_name, search->name) != 0)
		return 0;
	if (search->file && row->key.file != search->file)
		return 0;
	if (strncasecmp(uuid_format(&row->key.job, uuid), search->prefix, strlen(search->prefix)) !=
		0)
		return 0;
	search->found = *row;
	search->count++;
	return 0;
}

/* "89abcdef/2", as `platenctl jobs` names a job, or more of its UUID. False: it is no name. */
static bool read_name(const char *text, struct search *search)
{
	size_t len = strspn(text, "0123456789abcdefABCDEF-");
	const char *rest = text + len;
	char end;

	if (len < PREFIX_MIN || len >= sizeof(search->prefix))
		return false;
	memcpy(search->prefix, text, len);
	search->prefix[len] = '\0';
	return !*rest || (sscanf(rest, "/%3u%c", &search->file, &end) == 1 && search->file >= 1);
}

static int count_one(const struct ledger_job *row, void *userdata)
{
	(void)row;
	(*(int *)userdata)++;
	return 0;
}

/* Finds the job that a request names. Answers the client if there is not just one. */
static bool find(struct control_client *client, const char *job, struct search *search)
{
	struct ledger *ledger = search->host->ledger;
	int asked = 0;

	if (!job || !read_name(job, search)) {
		control_fault(client, "bad-request",
			"`platenctl jobs` shows them, such as 89abcdef/1",
			"a job's name is wanted: the beginning of its UUID");
		return false;
	}
	(void)ledger_walk(ledger, LEDGER_ASKED, UINT32_MAX, search_one, search);
	if (search->count == 1)
		return true;
	if (search->count > 1) {
		control_fault(client, "bad-request",
			"say more of its UUID (`platenctl jobs --json`)",
			"%d jobs of %s have a name that begins so", search->count, search->name);
		return false;
	}
	(void)ledger_walk(ledger, LEDGER_ASKED, UINT32_MAX, count_one, &asked);
	control_fault(client, "not-found",
		asked ? "`platenctl jobs` shows those in the phase ask"
		      : "no job's outcome is unknown now: there is nothing to decide",
		"no job %s of %s waits for a decision", job, search->name);
	return false;
}

/* Nobody hears of a decision that a power failure could take back. */
static int put_synced(struct host *host, const struct ledger_job *row)
{
	struct ledger_job kept;
	int r = ledger_put(host->ledger, row);

	if (r < 0)
		return r;
	job_sync(host); /* takes back what it cannot keep */
	r = ledger_get(host->ledger, &row->key, &kept);
	return r < 0 ? r : kept.state == row->state ? 0 : -EIO;
}

/* Changes the row, and the job if the guest still has it open. 0 or -errno. */
static int decide(struct host *host, struct ledger_job *row, bool retry, bool printed)
{
	struct job *job;
	int r;

	row->decided = 1;
	row->ask = 0;
	row->ended = retry ? 0 : time(NULL);
	row->state = retry ? LEDGER_RETRY : printed ? LEDGER_COMPLETED : LEDGER_CANCELED;
	text_copy_line(row->text, sizeof(row->text),
		retry	  ? "an administrator says that it was not printed: it is sent again"
		: printed ? "an administrator says that it was printed"
			  : "an administrator says that it is not to be printed again");
	r = put_synced(host, row);
	if (r < 0)
		return r;
	job = job_find(host, &row->key);
	if (job) {
		job->row = *row;
		job->phase = job_phase_of(row);
		job->refusal = retry ? REFUSAL_FAILED : REFUSAL_NONE;
		text_copy_line(job->text, sizeof(job->text), row->text);
	}
	return 0;
}

/* What is left to do, if anything, for a person. */
static const char *left_to_do(const struct workspace *ws, const struct ledger_job *row, bool *told)
{
	*told = false;
	if (!ws)
		return "the workspace is not there any more";
	if (!row->guest_job)
		return "its number in the workspace is not known: release it there by hand";
	if (!ws->greeted)
		return "the workspace is not connected: it hears of it when it is";
	if (ws->version < RELEASE_SINCE)
		return "the workspace's agent is too old to be told: release the job there by hand";
	*told = true;
	return "the workspace's spooler releases the job";
}

void decide_verb(struct control_client *client, const json_t *untrusted_request)
{
	struct host *host = control_host(client);
	const char *action = json_string_value(json_object_get(untrusted_request, "action"));
	const char *name = json_string_value(json_object_get(untrusted_request, "workspace"));
	const char *job = json_string_value(json_object_get(untrusted_request, "job"));
	bool printed = json_is_true(json_object_get(untrusted_request, "printed")), told, retry;
	struct workspace *ws = name ? workspace_named(host, name) : NULL;
	struct search search = {.host = host, .workspace = ws ? &ws->uuid : NULL, .name = name};
	struct ledger_job *row = &search.found;
	char uuid[UUID_TEXT_SIZE];
	struct log_about about;
	const char *text;
	int r;

	retry = action && strcmp(action, "retry") == 0;
	if (!name || !action || (!retry && strcmp(action, "forget") != 0))
		return control_fault(client, "bad-request", NULL,
			"job wants retry or forget, a workspace and a job");
	if (!find(client, job, &search))
		return;
	if (retry && !ws)
		return control_fault(client, "failed", "`platenctl job forget` ends the job",
			"the workspace is not there any more: nothing can be sent again");
	r = decide(host, row, retry, printed);
	if (r < 0)
		return control_fault(client, "failed", "is the state folder's disk full?",
			"it cannot be noted: %s", strerror(-r));
	about = (struct log_about){.workspace = row->workspace_name,
		.job = uuid_format(&row->key.job, uuid),
		.printer = row->printer};
	log_line(LOG_NOTICE, &about, "%s", row->text);
	text = left_to_do(ws, row, &told);
	if (ws)
		decide_pump(ws);
	control_answer(
		client, json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:b, s:s}", "workspace",
				row->workspace_name, "uuid", uuid, "file", (int)row->key.file,
				"action", action, "printer", row->printer, "title", row->title,
				"guest_job", (int)row->guest_job, "told", told, "text", text));
}
