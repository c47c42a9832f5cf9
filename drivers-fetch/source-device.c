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
#include "drivers-fetch/ppd.h"
#include "drivers-fetch/run.h"
#include "drivers-fetch/source.h"
#include "proto/base/text.h"

#define MAKE_MSEC	 20000
#define STRINGS_PATH_MAX 600
#define STRINGS_MAX	 (1024 * 1024) /* bytes of a catalogue */

/* Puts the device's own names for its options behind its answer, if it has any. They are asked of
 * the device itself, wherever it says they are, and are no reason to have no driver. */
static void add_names(
	const struct http_request *asked, const char *program, struct http_answer *answer)
{
	const char *argv[] = {program, "strings", NULL};
	struct http_request request = *asked;
	struct http_answer names = {0};
	struct run_answer said = {0};
	char url[1024];
	size_t origin = strcspn(asked->url + 8, "/") + 8;
	uint8_t *grown;

	if (run_program(argv, answer->body, answer->size, STRINGS_PATH_MAX, MAKE_MSEC, &said) < 0)
		return;
	if (said.size > 1 && said.out[0] == '/') {
		said.out[said.size - 1] = '\0';
		(void)snprintf(url, sizeof(url), "%.*s%s", (int)origin, asked->url,
			(const char *)said.out);
		request.url = url;
		request.body = NULL;
		if (http_ask(&request, &names) == 0 && names.status == 200 &&
			names.size <= STRINGS_MAX) {
			grown = realloc(answer->body, answer->size + names.size);
			if (grown) {
				memcpy(grown + answer->size, names.body, names.size);
				answer->body = grown;
				answer->size += names.size;
			}
		}
		free(names.body);
	}
	free(said.out);
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

	if (strncasecmp(answer->type, "application/ipp", 15) != 0)
		return source_say(
			result, FETCH_REFUSED, url, "it does not answer in IPP: is it a printer?");
	if (!run_beside("platen-device", program, sizeof(program)))
		return source_say(result, FETCH_FAILED, url, "platen-device is not found");
	if (!asked->socket)
		add_names(asked, program, answer);
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

static void ask(const char *store, const char *kind, struct http_request *request,
	const char *printer_uri, struct fetch_result *result)
{
	uint8_t body[IPP_REQUEST_MAX];
	struct http_answer answer;
	int r;

	request->body = body;
	request->body_size = ipp_request_write(printer_uri, body);
	if (request->body_size == 0)
		return source_say(result, FETCH_FAILED, request->url, "its URI is too long");
	r = http_ask(request, &answer);
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
	ask(store, "device", &request, printer_uri, result);
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
	ask(store, "generic", &request, printer_uri, result);
	if (result->code == FETCH_OK || result->code == FETCH_UNCHANGED)
		(void)text_printf(result->text, sizeof(result->text),
			"generic driver: vendor options are missing; give the queue a driver, or "
			"add one by hand");
	return true;
}
