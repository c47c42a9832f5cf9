/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver made from IPP attributes: of the device itself (IPP Everywhere, PWG 5100.14), or of what
 * the host's spooler reports for its queue (the generic driver).
 *
 * The attributes come through libcurl like anything else from the network. platen-device, which has
 * no network and no other program to start, turns them into a PPD; that is then cleaned like one
 * from a print server.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers-fetch/ipp-request.h"
#include "drivers-fetch/catalogues.h"
#include "drivers-fetch/ppd.h"
#include "drivers-fetch/run.h"
#include "drivers-fetch/source.h"
#include "proto/base/text.h"

#define MAKE_MSEC 20000

static bool is_ipp(const struct http_answer *answer)
{
	return strncasecmp(answer->type, "application/ipp", 15) == 0;
}

/* Makes a PPD of an IPP answer, in place of it. */
static void make(const char *store, const struct http_request *asked, const char *kind,
	struct http_answer *answer, struct fetch_result *result)
{
	const char *url = asked->url;
	char program[512], what[300];
	const char *argv[] = {program, kind, NULL};
	struct run_answer made = {0};
	int r;

	if (!is_ipp(answer))
		return source_say(
			result, FETCH_REFUSED, url, "it does not answer in IPP: is it a printer?");
	if (!run_beside("platen-device", program, sizeof(program)))
		return source_say(result, FETCH_FAILED, url, "platen-device is not found");
	r = run_program(argv, answer->body, answer->size, PPD_SIZE_MAX, MAKE_MSEC, &made);
	if (r == 0 && WIFEXITED(made.status) && WEXITSTATUS(made.status) == 0) {
		free(answer->body);
		answer->body = made.out;
		answer->size = made.size;
		memset(answer->type, 0, sizeof(answer->type));
		source_take(store, url, answer, result);
		return;
	}
	if (r < 0)
		(void)snprintf(what, sizeof(what), "no driver could be made of its attributes: %s",
			strerror(-r));
	else
		(void)snprintf(what, sizeof(what), "no driver could be made of its attributes: %s",
			made.why[0] ? made.why : "platen-device broke down");
	free(made.out);
	/* Status 3: a printer, but not one that can be used without a driver. */
	source_say(result,
		r == 0 && WIFEXITED(made.status) && WEXITSTATUS(made.status) == 3 ? FETCH_MISSING
		: r == -ENOENT || r == -ENOMEM					  ? FETCH_FAILED
										  : FETCH_REFUSED,
		url, what);
}

/* Asks for attributes and makes a driver of them. `languages`: those of the names that are wanted
 * too, NULL: no names are. */
static void ask(const char *store, const char *kind, struct http_request *request,
	const char *printer_uri, const char *languages, struct fetch_result *result)
{
	uint8_t body[IPP_REQUEST_MAX];
	char program[512];
	struct http_answer answer;
	int r;

	request->body = body;
	request->body_size = ipp_request_write(printer_uri, body);
	if (request->body_size == 0)
		return source_say(result, FETCH_FAILED, request->url, "its URI is too long");
	r = http_ask(request, &answer);
	if (r == 0 && answer.status == 200 && answer.body && languages && is_ipp(&answer) &&
		run_beside("platen-device", program, sizeof(program)))
		catalogues_add(request, printer_uri, languages, program, &answer);
	if (r == 0 && answer.status == 200 && answer.body)
		make(store, request, kind, &answer, result);
	else
		source_say_failed(result, request->url, &answer, r);
	free(answer.body);
}

bool source_device(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	char url[512], printer_uri[512];
	struct http_request request;

	if (!source_device_url(get->device_uri, url, printer_uri, sizeof(url)))
		return false;
	request = source_request(get, url);
	ask(store, "device", &request, printer_uri, get->languages, result);
	return true;
}

bool source_generic(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	char url[512], printer_uri[512], name[400];
	struct http_request request = {.url = url, .socket = get->cups_socket};

	if (!source_encode(get->queue, name, sizeof(name))) {
		source_say(result, FETCH_FAILED, get->queue, "its name is too long");
		return true;
	}
	(void)snprintf(url, sizeof(url), "http://localhost/printers/%s", name);
	(void)snprintf(printer_uri, sizeof(printer_uri), "ipp://localhost/printers/%s", name);
	ask(store, "generic", &request, printer_uri, NULL, result);
	if (result->code == FETCH_OK || result->code == FETCH_UNCHANGED)
		(void)text_printf(result->text, sizeof(result->text),
			"generic driver: vendor options are missing; give the queue a driver, or "
			"add one by hand");
	return true;
}
