/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cupsd answers platen-spool, which may be text of a device: an answer of any bytes to the
 * listing of printers (first byte even) or of jobs, and what platend is told of it, which platend
 * must find sound.
 *
 * The bytes after the first are an IPP message. Listed twice, the second time tells nothing new.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers-fetch/device/answer.h"
#include "host/spool/watch.h"
#include "proto/base/text.h"
#include "proto/ipp/exchange.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/platend.h"

static const uint8_t *answer;
static size_t answer_size, answer_at;
static ipp_status_t status;
static int platend = -1; /* its end of the connection */

/* In place of libcups's: the answer, to whatever is asked. */
ipp_t *cupsDoRequest(http_t *http, ipp_t *request, const char *resource)
{
	bool is_default = ippGetOperation(request) == IPP_OP_CUPS_GET_DEFAULT;
	ipp_t *response = NULL;
	size_t used;
	int r;

	(void)http;
	(void)resource;
	ippDelete(request);
	r = answer_read(answer, answer_size, &response, &used);
	if (r == -EREMOTEIO || is_default) { /* the default is another question */
		ippDelete(r == 0 ? response : NULL);
		response = ippNew();
		(void)ippSetStatusCode(response, IPP_STATUS_ERROR_NOT_FOUND);
	} else if (r < 0) {
		status = IPP_STATUS_ERROR_SERVICE_UNAVAILABLE;
		return NULL;
	}
	status = ippGetStatusCode(response);
	return response;
}

ipp_status_t cupsLastError(void)
{
	return status;
}

/* The same for long answers, which are read piece by piece. */
bool ipp_post(http_t *http, ipp_t *request, const char *resource, int file)
{
	(void)http;
	(void)request;
	(void)resource;
	(void)file;
	answer_at = 0;
	return true;
}

http_status_t httpUpdate(http_t *http)
{
	(void)http;
	return HTTP_STATUS_OK;
}

ssize_t httpPeek(http_t *http, char *buffer, size_t length)
{
	size_t n = answer_size - answer_at < length ? answer_size - answer_at : length;

	(void)http;
	memcpy(buffer, answer + answer_at, n);
	return (ssize_t)n;
}

ssize_t httpRead2(http_t *http, char *buffer, size_t length)
{
	ssize_t n = httpPeek(http, buffer, length < 7 ? length : 7);

	answer_at += (size_t)n;
	return n;
}

void httpSetAuthString(http_t *http, const char *scheme, const char *data)
{
	(void)http;
	(void)scheme;
	(void)data;
}

void httpFlush(http_t *http)
{
	(void)http;
}

/* The worker's descriptor, before anything else has that number. */
__attribute__((constructor)) static void connect_platend(void)
{
	int fds[2];

	PROMISE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	platend = dup(fds[1]);
	PROMISE(dup2(fds[0], 63) == 63 && dup2(platend, 62) == 62);
	for (int fd = 3; fd < 10; fd++)
		(void)close(fd);
	PROMISE(dup2(63, IPC_FD) == IPC_FD);
	(void)close(63);
	platend = 62;
}

static void look_at_job(const struct spool_job *j)
{
	PROMISE(j->head.size == sizeof(*j) && j->host_job && j->state);
	PROMISE(j->file >= 1 && j->file <= JOB_FILES_MAX);
	PROMISE(text_terminated(j->printer, sizeof(j->printer)) && text_is_line(j->printer));
	PROMISE(text_terminated(j->reasons, sizeof(j->reasons)) && text_is_line(j->reasons));
	PROMISE(text_terminated(j->text, sizeof(j->text)) && text_is_line(j->text));
}

/* What platend is told, taken as platend does. Returns how many messages that were. */
static unsigned int hear(struct host *host)
{
	static union {
		struct ipc_head head;
		struct spool_printer printer;
		struct spool_printer_gone gone;
		struct spool_job job;
	} m;
	unsigned int count = 0;

	while (recv(platend, &m, sizeof(m), MSG_DONTWAIT) > 0) {
		count++;
		switch (m.head.type) {
		case SPOOL_PRINTER:
			PROMISE(m.head.size == sizeof(m.printer));
			PROMISE(printer_update(host, &m.printer) == 0);
			break;
		case SPOOL_PRINTER_GONE:
			PROMISE(printer_find(host, m.gone.name));
			printer_remove(host, m.gone.name);
			break;
		case SPOOL_JOB: look_at_job(&m.job); break;
		default: PROMISE(!"another message");
		}
	}
	return count;
}

static int list(struct watch *watch, bool jobs)
{
	int r = jobs ? watch_list_jobs(watch, 0) : watch_list_printers(watch, NULL);

	return r < 0 ? r : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char spooler;
	struct watch watch = {.http = (http_t *)&spooler}; /* never looked into */
	static struct host *host; /* one for all: only its printers change, and go */
	bool jobs;

	if (size < 1)
		return 0;
	if (!host)
		host = platend_begin("fuzz-spooler");
	jobs = data[0] & 1;
	answer = data + 1;
	answer_size = size - 1;
	if (list(&watch, jobs) == 0) {
		(void)hear(host);
		PROMISE(list(&watch, jobs) == 0);
		(void)hear(host);
	}
	watch_forget(&watch);
	printer_free_all(host);
	return 0;
}
