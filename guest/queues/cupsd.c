/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to cupsd over its unix socket.
 *
 * It is kept, for making one costs more than most requests. libcups renews a lost connection on its
 * own and says nothing; but a new connection may lead to another cupsd, which may have forgotten
 * what the last one had not saved yet. So connections are told apart by their socket's inode, and
 * counted. A cupsd that takes a request and never answers it is given up after a while: the agent
 * has a deadline of its own outside.
 */
#include "guest/queues/cupsd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/text.h"

#define CONNECT_MSEC 10000
#define ANSWER_SEC   30.0

int64_t cupsd_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* libcups asks at a 401: we are root by the kernel's word, or we are not. */
static const char *no_password(
	const char *prompt, http_t *http, const char *method, const char *resource, void *userdata)
{
	(void)prompt;
	(void)http;
	(void)method;
	(void)resource;
	(void)userdata;
	return NULL;
}

static int give_up(http_t *http, void *userdata)
{
	(void)http;
	(void)userdata;
	return 0;
}

void cupsd_init(struct cupsd *cupsd, const char *socket)
{
	*cupsd = (struct cupsd){.socket = socket};
	cupsSetPasswordCB2(no_password, NULL);
}

void cupsd_disconnect(struct cupsd *cupsd)
{
	if (cupsd->http)
		httpClose(cupsd->http);
	cupsd->http = NULL;
	cupsd->inode = 0;
}

void cupsd_check(struct cupsd *cupsd)
{
	struct pollfd fd = {.events = POLLIN};

	if (!cupsd->http)
		return;
	fd.fd = httpGetFd(cupsd->http);
	if (fd.fd < 0 || poll(&fd, 1, 0) > 0) /* it never speaks first but to hang up */
		cupsd_disconnect(cupsd);
}

static void count_connection(struct cupsd *cupsd)
{
	struct stat st;

	if (!cupsd->http || fstat(httpGetFd(cupsd->http), &st) < 0 || st.st_ino == cupsd->inode)
		return;
	cupsd->inode = st.st_ino;
	cupsd->connections++;
}

static int connect_now(struct cupsd *cupsd)
{
	cupsd_check(cupsd);
	if (cupsd->http)
		return 0;
	cupsd->http = httpConnect2(cupsd->socket, 0, NULL, AF_UNSPEC, HTTP_ENCRYPTION_IF_REQUESTED,
		1, CONNECT_MSEC, NULL);
	if (!cupsd->http) {
		(void)text_printf(cupsd->text, sizeof(cupsd->text),
			"no cupsd answers at %.107s: see `systemctl status cups`", cupsd->socket);
		return -ECONNREFUSED;
	}
	httpSetTimeout(cupsd->http, ANSWER_SEC, give_up, NULL);
	/* Said beforehand: cupsd would ask for it by a 401, and close the connection. */
	httpSetAuthString(cupsd->http, "PeerCred", cupsUser());
	return 0;
}

ipp_t *cupsd_request(ipp_op_t op, const char *queue)
{
	ipp_t *request = ippNewRequest(op);
	char uri[QUEUES_URI_SIZE];

	if (queue) {
		(void)httpAssembleURIf(HTTP_URI_CODING_ALL, uri, sizeof(uri), "ipp", NULL,
			"localhost", 0, "/printers/%s", queue);
		(void)ippAddString(
			request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, uri);
	}
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", NULL, cupsUser());
	return request;
}

ipp_t *cupsd_job_request(ipp_op_t op, int job)
{
	ipp_t *request = ippNewRequest(op);

	(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
		"ipp://localhost/jobs/%d", job);
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", NULL, cupsUser());
	return request;
}

void cupsd_want(ipp_t *request, const char *const *names, size_t count)
{
	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		(int)count, NULL, names);
}

/* What cupsd did not like, or that it did not answer; `silent`: and libcups says nothing of it. */
static int error_of(struct cupsd *cupsd, ipp_t *response, bool silent)
{
	ipp_status_t status = response ? ippGetStatusCode(response)
			      : silent ? IPP_STATUS_ERROR_SERVICE_UNAVAILABLE
				       : cupsLastError();

	cupsd_text(response, "status-message", cupsd->text, sizeof(cupsd->text));
	if (!cupsd->text[0])
		text_copy_line(cupsd->text, sizeof(cupsd->text), ippErrorString(status));
	switch (status) {
	case IPP_STATUS_ERROR_NOT_FOUND: return -ENOENT;
	case IPP_STATUS_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED:
	case IPP_STATUS_ERROR_DOCUMENT_FORMAT_ERROR: return -EINVAL;
	case IPP_STATUS_ERROR_NOT_AUTHORIZED:
	case IPP_STATUS_ERROR_NOT_AUTHENTICATED:
	case IPP_STATUS_ERROR_CUPS_AUTHENTICATION_CANCELED:
	case IPP_STATUS_ERROR_FORBIDDEN: return -EACCES;
	case IPP_STATUS_ERROR_BUSY: return -EBUSY;
	default: break;
	}
	if (response)
		return -EIO;
	(void)text_printf(cupsd->text, sizeof(cupsd->text),
		"cupsd at %.107s went away: see `systemctl status cups`", cupsd->socket);
	cupsd_disconnect(cupsd);
	return -ECONNRESET;
}

int cupsd_run_meanwhile(struct cupsd *cupsd, ipp_t *request, const char *resource, int file,
	exchange_fn *meanwhile, void *userdata, ipp_t **ret_response)
{
	_cleanup_ipp_ ipp_t *response = NULL;
	const char *server;
	bool silent;
	int r = connect_now(cupsd);

	if (r < 0) {
		ippDelete(request);
		return r;
	}
	response = ipp_exchange(cupsd->http, request, resource, file, meanwhile, userdata, &silent);
	if (!response)
		return error_of(cupsd, NULL, silent);
	count_connection(cupsd);
	cupsd->used = cupsd_msec();
	server = httpGetField(cupsd->http, HTTP_FIELD_SERVER);
	text_copy_line(cupsd->server, sizeof(cupsd->server), server && *server ? server : "CUPS");
	cupsd->server[strcspn(cupsd->server, " ")] = '\0';
	if (ippGetStatusCode(response) > IPP_STATUS_OK_CONFLICTING)
		return error_of(cupsd, response, false);
	if (ret_response)
		*ret_response = steal_ptr(response);
	return 0;
}

int cupsd_run(
	struct cupsd *cupsd, ipp_t *request, const char *resource, int file, ipp_t **ret_response)
{
	return cupsd_run_meanwhile(cupsd, request, resource, file, NULL, NULL, ret_response);
}

bool cupsd_answers(struct cupsd *cupsd)
{
	static const char *const wanted[] = {"printer-name"};
	ipp_t *request = cupsd_request(IPP_OP_CUPS_GET_DEFAULT, NULL);
	int r;

	cupsd_want(request, wanted, 1);
	r = cupsd_run(cupsd, request, "/", -1, NULL);
	return r != -ECONNREFUSED && r != -ECONNRESET;
}

void cupsd_text(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	const char *text = a ? ippGetString(a, 0, NULL) : NULL;

	text_copy_line(buf, size, text ? text : "");
}

int cupsd_int(ipp_t *ipp, const char *name)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);

	switch (a ? ippGetValueTag(a) : IPP_TAG_ZERO) {
	case IPP_TAG_INTEGER:
	case IPP_TAG_ENUM: return ippGetInteger(a, 0);
	case IPP_TAG_BOOLEAN: return ippGetBoolean(a, 0);
	default: return 0;
	}
}
