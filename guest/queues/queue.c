/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and removing queues, by CUPS's extensions to IPP.
 *
 * Before anything is changed, the queue's device URI is read: one that does not begin with
 * "platen:" is a person's and is never touched, whatever we were told. What we set of a queue's
 * option defaults is noted in the queue itself, so that a default that the host has dropped goes
 * away and one that a person set here stays. A queue that exists is given neither its device URI
 * nor "shared" again: the first restarts its job, the second is an error (measured, CUPS 2.4.2).
 */
#include "guest/queues/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/backend/backend.h"
#include "guest/queues/driver.h"
#include "proto/base/text.h"
#include "proto/base/words.h"

#define SCHEME	 "platen:"
#define OPTIONS	 "platen-options-default" /* names of the defaults that we have set */
#define HELD	 "platen-stopped-default" /* see mirror.c */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_ours(const char *uri)
{
	return strncmp(uri, SCHEME, strlen(SCHEME)) == 0;
}

static void copy_text(ipp_attribute_t *a, char *buf, size_t size)
{
	const char *text = ippGetString(a, 0, NULL);

	text_copy_line(buf, size, text ? text : "");
}

static void read_attribute(ipp_attribute_t *a, struct queues_queue *q)
{
	const char *name = ippGetName(a);

	if (!name)
		return;
	if (strcmp(name, "printer-name") == 0)
		copy_text(a, q->name, sizeof(q->name));
	else if (strcmp(name, "device-uri") == 0)
		copy_text(a, q->device_uri, sizeof(q->device_uri));
	else if (strcmp(name, QUEUES_FINGERPRINT "-default") == 0)
		copy_text(a, q->fingerprint, sizeof(q->fingerprint));
	else if (strcmp(name, "printer-state-message") == 0)
		copy_text(a, q->text, sizeof(q->text));
	else if (strcmp(name, "queued-job-count") == 0)
		q->jobs = (uint32_t)ippGetInteger(a, 0);
	else if (strcmp(name, "printer-state") == 0)
		q->state = (uint32_t)ippGetInteger(a, 0);
}

/* Reads the queue that `*at` begins, and leaves there what comes behind it. */
static void read_queue(
	ipp_t *response, ipp_attribute_t **at, const char *first, struct queues_queue *q)
{
	*q = (struct queues_queue){.head = {.type = QUEUES_QUEUE, .size = sizeof(*q)}};
	for (; *at && ippGetGroupTag(*at) == IPP_TAG_PRINTER; *at = ippNextAttribute(response))
		read_attribute(*at, q);
	q->ours = is_ours(q->device_uri);
	q->is_default = strcmp(q->name, first) == 0;
}

static int read_default(struct cupsd *cupsd, char name[static NAME_SIZE])
{
	static const char *const wanted[] = {"printer-name"};
	ipp_t *request = cupsd_request(IPP_OP_CUPS_GET_DEFAULT, NULL);
	_cleanup_ipp_ ipp_t *response = NULL;
	int r;

	memset(name, 0, NAME_SIZE);
	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	cupsd_text(response, "printer-name", name, NAME_SIZE);
	return 0;
}

int queue_list(struct cupsd *cupsd, queue_fn *on_queue, void *userdata)
{
	static const char *const wanted[] = {"printer-name", "device-uri", "printer-state",
		"printer-state-message", "queued-job-count", QUEUES_FINGERPRINT "-default"};
	_cleanup_ipp_ ipp_t *response = NULL;
	char first[NAME_SIZE];
	ipp_attribute_t *a;
	ipp_t *request;
	int r = read_default(cupsd, first);

	if (r < 0)
		return r;
	request = cupsd_request(IPP_OP_CUPS_GET_PRINTERS, NULL);
	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (a = ippFirstAttribute(response); a;) {
		struct queues_queue q;

		if (ippGetGroupTag(a) != IPP_TAG_PRINTER) {
			a = ippNextAttribute(response);
			continue;
		}
		read_queue(response, &a, first, &q);
		on_queue(&q, userdata);
	}
	return 0;
}

/* All values of an attribute as a list that words_next() reads. */
static void read_list(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	char word[NAME_SIZE * 2];

	memset(buf, 0, size);
	for (int i = 0; a && i < ippGetCount(a); i++) {
		const char *text = ippGetString(a, i, NULL);
		size_t used = 0;

		if (!text)
			(void)snprintf(word, sizeof(word), "%d", ippGetInteger(a, i));
		for (; text && *text && used + 3 < sizeof(word); text++) {
			if (strchr("\\'\",", *text))
				word[used++] = '\\';
			word[used++] = *text;
		}
		if (text)
			word[used] = '\0';
		(void)words_add(buf, size, word);
	}
}

int queue_look(struct cupsd *cupsd, const char *name, struct queue_look *ret_look)
{
	static const char *const wanted[] = {"device-uri", "queued-job-count", "printer-state",
		"printer-state-message", "printer-state-reasons", "printer-is-accepting-jobs",
		"marker-names", "marker-types", "marker-colors", "marker-levels",
		"marker-low-levels", "marker-high-levels", OPTIONS, HELD};
	ipp_t *request = cupsd_request(IPP_OP_GET_PRINTER_ATTRIBUTES, name);
	_cleanup_ipp_ ipp_t *response = NULL;
	struct queue_look *l = ret_look;
	char uri[QUEUES_URI_SIZE];
	int r;

	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r;
	cupsd_text(response, "device-uri", uri, sizeof(uri));
	if (!is_ours(uri)) {
		(void)text_printf(cupsd->text, sizeof(cupsd->text),
			"the queue %.127s was made by hand and is left alone", name);
		return -EPERM;
	}
	l->jobs = cupsd_int(response, "queued-job-count");
	l->state = cupsd_int(response, "printer-state");
	l->accepting = cupsd_int(response, "printer-is-accepting-jobs");
	cupsd_text(response, "printer-state-message", l->text, sizeof(l->text));
	cupsd_text(response, OPTIONS, l->options, sizeof(l->options));
	l->held = ippFindAttribute(response, HELD, IPP_TAG_ZERO) != NULL;
#define LIST(member, attr) read_list(response, attr, l->member, sizeof(l->member))
	LIST(reasons, "printer-state-reasons");
	LIST(marker_names, "marker-names");
	LIST(marker_types, "marker-types");
	LIST(marker_colors, "marker-colors");
	LIST(marker_levels, "marker-levels");
	LIST(marker_low_levels, "marker-low-levels");
	LIST(marker_high_levels, "marker-high-levels");
#undef LIST
	return 0;
}

static void put_text(ipp_t *request, const char *name, const char *value)
{
	(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_TEXT, name, NULL, value);
}

/* NAME-default. cupsd takes any text for it, but job-sheets only as one or two names. */
static void put_default(ipp_t *request, const char *option, const char *value)
{
	char name[NAME_SIZE + 16], sheet[2][TEXT_SIZE];
	const char *sheets[2] = {sheet[0], sheet[1]};
	int count = 0;

	(void)snprintf(name, sizeof(name), "%.127s-default", option);
	if (strcmp(option, "job-sheets") != 0) {
		put_text(request, name, value);
		return;
	}
	while (count < 2 && words_next(&value, sheet[count], sizeof(sheet[count])))
		count++;
	(void)ippAddStrings(request, IPP_TAG_PRINTER, IPP_TAG_NAME, name, count, NULL, sheets);
}

/* The option defaults, and away with those that we had set and that are none any more. */
static void put_defaults(ipp_t *request, const struct queues_put *put, const char *before)
{
	char names[TEXT_SIZE * 4] = "", word[NAME_SIZE], name[NAME_SIZE + 16];
	const char *option, *value;
	uint32_t pos = 0;

	while (options_next(put->defaults, put->defaults_size, &pos, &option, &value)) {
		if (!text_is_keyword(option) || strncmp(option, "platen-", 7) == 0 ||
			words_have(names, option) || words_add(names, sizeof(names), option) < 0)
			continue;
		put_default(request, option, value);
	}
	put_text(request, QUEUES_FINGERPRINT "-default", put->fingerprint);
	if (names[0])
		put_text(request, OPTIONS, names);
	else if (before[0])
		(void)ippAddOutOfBand(request, IPP_TAG_PRINTER, IPP_TAG_DELETEATTR, OPTIONS);
	while (words_next(&before, word, sizeof(word))) {
		if (words_have(names, word) || !text_is_keyword(word))
			continue;
		if (strcmp(word, "job-sheets") == 0) {
			put_default(request, word, "none,none");
			continue;
		}
		(void)snprintf(name, sizeof(name), "%.127s-default", word);
		(void)ippAddOutOfBand(request, IPP_TAG_PRINTER, IPP_TAG_DELETEATTR, name);
	}
}

/* Everything about a queue but its state; `before`: NULL for a new one. */
static ipp_t *put_request(const struct queues_put *put, const char *before)
{
	ipp_t *request = cupsd_request(IPP_OP_CUPS_ADD_MODIFY_PRINTER, put->name);
	char uri[QUEUES_URI_SIZE];

	put_text(request, "printer-info", put->info);
	put_text(request, "printer-location", put->location);
	(void)ippAddBoolean(
		request, IPP_TAG_PRINTER, "printer-is-accepting-jobs", put->accepting != 0);
	if (!before) {
		(void)httpAssembleURIf(HTTP_URI_CODING_ALL, uri, sizeof(uri), "platen", NULL, NULL,
			0, "/%s", put->name);
		if (strncmp(uri, SCHEME "///", strlen(SCHEME) + 3) == 0) /* one slash says it */
			memmove(uri + strlen(SCHEME), uri + strlen(SCHEME) + 2,
				strlen(uri) - strlen(SCHEME) - 1);
		(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_URI, "device-uri", NULL, uri);
		(void)ippAddBoolean(request, IPP_TAG_PRINTER, "printer-is-shared", 0);
		(void)ippAddInteger(
			request, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state", IPP_PSTATE_IDLE);
		(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-error-policy",
			NULL, "retry-current-job");
		/* cupsd would cancel a job that waits, say for the host, after three hours. */
		(void)ippAddInteger(request, IPP_TAG_PRINTER, IPP_TAG_INTEGER,
			"job-cancel-after-default", JOB_PATIENCE);
	}
	put_defaults(request, put, before ? before : "");
	return request;
}

static int delete_queue(struct cupsd *cupsd, const char *name)
{
	return cupsd_run(
		cupsd, cupsd_request(IPP_OP_CUPS_DELETE_PRINTER, name), "/admin/", -1, NULL);
}

/* cupsd looks at a driver's first line only before it says yes, and a queue whose driver it then
 * cannot read has no model. Its words are in its log alone, so the same parser is asked: while
 * cupsd makes a new queue, as this takes a tenth of that; before it changes one that is there, for
 * the old driver is lost then. That cupsd could not read a sound one again, for want of memory say,
 * only its log tells. */
struct reading {
	int driver;
	bool done;
	int error; /* driver_read()'s */
	char why[MESSAGE_SIZE];
};

static void read_driver(void *userdata)
{
	struct reading *reading = userdata;

	reading->error = driver_read(reading->driver, reading->why, sizeof(reading->why));
	reading->done = true;
}

static int add_queue(struct cupsd *cupsd, const struct queues_put *put, int driver)
{
	struct reading reading = {.driver = driver};
	int r = cupsd_run_meanwhile(cupsd, put_request(put, NULL), "/admin/", driver,
		driver >= 0 ? read_driver : NULL, &reading, NULL);

	if (r < 0 || driver < 0)
		return r;
	if (!reading.done)
		read_driver(&reading);
	if (reading.error == -EINVAL)
		(void)delete_queue(cupsd, put->name);
	if (reading.error < 0)
		(void)text_copy(cupsd->text, sizeof(cupsd->text), reading.why);
	return reading.error;
}

int queue_put(struct cupsd *cupsd, const struct queues_put *put, int driver, uint32_t *ret_made)
{
	struct queue_look look;
	int r = queue_look(cupsd, put->name, &look);
	bool is_new = r == -ENOENT;

	*ret_made = is_new;
	if (r < 0 && (!is_new || put->there))
		return r;
	/* An empty one cupsd does not notice. */
	if (driver >= 0 && (!is_new || lseek(driver, 0, SEEK_END) <= 0)) {
		r = driver_read(driver, cupsd->text, sizeof(cupsd->text));
		if (r < 0)
			return r;
	}
	if (is_new)
		return add_queue(cupsd, put, driver);
	return cupsd_run(cupsd, put_request(put, look.options), "/admin/", driver, NULL);
}

int queue_remove(struct cupsd *cupsd, const char *name)
{
	struct queue_look look;
	int r = queue_look(cupsd, name, &look);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (look.jobs > 0) {
		(void)text_printf(cupsd->text, sizeof(cupsd->text),
			"the queue %.127s has %d jobs that are still to be settled", name,
			look.jobs);
		return -EBUSY;
	}
	return delete_queue(cupsd, name);
}

int queue_default(struct cupsd *cupsd, const char *name)
{
	struct queue_look look;
	int r = queue_look(cupsd, name, &look);

	if (r < 0)
		return r;
	return cupsd_run(cupsd, cupsd_request(IPP_OP_CUPS_SET_DEFAULT, name), "/admin/", -1, NULL);
}

/* cupsd takes a backend that was killed (by the kernel for want of memory, say) for one that ended
 * well: the job is done in its eyes. The host knows the job by its UUID, so that one which was
 * printed after all is not printed again by this. */
static int restart_job(struct cupsd *cupsd, const struct queues_job *job)
{
	ipp_t *request = cupsd_job_request(IPP_OP_RESTART_JOB, (int)job->number);
	int r;

	if (job->hold)
		(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "job-hold-until",
			NULL, "indefinite");
	r = cupsd_run(cupsd, request, "/", -1, NULL);
	return r == -ECONNREFUSED || r == -ECONNRESET ? r : r < 0 ? -EALREADY : 0;
}

int queue_job(struct cupsd *cupsd, const struct queues_job *job)
{
	static const char *const wanted[] = {"job-state", "job-uuid"};
	ipp_t *request = cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, (int)job->number);
	_cleanup_ipp_ ipp_t *response = NULL;
	char text[TEXT_SIZE];
	struct uuid uuid;
	int r;

	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r;
	cupsd_text(response, "job-uuid", text, sizeof(text));
	if (uuid_parse(text, &uuid) < 0 || !uuid_equal(&uuid, &job->job))
		return -ENOENT;
	switch (cupsd_int(response, "job-state")) {
	case IPP_JSTATE_CANCELED:
	case IPP_JSTATE_ABORTED: return -ECANCELED;
	case IPP_JSTATE_COMPLETED: return restart_job(cupsd, job);
	default: return 0;
	}
}

/* Whether the job is there and held, and the one that is meant. */
static int look_at_held(struct cupsd *cupsd, const struct queues_held *held)
{
	static const char *const wanted[] = {"job-state", "job-uuid"};
	const struct queues_job again = {.number = held->number, .job = held->job};
	ipp_t *request = cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, (int)held->number);
	_cleanup_ipp_ ipp_t *response = NULL;
	char text[TEXT_SIZE];
	struct uuid uuid;
	int r;

	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r;
	cupsd_text(response, "job-uuid", text, sizeof(text));
	if (uuid_parse(text, &uuid) < 0 || !uuid_equal(&uuid, &held->job))
		return -ENOENT;
	switch (cupsd_int(response, "job-state")) {
	case IPP_JSTATE_HELD: return 0;
	case IPP_JSTATE_CANCELED:
	case IPP_JSTATE_ABORTED: return -ECANCELED;
	case IPP_JSTATE_COMPLETED:
		/* A pool's job is over here before it is printed. When the host's spooler has lost
		 * it since, and an administrator says so, it is run again as if it were held. */
		return held->ask || held->hold || restart_job(cupsd, &again) < 0 ? -ENOENT
										 : -EALREADY;
	case IPP_JSTATE_PENDING:
		if (!held->ask && !held->hold)
			return -EALREADY;
		break;
	default: break;
	}
	if (!held->hold)
		return -EBUSY;
	request = cupsd_job_request(IPP_OP_HOLD_JOB, (int)held->number);
	(void)ippAddString(
		request, IPP_TAG_JOB, IPP_TAG_KEYWORD, "job-hold-until", NULL, "indefinite");
	r = cupsd_run(cupsd, request, "/jobs/", -1, NULL);
	return r < 0 ? r : -EBUSY; /* seen to be held with the next try */
}

int queue_held(struct cupsd *cupsd, const struct queues_held *held)
{
	int r = look_at_held(cupsd, held);
	ipp_t *request;

	if (r < 0)
		return r;
	request = cupsd_job_request(
		held->ask ? IPP_OP_SET_JOB_ATTRIBUTES : IPP_OP_RELEASE_JOB, (int)held->number);
	if (held->ask)
		(void)ippAddInteger(
			request, IPP_TAG_JOB, IPP_TAG_INTEGER, BACKEND_ASKED, (int)held->ask);
	return cupsd_run(cupsd, request, "/jobs/", -1, NULL);
}
