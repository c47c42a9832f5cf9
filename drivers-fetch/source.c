/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a driver comes from: the print server that the queue's device URI names, else the host's
 * own queue.
 *
 * A source that answers "there is none" is passed over; one that gives something bad, or nothing,
 * leaves its reason behind, which is told if no later source has a driver. A server that is down
 * does not silently change what a workspace gets: the result is then a failure that is tried again.
 */
#include "drivers-fetch/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers-fetch/http.h"
#include "drivers-fetch/ppd.h"
#include "drivers-fetch/store.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-._~", c);
}

/* Percent-encodes a queue's name (RFC 3986 2.1). */
static bool encode(const char *name, char *buf, size_t size)
{
	size_t used = 0;

	for (; *name; name++) {
		if (used + 4 > size)
			return false;
		if (is_unreserved(*name))
			buf[used++] = *name;
		else
			used += (size_t)snprintf(
				buf + used, size - used, "%%%02X", (unsigned char)*name);
	}
	buf[used] = '\0';
	return true;
}

bool source_server_url(const char *device_uri, char *url, size_t size)
{
	static const struct {
		const char *scheme, *http;
		const char *port;
	} schemes[] = {{"ipp://", "http://", ":631"}, {"ipps://", "https://", ":631"},
		{"http://", "http://", ":80"}, {"https://", "https://", ":443"}};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].scheme), host_len, name_len;
		const char *host, *at, *path, *name;
		bool has_port;

		if (strncasecmp(device_uri, schemes[i].scheme, n) != 0)
			continue;
		host = device_uri + n;
		host_len = strcspn(host, "/?#");
		path = host + host_len;
		at = memrchr(host, '@', host_len);
		if (at) {
			host_len -= (size_t)(at + 1 - host);
			host = at + 1;
		}
		if (strncmp(path, "/printers/", 10) == 0)
			name = path + 10;
		else if (strncmp(path, "/classes/", 9) == 0)
			name = path + 9;
		else
			return false;
		name_len = strcspn(name, "/?#");
		if (host_len == 0 || name_len == 0)
			return false;
		has_port = host[0] == '[' ? memmem(host, host_len, "]:", 2) != NULL
					  : memchr(host, ':', host_len) != NULL;
		return snprintf(url, size, "%s%.*s%s/printers/%.*s.ppd", schemes[i].http,
			       (int)host_len, host, has_port ? "" : schemes[i].port, (int)name_len,
			       name) < (int)size;
	}
	return false;
}

static void say(
	struct fetch_result *result, enum fetch_code code, const char *source, const char *what)
{
	char text[1200];

	result->code = code;
	(void)snprintf(text, sizeof(text), "%s: %s", source, what);
	text_copy_line(result->text, sizeof(result->text), text);
	text_copy_line(result->source, sizeof(result->source), source);
}

static void unchanged(const char *store, struct fetch_result *result,
	const struct store_source *known, const char *url)
{
	say(result, FETCH_UNCHANGED, url, "unchanged");
	result->size = known->size;
	result->packed_size = known->packed_size;
	memcpy(result->sha256, known->sha256, sizeof(result->sha256));
	memcpy(result->make_model, known->make_model, sizeof(result->make_model));
	store_whole_get(store, url, result);
}

/* The same driver whole, if it has filters of its own; without it the host renders, as ever. */
static void take_whole(const char *store, const char *url, const struct http_answer *answer,
	struct fetch_result *result)
{
	_cleanup_free_ char *text = NULL;
	struct ppd_report report;
	size_t size;

	if (ppd_clean_whole(answer->body, answer->size, NULL, NULL, &report, &text, &size) == 0 &&
		report.filters[0])
		(void)store_whole_put(store, text, size, url, report.filters, result);
}

/* Cleans what a source gave and stores it. */
static void take(const char *store, const char *url, const struct http_answer *answer,
	struct fetch_result *result)
{
	_cleanup_free_ char *text = NULL;
	struct ppd_report report;
	char what[400];
	size_t size;
	int r;

	if (strncasecmp(answer->type, "text/html", 9) == 0)
		return say(result, FETCH_REFUSED, url,
			"it answers with a web page instead of a driver: is it a CUPS print "
			"server?");
	r = ppd_clean(answer->body ? answer->body : (const uint8_t *)"", answer->size, NULL, NULL,
		&report, &text, &size);
	if (r == -EBADMSG) {
		(void)snprintf(what, sizeof(what),
			"the driver was refused, %s; add one by hand that is in order", report.why);
		return say(result, FETCH_REFUSED, url, what);
	}
	if (r < 0)
		return say(result, FETCH_FAILED, url, strerror(-r));
	text_copy_line(result->make_model, sizeof(result->make_model), report.model);
	r = store_put(store, text, size, url, answer->modified, report.dropped, result);
	if (r < 0) {
		(void)snprintf(what, sizeof(what), "the driver could not be stored in %s: %s",
			store, strerror(-r));
		return say(result, FETCH_FAILED, url, what);
	}
	take_whole(store, url, answer, result);
	(void)snprintf(
		what, sizeof(what), "%u statements kept, %u dropped", report.kept, report.dropped);
	say(result, FETCH_OK, url, what);
}

/* Asks one source. */
static void ask(const char *store, const char *url, const char *socket, struct fetch_result *result)
{
	struct store_source known;
	struct http_answer answer;
	bool is_known = store_source_read(store, url, &known) == 0;
	char what[300];
	int r = http_get(url, socket, is_known ? known.modified : NULL, &answer);

	if (r < 0)
		say(result, r == -EFBIG ? FETCH_REFUSED : FETCH_FAILED, url,
			answer.why[0] ? answer.why : strerror(-r));
	else if (answer.status == 304 && is_known)
		unchanged(store, result, &known, url);
	else if (answer.status == 200)
		take(store, url, &answer, result);
	else if (answer.status == 404)
		say(result, FETCH_MISSING, url, "there is no driver (a raw queue?)");
	else if (answer.status >= 300 && answer.status < 400)
		say(result, FETCH_REFUSED, url,
			"it redirects elsewhere, which is not followed: point the queue's device "
			"URI "
			"at the right server");
	else {
		(void)snprintf(what, sizeof(what), "it answers with status %ld", answer.status);
		say(result, FETCH_FAILED, url, what);
	}
	free(answer.body);
}

static bool is_found(const struct fetch_result *result)
{
	return result->code == FETCH_OK || result->code == FETCH_UNCHANGED;
}

void source_fetch(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	struct fetch_result server = {.head = {.type = FETCH_RESULT, .size = sizeof(server)}};
	char url[512], name[400], both[1100];

	*result = server;
	if (source_server_url(get->device_uri, url, sizeof(url))) {
		server.provenance = FETCH_SERVER;
		ask(store, url, NULL, &server);
		if (is_found(&server)) {
			*result = server;
			return;
		}
	}
	result->provenance = FETCH_HOST;
	if (!encode(get->queue, name, sizeof(name))) {
		say(result, FETCH_FAILED, get->queue, "its name is too long");
		return;
	}
	(void)snprintf(url, sizeof(url), "http://localhost/printers/%s.ppd", name);
	ask(store, url, get->cups_socket, result);
	if (!is_found(result) && server.code) {
		(void)snprintf(both, sizeof(both), "print server %s; and the host's own queue %s",
			server.text, result->text);
		text_copy_line(result->text, sizeof(result->text), both);
		if (server.code == FETCH_FAILED || server.code == FETCH_REFUSED)
			result->code = server.code;
	} else if (result->code == FETCH_MISSING) {
		(void)text_printf(result->text, sizeof(result->text),
			"the host's queue %s has no driver (a raw queue): give it one with "
			"`lpadmin -p %s -m …`, or -m everywhere",
			get->queue, get->queue);
	}
}
