/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's completed jobs.
 *
 * cupsd answers from memory as long as nothing is asked for that it keeps with a job's own file, so
 * the list has numbers and times alone. A job that is new in it is then asked after by itself: its
 * UUID says which job it really is, for numbers are given out again. Command files (supply reports,
 * ours among them) are no documents and are left out.
 */
#include "guest/queues/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/queues/queue.h"
#include "proto/base/text.h"

#define COMMANDS "application/vnd.cups-command"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct history_job {
	uint32_t number, files;
	int completed; /* seconds: a job that was run again has another */
	char printer[NAME_SIZE];
};

void history_init(struct history *history, struct cupsd *cupsd)
{
	*history = (struct history){.cupsd = cupsd};
}

void history_deinit(struct history *history)
{
	free(history->told);
	history->told = NULL;
}

/* One group of the answer. False: it is no job that was completed, or of a class. */
static bool read_job(ipp_t *one, struct history_job *job)
{
	char uri[QUEUES_URI_SIZE], scheme[32], user[64], host[256], resource[QUEUES_URI_SIZE];
	int port, id = cupsd_int(one, "job-id");

	*job = (struct history_job){0};
	cupsd_text(one, "job-printer-uri", uri, sizeof(uri));
	if (id <= 0 || cupsd_int(one, "job-state") != IPP_JSTATE_COMPLETED ||
		httpSeparateURI(HTTP_URI_CODING_ALL, uri, scheme, sizeof(scheme), user,
			sizeof(user), host, sizeof(host), &port, resource,
			sizeof(resource)) < HTTP_URI_STATUS_OK ||
		strncmp(resource, "/printers/", 10) != 0 || !text_is_queue(resource + 10) ||
		text_copy(job->printer, sizeof(job->printer), resource + 10) < 0)
		return false;
	job->number = (uint32_t)id;
	job->files = (uint32_t)cupsd_int(one, "number-of-documents");
	job->completed = cupsd_int(one, "time-at-completed");
	return true;
}

/* All completed jobs. 0 or -errno. */
static int read_all(struct cupsd *cupsd, struct history_job **ret_jobs, size_t *ret_count)
{
	static const char *const wanted[] = {"job-id", "job-state", "job-printer-uri",
		"number-of-documents", "time-at-completed"};
	ipp_t *request = cupsd_request(IPP_OP_GET_JOBS, NULL);
	_cleanup_ipp_ ipp_t *response = NULL;
	size_t count = 0, room = 0;
	struct history_job *jobs = NULL;
	int r;

	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, "ipp://localhost/");
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "which-jobs", NULL, "completed");
	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r;
	for (ipp_attribute_t *a = ippFirstAttribute(response); a;) {
		_cleanup_ipp_ ipp_t *one = NULL;

		if (ippGetGroupTag(a) != IPP_TAG_JOB) {
			a = ippNextAttribute(response);
			continue;
		}
		if (count == room) {
			struct history_job *more =
				realloc(jobs, (room = room * 2 + 64) * sizeof(*more));

			if (!more) {
				free(jobs);
				return -ENOMEM;
			}
			jobs = more;
		}
		one = ippNew();
		for (; a && ippGetGroupTag(a) == IPP_TAG_JOB; a = ippNextAttribute(response))
			(void)ippCopyAttribute(one, a, 1);
		count += read_job(one, &jobs[count]);
	}
	*ret_jobs = jobs;
	*ret_count = count;
	return 0;
}

static bool was_told(const struct history *history, const struct history_job *job)
{
	for (size_t i = 0; i < history->count; i++)
		if (history->told[i].number == job->number &&
			history->told[i].completed == job->completed)
			return true;
	return false;
}

/* The job itself. 0; -ENOENT: it is gone, or none that is meant. */
static int look_at(
	struct cupsd *cupsd, const struct history_job *job, struct queues_ended *ret_ended)
{
	static const char *const wanted[] = {
		"job-uuid", "job-state", "document-format", "document-format-supplied"};
	ipp_t *request = cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, (int)job->number);
	_cleanup_ipp_ ipp_t *response = NULL;
	char uuid[TEXT_SIZE], format[2][MIME_SIZE];
	int r;

	cupsd_want(request, wanted, COUNT(wanted));
	r = cupsd_run(cupsd, request, "/", -1, &response);
	if (r < 0)
		return r;
	cupsd_text(response, "job-uuid", uuid, sizeof(uuid));
	cupsd_text(response, "document-format", format[0], sizeof(format[0]));
	cupsd_text(response, "document-format-supplied", format[1], sizeof(format[1]));
	*ret_ended = (struct queues_ended){
		.head = {.type = QUEUES_JOB_ENDED, .size = sizeof(*ret_ended)},
		.number = job->number,
		.files = job->files};
	memcpy(ret_ended->name, job->printer, sizeof(job->printer));
	if (cupsd_int(response, "job-state") != IPP_JSTATE_COMPLETED ||
		strcmp(format[0], COMMANDS) == 0 || strcmp(format[1], COMMANDS) == 0 ||
		uuid_parse(uuid, &ret_ended->job) < 0)
		return -ENOENT;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct history_job *one = a, *other = b;

	return strcmp(one->printer, other->printer);
}

/* Tells of those that are new, queue by queue. */
static int tell(struct history *history, const struct queues_ended *request,
	const struct history_job *jobs, size_t count, history_fn *on_job, void *userdata)
{
	const char *last = "";
	bool ours = false;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		struct queues_ended ended;
		struct queue_look look;

		if (jobs[i].number <= request->number ||
			(!request->anew && was_told(history, &jobs[i])))
			continue;
		if (strcmp(jobs[i].printer, last) != 0) {
			last = jobs[i].printer;
			r = queue_look(history->cupsd, last, &look);
			ours = r == 0;
		}
		if (ours)
			r = look_at(history->cupsd, &jobs[i], &ended);
		if (r < 0 && r != -ENOENT && r != -EPERM)
			return r;
		if (ours && r == 0)
			on_job(&ended, userdata);
		r = 0;
	}
	return 0;
}

int history_list(struct history *history, const struct queues_ended *request, history_fn *on_job,
	void *userdata)
{
	struct queues_ended newest = {.head = {.type = QUEUES_JOB_ENDED, .size = sizeof(newest)}};
	struct history_job *jobs = NULL;
	size_t count = 0;
	int r = read_all(history->cupsd, &jobs, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (jobs[i].number > newest.number)
			newest.number = jobs[i].number;
	on_job(&newest, userdata);
	if (count)
		qsort(jobs, count, sizeof(*jobs), compare);
	r = tell(history, request, jobs, count, on_job, userdata);
	if (r < 0) {
		free(jobs);
		return r;
	}
	history_deinit(history);
	history->told = jobs;
	history->count = count;
	return 0;
}
