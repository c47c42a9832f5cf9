/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching names.
 *
 * A device has one catalogue for each of its languages, and says where only to who asks in that
 * language: so it is asked once more for each that is wanted and that it says it has. platen-device
 * reads the answers; here they are bytes. All of it has a size and a time that it may take.
 */
#include "drivers-fetch/catalogues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers-fetch/ipp-request.h"
#include "drivers-fetch/run.h"
#include "proto/base/cleanup.h"
#include "proto/base/fetch.h"
#include "proto/base/text.h"

#define TELL_MSEC  20000
#define TOLD_MAX   1024		 /* bytes: a path, and a line for each language */
#define NAMES_MAX  (1024 * 1024) /* bytes of all catalogues */
#define NAMES_SEC  30		 /* for all of them; a fetch has 90 */
#define ANSWER_SEC 10		 /* for one */

static time_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* What platen-device tells of an answer: the catalogue's path, or an empty line, and then a line
 * for each wanted language that the device has. Terminated; NULL: nothing. */
static char *tell(const char *program, const char *languages, const struct http_answer *answer)
{
	const char *argv[] = {program, "strings", languages, NULL};
	struct run_answer said = {0};
	char *text;

	if (run_program(argv, answer->body, answer->size, TOLD_MAX, TELL_MSEC, &said) < 0)
		return NULL;
	text = said.size ? realloc(said.out, said.size + 1) : NULL;
	if (!text) {
		free(said.out);
		return NULL;
	}
	text[said.size] = '\0';
	return text;
}

/* Gets a catalogue of the device that was asked and puts it behind `answer`. */
static void add_catalogue(const struct http_request *asked, const char *told, const char *language,
	size_t *room, struct http_answer *answer)
{
	struct http_request request = *asked;
	size_t origin = strcspn(asked->url + 8, "/") + 8, path = strcspn(told, "\n");
	struct http_answer names = {0};
	char url[1024], mark[NAMES_MARK_SIZE] = "\n";
	uint8_t *grown;

	if (told[0] != '/' || origin + path >= sizeof(url))
		return;
	(void)snprintf(url, sizeof(url), "%.*s%.*s", (int)origin, asked->url, (int)path, told);
	if (language)
		(void)snprintf(mark, sizeof(mark), "\n" NAMES_MARK "%s\n", language);
	request.url = url;
	request.body = NULL;
	request.seconds = ANSWER_SEC;
	if (http_ask(&request, &names) == 0 && names.status == 200 &&
		names.size + strlen(mark) <= *room) {
		grown = realloc(answer->body, answer->size + strlen(mark) + names.size);
		if (grown) {
			memcpy(grown + answer->size, mark, strlen(mark));
			memcpy(grown + answer->size + strlen(mark), names.body, names.size);
			answer->body = grown;
			answer->size += strlen(mark) + names.size;
			*room -= strlen(mark) + names.size;
		}
	}
	free(names.body);
}

/* The catalogue of a language: `wanted` is what it is called in the PPD, `has` what the device
 * calls it. */
static void add_language(const struct http_request *asked, const char *printer_uri,
	const char *program, const char *wanted, const char *has, size_t *room,
	struct http_answer *answer)
{
	struct http_request request = *asked;
	uint8_t body[IPP_REQUEST_MAX];
	_cleanup_free_ char *told = NULL;
	struct http_answer there;

	request.body = body;
	request.body_size = ipp_request_names_write(printer_uri, has, body);
	request.seconds = ANSWER_SEC;
	if (request.body_size == 0)
		return;
	if (http_ask(&request, &there) == 0 && there.status == 200 && there.body)
		told = tell(program, NULL, &there);
	free(there.body);
	if (told)
		add_catalogue(asked, told, wanted, room, answer);
}

void catalogues_add(const struct http_request *asked, const char *printer_uri,
	const char *languages, const char *program, struct http_answer *answer)
{
	_cleanup_free_ char *told = tell(program, languages[0] ? languages : NULL, answer);
	size_t room = NAMES_MAX;
	time_t begin = now();
	const char *line = told;

	if (!told)
		return;
	add_catalogue(asked, told, NULL, &room, answer);
	while ((line = strchr(line, '\n')) && *++line) {
		char wanted[FETCH_LANGUAGE_SIZE], has[FETCH_LANGUAGE_SIZE];

		if (now() - begin >= NAMES_SEC)
			return;
		if (sscanf(line, "%15[a-z-] %15[a-z-]", wanted, has) == 2)
			add_language(asked, printer_uri, program, wanted, has, &room, answer);
	}
}
