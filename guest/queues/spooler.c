/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on the guest's queues, by IPP (RFC 8011, CUPS's extensions).
 *
 * Before anything is changed, the queue's device URI is read: one that does not begin with
 * "platen:" is a person's and is never touched, whatever we were told. cupsd takes state, reasons
 * and message of a queue by CUPS-Add-Modify-Printer, but supply levels only from a backend's ATTR:
 * lines (measured, cups 2.4.2): so when levels change, a command job makes cupsd run our backend
 * for an instant, and is purged again.
 */
#include "guest/queues/spooler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define CONNECT_MSEC 10000
#define USER	     "root"

int spooler_connect(struct spooler *spooler)
{
	if (spooler->http)
		return 0;
	spooler->http = httpConnect2(spooler->socket, 0, NULL, AF_UNSPEC,
		HTTP_ENCRYPTION_IF_REQUESTED, 1, CONNECT_MSEC, NULL);
	if (spooler->http)
		return 0;
	(void)text_printf(spooler->text, sizeof(spooler->text), "no cupsd answers at %.107s",
		spooler->socket);
	return -ECONNREFUSED;
}

void spooler_disconnect(struct spooler *spooler)
{
	if (spooler->http)
		httpClose(spooler->http);
	spooler->http = NULL;
}

static ipp_t *request_new(ipp_op_t op, const char *name)
{
	ipp_t *request = ippNewRequest(op);
	char uri[1024];

	if (name) {
		(void)httpAssembleURIf(HTTP_URI_CODING_ALL, uri, sizeof(uri), "ipp", NULL,
			"localhost", 0, "/printers/%s", name);
		(void)ippAddString(
			request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, uri);
	}
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", NULL, USER);
	return request;
}

static int error_of(struct spooler *spooler, bool answered)
{
	ipp_status_t status = cupsLastError();

	text_copy_line(spooler->text, sizeof(spooler->text), cupsLastErrorString());
	if (!answered || status == IPP_STATUS_ERROR_SERVICE_UNAVAILABLE) {
		spooler_disconnect(spooler);
		return -ECONNRESET;
	}
	switch (status) {
	case IPP_STATUS_ERROR_NOT_FOUND: return -ENOENT;
	case IPP_STATUS_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED:
	case IPP_STATUS_ERROR_DOCUMENT_FORMAT_ERROR: return -EINVAL;
	case IPP_STATUS_ERROR_NOT_AUTHORIZED:
	case IPP_STATUS_ERROR_NOT_AUTHENTICATED:
	case IPP_STATUS_ERROR_FORBIDDEN: return -EACCES;
	default: return -EIO;
	}
}

/* Sends a request, again on a fresh connection when cupsd had closed the old one. Steals it. */
static int run(struct spooler *spooler, ipp_t *request, const char *resource, int file,
	ipp_t **ret_response)
{
	ipp_t *response;
	int r = spooler_connect(spooler);

	if (r < 0) {
		ippDelete(request);
		return r;
	}
	if (file >= 0)
		(void)lseek(file, 0, SEEK_SET);
	response = cupsDoIORequest(spooler->http, request, resource, file, -1);
	if (!response || cupsLastError() > IPP_STATUS_OK_CONFLICTING) {
		r = error_of(spooler, response != NULL);
		ippDelete(response);
		return r;
	}
	if (ret_response)
		*ret_response = response;
	else
		ippDelete(response);
	return 0;
}

static void attr_text(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	const char *text = a ? ippGetString(a, 0, NULL) : NULL;

	text_copy_line(buf, size, text ? text : "");
}

static int attr_int(ipp_t *ipp, const char *name)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	ipp_tag_t tag = a ? ippGetValueTag(a) : IPP_TAG_ZERO;

	return tag == IPP_TAG_INTEGER || tag == IPP_TAG_ENUM ? ippGetInteger(a, 0) : 0;
}

static bool is_ours(const char *uri)
{
	return strncmp(uri, "platen:", 7) == 0;
}

static void read_queue(ipp_t *one, const char *first, struct queues_queue *q)
{
	*q = (struct queues_queue){.head = {.type = QUEUES_QUEUE, .size = sizeof(*q)}};
	attr_text(one, "printer-name", q->name, sizeof(q->name));
	attr_text(one, "device-uri", q->device_uri, sizeof(q->device_uri));
	attr_text(one, QUEUES_FINGERPRINT "-default", q->fingerprint, sizeof(q->fingerprint));
	attr_text(one, "printer-state-message", q->text, sizeof(q->text));
	q->jobs = (uint32_t)attr_int(one, "queued-job-count");
	q->state = (uint32_t)attr_int(one, "printer-state");
	q->ours = is_ours(q->device_uri);
	q->is_default = strcmp(q->name, first) == 0;
}

static int read_default(struct spooler *spooler, char name[static NAME_SIZE])
{
	ipp_t *request = request_new(IPP_OP_CUPS_GET_DEFAULT, NULL), *response;
	int r;

	memset(name, 0, NAME_SIZE);
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		NULL, "printer-name");
	r = run(spooler, request, "/", -1, &response);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	attr_text(response, "printer-name", name, NAME_SIZE);
	ippDelete(response);
	return 0;
}

int spooler_list(struct spooler *spooler, spooler_queue_fn *on_queue, void *userdata)
{
	static const char *const wanted[] = {"printer-name", "device-uri", "printer-state",
		"printer-state-message", "queued-job-count", QUEUES_FINGERPRINT "-default"};
	ipp_t *request, *response;
	char first[NAME_SIZE];
	ipp_attribute_t *a;
	int r = read_default(spooler, first);

	if (r < 0)
		return r;
	request = request_new(IPP_OP_CUPS_GET_PRINTERS, NULL);
	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		(int)(sizeof(wanted) / sizeof(wanted[0])), NULL, wanted);
	r = run(spooler, request, "/", -1, &response);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (a = ippFirstAttribute(response); a;) {
		struct queues_queue q;
		ipp_t *one;

		while (a && ippGetGroupTag(a) != IPP_TAG_PRINTER)
			a = ippNextAttribute(response);
		if (!a)
			break;
		one = ippNew();
		for (; a && ippGetGroupTag(a) == IPP_TAG_PRINTER; a = ippNextAttribute(response))
			(void)ippCopyAttribute(one, a, 1);
		read_queue(one, first, &q);
		ippDelete(one);
		on_queue(&q, userdata);
	}
	ippDelete(response);
	return 0;
}

/* Whether the queue exists and is ours: 0; -ENOENT; -EPERM. ret_jobs and ret_levels: what it has.
 */
static int look(struct spooler *spooler, const char *name, int *ret_jobs, int *ret_state,
	char levels[static TEXT_SIZE])
{
	static const char *const wanted[] = {
		"device-uri", "queued-job-count", "printer-state", "marker-levels", "marker-names"};
	ipp_t *request = request_new(IPP_OP_GET_PRINTER_ATTRIBUTES, name), *response;
	ipp_attribute_t *a;
	char uri[QUEUES_URI_SIZE];
	size_t used = 0;
	int r;

	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		(int)(sizeof(wanted) / sizeof(wanted[0])), NULL, wanted);
	r = run(spooler, request, "/", -1, &response);
	if (r < 0)
		return r;
	attr_text(response, "device-uri", uri, sizeof(uri));
	*ret_jobs = attr_int(response, "queued-job-count");
	*ret_state = attr_int(response, "printer-state");
	memset(levels, 0, TEXT_SIZE);
	a = ippFindAttribute(response, "marker-levels", IPP_TAG_INTEGER);
	for (int i = 0; a && i < ippGetCount(a) && used + 13 < TEXT_SIZE; i++)
		used += (size_t)snprintf(
			levels + used, TEXT_SIZE - used, "%s%d", i ? "," : "", ippGetInteger(a, i));
	ippDelete(response);
	if (is_ours(uri))
		return 0;
	(void)text_printf(
		spooler->text, sizeof(spooler->text), "the queue %.127s is not Platen's", name);
	return -EPERM;
}

/* Everything about a queue but its state. */
static ipp_t *put_request(const struct queues_put *put, bool is_new)
{
	ipp_t *request = request_new(IPP_OP_CUPS_ADD_MODIFY_PRINTER, put->name);
	const char *name, *value;
	cups_option_t *options = NULL;
	char uri[QUEUES_URI_SIZE], key[NAME_SIZE + 16];
	uint32_t pos = 0;
	int count = 0;

	(void)httpAssembleURIf(
		HTTP_URI_CODING_ALL, uri, sizeof(uri), "platen", NULL, NULL, 0, "/%s", put->name);
	(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_URI, "device-uri", NULL, uri);
	(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-info", NULL, put->info);
	(void)ippAddString(
		request, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-location", NULL, put->location);
	(void)ippAddString(request, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-error-policy", NULL,
		"retry-current-job");
	(void)ippAddBoolean(
		request, IPP_TAG_PRINTER, "printer-is-accepting-jobs", (char)put->accepting);
	if (is_new) {
		(void)ippAddBoolean(request, IPP_TAG_PRINTER, "printer-is-shared", 0);
		(void)ippAddInteger(
			request, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state", IPP_PSTATE_IDLE);
	}
	while (options_next(put->defaults, put->defaults_size, &pos, &name, &value)) {
		(void)snprintf(key, sizeof(key), "%s-default", name);
		count = cupsAddOption(key, value, count, &options);
	}
	count = cupsAddOption(QUEUES_FINGERPRINT "-default", put->fingerprint, count, &options);
	cupsEncodeOptions2(request, count, options, IPP_TAG_PRINTER);
	cupsFreeOptions(count, options);
	return request;
}

int spooler_put(struct spooler *spooler, const struct queues_put *put, int driver)
{
	char levels[TEXT_SIZE];
	int jobs, state, r;

	r = look(spooler, put->name, &jobs, &state, levels);
	if (r < 0 && r != -ENOENT)
		return r;
	return run(spooler, put_request(put, r == -ENOENT), "/admin/", driver, NULL);
}

int spooler_remove(struct spooler *spooler, const char *name)
{
	char levels[TEXT_SIZE];
	int jobs, state, r;

	r = look(spooler, name, &jobs, &state, levels);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (jobs > 0) {
		(void)text_printf(spooler->text, sizeof(spooler->text),
			"%d jobs are still to be settled", jobs);
		return -EBUSY;
	}
	return run(spooler, request_new(IPP_OP_CUPS_DELETE_PRINTER, name), "/admin/", -1, NULL);
}

int spooler_default(struct spooler *spooler, const char *name)
{
	return run(spooler, request_new(IPP_OP_CUPS_SET_DEFAULT, name), "/admin/", -1, NULL);
}

/* Has cupsd run the backend, which asks the agent and writes the levels. */
static int report_supplies(struct spooler *spooler, const char *name)
{
	static const char command[] = "#CUPS-COMMAND\nReportLevels\n";
	_cleanup_close_ int file = -1;
	FILE *temp = tmpfile();
	ipp_t *request, *response;
	int r;

	if (!temp)
		return -errno;
	file = dup(fileno(temp));
	(void)fclose(temp);
	if (file < 0 || write(file, command, sizeof(command) - 1) < 0)
		return -errno;
	request = request_new(IPP_OP_PRINT_JOB, name);
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_NAME, "job-name", NULL,
		"Platen: supply levels");
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_MIMETYPE, "document-format", NULL,
		"application/vnd.cups-command");
	r = run(spooler, request, "/", file, &response);
	if (r < 0)
		return r;
	if (spooler->report_count < REPORTS_MOST)
		spooler->reports[spooler->report_count++] = attr_int(response, "job-id");
	ippDelete(response);
	return 0;
}

bool spooler_purge(struct spooler *spooler)
{
	int kept = 0;

	for (int i = 0; i < spooler->report_count; i++) {
		ipp_t *request = request_new(IPP_OP_GET_JOB_ATTRIBUTES, NULL), *response;
		int state = IPP_JSTATE_COMPLETED;

		(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
			"ipp://localhost/jobs/%d", spooler->reports[i]);
		if (run(spooler, request, "/", -1, &response) == 0) {
			state = attr_int(response, "job-state");
			ippDelete(response);
		}
		if (state < IPP_JSTATE_CANCELED) {
			spooler->reports[kept++] = spooler->reports[i];
			continue;
		}
		request = request_new(IPP_OP_CANCEL_JOB, NULL);
		(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
			"ipp://localhost/jobs/%d", spooler->reports[i]);
		(void)ippAddBoolean(request, IPP_TAG_OPERATION, "purge-job", 1);
		(void)run(spooler, request, "/jobs/", -1, NULL); /* it stays in the list then */
	}
	spooler->report_count = kept;
	return kept > 0;
}

static void add_reasons(ipp_t *request, const char *reasons)
{
	char copy[REASONS_SIZE], *rest = copy, *word;
	const char *words[32];
	int count = 0;

	(void)text_copy(copy, sizeof(copy), reasons);
	while ((word = strsep(&rest, ",")) && count < 32)
		if (*word && strcmp(word, "paused") != 0) /* cupsd would stop the queue by it */
			words[count++] = word;
	if (count == 0)
		words[count++] = "none";
	(void)ippAddStrings(request, IPP_TAG_PRINTER, IPP_TAG_KEYWORD, "printer-state-reasons",
		count, NULL, words);
}

int spooler_state(struct spooler *spooler, const struct queues_state *s)
{
	char levels[TEXT_SIZE];
	int jobs, state, r;
	ipp_t *request;

	r = look(spooler, s->name, &jobs, &state, levels);
	if (r < 0)
		return r;
	request = request_new(IPP_OP_CUPS_ADD_MODIFY_PRINTER, s->name);
	(void)ippAddBoolean(
		request, IPP_TAG_PRINTER, "printer-is-accepting-jobs", (char)s->accepting);
	if (s->stopped && state != IPP_PSTATE_STOPPED)
		(void)ippAddInteger(request, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state",
			IPP_PSTATE_STOPPED);
	else if (!s->stopped && state == IPP_PSTATE_STOPPED)
		(void)ippAddInteger(
			request, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state", IPP_PSTATE_IDLE);
	(void)ippAddString(
		request, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-state-message", NULL, s->text);
	add_reasons(request, s->reasons);
	r = run(spooler, request, "/admin/", -1, NULL);
	if (r == 0 && strcmp(levels, s->marker_levels) != 0 && s->marker_levels[0] && !s->stopped)
		r = report_supplies(spooler, s->name);
	return r;
}
