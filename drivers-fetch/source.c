/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a driver comes from: the sources that the settings name, in their order.
 *
 * A source that answers "there is none" is passed over; one that gives something bad, or nothing,
 * leaves its reason behind, which is told if no later source has a driver. A source that gave a
 * driver before and does not answer now does not silently change what a workspace gets: the result
 * is then a failure that is tried again.
 */
#include "drivers-fetch/source.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "drivers-fetch/http.h"
#include "drivers-fetch/ppd.h"
#include "drivers-fetch/resolve.h"
#include "drivers-fetch/sandbox.h"
#include "drivers-fetch/store.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-._~", c);
}

bool source_encode(const char *name, char *buf, size_t size)
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

/* An IPP or HTTP device URI in its parts, which point into it. */
struct ipp_uri {
	const char *http, *ipp, *port; /* our scheme for it, and ":631" when it names no port */
	const char *host, *path;
	int host_len;
};

static bool ipp_uri_parse(const char *device_uri, struct ipp_uri *ret_uri)
{
	static const struct {
		const char *scheme, *http, *ipp;
		const char *port;
	} schemes[] = {{"ipp://", "http://", "ipp://", ":631"},
		{"ipps://", "https://", "ipps://", ":631"}, {"http://", "http://", "ipp://", ":80"},
		{"https://", "https://", "ipps://", ":443"}};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].scheme), host_len;
		const char *host = device_uri + n, *at;
		bool has_port;

		if (strncasecmp(device_uri, schemes[i].scheme, n) != 0)
			continue;
		host_len = strcspn(host, "/?#");
		*ret_uri = (struct ipp_uri){
			.http = schemes[i].http, .ipp = schemes[i].ipp, .path = host + host_len};
		at = memrchr(host, '@', host_len);
		if (at) {
			host_len -= (size_t)(at + 1 - host);
			host = at + 1;
		}
		has_port = host[0] == '[' ? memmem(host, host_len, "]:", 2) != NULL
					  : memchr(host, ':', host_len) != NULL;
		ret_uri->host = host;
		ret_uri->host_len = (int)host_len;
		ret_uri->port = has_port ? "" : schemes[i].port;
		return host_len > 0 && host_len < 256;
	}
	return false;
}

bool source_server_url(const char *device_uri, char *url, size_t size)
{
	static const char *const folders[] = {"/printers/", "/classes/"};
	struct ipp_uri uri;

	if (!ipp_uri_parse(device_uri, &uri))
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t n = strlen(folders[i]);
		const char *name = uri.path + n;
		int name_len;

		if (strncmp(uri.path, folders[i], n) != 0)
			continue;
		/* cupsd gives a class the PPD of its first member that has one, by either folder.
		 */
		name_len = (int)strcspn(name, "/?#");
		return name_len > 0 &&
		       snprintf(url, size, "%s%.*s%s%s%.*s.ppd", uri.http, uri.host_len, uri.host,
			       uri.port, folders[i], name_len, name) < (int)size;
	}
	return false;
}

bool source_device_url(const char *device_uri, char *url, char *printer_uri, size_t size)
{
	struct ipp_uri uri;
	int path_len;

	if (!ipp_uri_parse(device_uri, &uri) || strncmp(uri.path, "/printers/", 10) == 0 ||
		strncmp(uri.path, "/classes/", 9) == 0)
		return false;
	path_len = (int)strcspn(uri.path, "?#");
	return snprintf(url, size, "%s%.*s%s%.*s", uri.http, uri.host_len, uri.host, uri.port,
		       path_len, path_len ? uri.path : "/") < (int)size &&
	       snprintf(printer_uri, size, "%s%.*s%s%.*s", uri.ipp, uri.host_len, uri.host,
		       uri.port, path_len, uri.path) < (int)size;
}

void source_say(
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
	source_say(result, FETCH_UNCHANGED, url, "unchanged");
	result->size = known->size;
	result->packed_size = known->packed_size;
	memcpy(result->sha256, known->sha256, sizeof(result->sha256));
	memcpy(result->make_model, known->make_model, sizeof(result->make_model));
	store_whole_get(store, url, result);
	store_checked(store, url, result);
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
#define LEFT_OUT_MAX 500 /* rows that are kept for people */

static void on_left_out(const char *keyword, unsigned int line, const char *reason, void *userdata)
{
	json_t *rows = userdata;

	if (json_array_size(rows) < LEFT_OUT_MAX)
		(void)json_array_append_new(rows, json_pack("{s:i, s:s, s:s}", "line", (int)line,
							  "keyword", keyword, "reason", reason));
}

void source_take(const char *store, const char *url, const struct http_answer *answer,
	struct fetch_result *result)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *left_out = json_array();
	struct store_source known;
	struct ppd_report report;
	bool is_known, same;
	char what[400];
	size_t size;
	int r;

	if (strncasecmp(answer->type, "text/html", 9) == 0)
		return source_say(result, FETCH_REFUSED, url,
			"it answers with a web page instead of a driver: is it a CUPS print "
			"server?");
	r = ppd_clean(answer->body ? answer->body : (const uint8_t *)"", answer->size, on_left_out,
		left_out, &report, &text, &size);
	if (r == -EBADMSG) {
		(void)snprintf(what, sizeof(what),
			"the driver was refused, %s; add one by hand that is in order", report.why);
		return source_say(result, FETCH_REFUSED, url, what);
	}
	if (r < 0)
		return source_say(result, FETCH_FAILED, url, strerror(-r));
	text_copy_line(result->make_model, sizeof(result->make_model), report.model);
	(void)text_copy(result->device_id, sizeof(result->device_id), report.device_id);
	is_known = store_source_read(store, url, &known) == 0;
	r = store_put(store, text, size, url, answer->modified, left_out, report.dropped, result);
	if (r < 0) {
		(void)snprintf(what, sizeof(what), "the driver could not be stored in %s: %s",
			store, strerror(-r));
		return source_say(result, FETCH_FAILED, url, what);
	}
	same = is_known && memcmp(known.sha256, result->sha256, sizeof(known.sha256)) == 0;
	take_whole(store, url, answer, result);
	(void)snprintf(
		what, sizeof(what), "%u statements kept, %u dropped", report.kept, report.dropped);
	source_say(result, same ? FETCH_UNCHANGED : FETCH_OK, url, what);
}

struct http_request source_request(const struct fetch_get *get, const char *url)
{
	return (struct http_request){
		.url = url,
		.pin = get->pin,
		.credentials = get->credentials,
		.negotiate = get->negotiate,
	};
}

static void say_unauthorized(struct fetch_result *result, const char *url)
{
	if (strncmp(url, "https://", 8) == 0)
		source_say(result, FETCH_FAILED, url,
			"it does not let us in: give it other credentials in platen.conf, [server "
			"HOST]");
	else
		source_say(result, FETCH_FAILED, url,
			"it wants a password, and none is ever sent in clear: use ipps:// in the "
			"queue's device URI");
}

void source_say_failed(
	struct fetch_result *result, const char *url, const struct http_answer *answer, int error)
{
	char what[300];

	if (error < 0)
		return source_say(result,
			error == -EFBIG || error == -EACCES ? FETCH_REFUSED : FETCH_FAILED, url,
			answer->why[0] ? answer->why : strerror(-error));
	if (answer->status == 404)
		return source_say(result, FETCH_MISSING, url, "there is no driver (a raw queue?)");
	if (answer->status == 401)
		return say_unauthorized(result, url);
	if (answer->status == 426)
		return source_say(result, FETCH_FAILED, url,
			"it wants TLS: use ipps:// in the queue's device URI");
	if (answer->status >= 300 && answer->status < 400)
		return source_say(result, FETCH_REFUSED, url,
			"it redirects elsewhere, which is not followed: point the queue's device "
			"URI at the right server");
	(void)snprintf(what, sizeof(what), "it answers with status %ld", answer->status);
	source_say(result, FETCH_FAILED, url, what);
}

/* Asks one CUPS for a PPD. */
static void ask(const char *store, const struct http_request *asked, struct fetch_result *result)
{
	struct http_request request = *asked;
	struct store_source known;
	struct http_answer answer;
	bool is_known = store_source_read(store, request.url, &known) == 0;
	int r;

	if (is_known)
		request.since = known.modified;
	r = http_ask(&request, &answer);
	if (r == 0 && answer.status == 304 && is_known)
		unchanged(store, result, &known, request.url);
	else if (r == 0 && answer.status == 200)
		source_take(store, request.url, &answer, result);
	else
		source_say_failed(result, request.url, &answer, r);
	free(answer.body);
}

static bool source_cups(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	struct http_request request;
	char url[512];

	if (!source_server_url(get->device_uri, url, sizeof(url)))
		return false;
	request = source_request(get, url);
	ask(store, &request, result);
	return true;
}

/* The print server: each kind of server knows its own device URIs. */
static bool source_server(
	const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	static source_fn *const kinds[] = {source_cups, source_smb};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i](store, get, result))
			return true;
	return false;
}

static bool source_host(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	struct http_request request = {.socket = get->cups_socket};
	char url[512], name[400];

	if (!source_encode(get->queue, name, sizeof(name))) {
		source_say(result, FETCH_FAILED, get->queue, "its name is too long");
		return true;
	}
	(void)snprintf(url, sizeof(url), "http://localhost/printers/%s.ppd", name);
	request.url = url;
	ask(store, &request, result);
	if (result->code == FETCH_MISSING)
		(void)text_printf(result->text, sizeof(result->text),
			"the host's queue %s has no driver (a raw queue): give it one with "
			"`lpadmin -p %s -m …`, or -m everywhere",
			get->queue, get->queue);
	return true;
}

static const struct {
	const char *name;
	source_fn *fetch;
} sources[] = {
	[FETCH_SERVER] = {"print server", source_server},
	[FETCH_DEVICE] = {"device", source_device},
	[FETCH_HOST] = {"the host's own queue", source_host},
	[FETCH_GENERIC] = {"generic driver", source_generic},
};

static bool is_found(const struct fetch_result *result)
{
	return result->code == FETCH_OK || result->code == FETCH_UNCHANGED;
}

/* One more source that has no driver: the first that had something bad to say gives the code. */
static void add_trouble(
	struct fetch_result *all, const struct fetch_result *one, const char *name, bool first)
{
	char text[1200];

	(void)snprintf(text, sizeof(text), "%s%s%s%s%s", first ? "" : all->text, first ? "" : "; ",
		one->provenance == FETCH_HOST && one->code == FETCH_MISSING ? "" : name,
		one->provenance == FETCH_HOST && one->code == FETCH_MISSING ? "" : " ", one->text);
	text_copy_line(all->text, sizeof(all->text), text);
	if (first || all->code == FETCH_MISSING) {
		all->code = one->code;
		all->provenance = one->provenance;
		memcpy(all->source, one->source, sizeof(all->source));
	}
}

/* A driver that was found, although earlier sources had nothing good. */
static void add_passed_over(struct fetch_result *found, const char *troubles)
{
	char text[1200];

	(void)snprintf(text, sizeof(text), "%s; passed over: %s", found->text, troubles);
	text_copy_line(found->text, sizeof(found->text), text);
}

/* The source of the driver in use fails. If another version of Platen cleaned that one, at least
 * what came of it goes through the cleaning of today. */
static void clean_stored(const char *store, struct fetch_result *result)
{
	struct fetch_result again = {.head = result->head, .provenance = result->provenance};
	struct http_answer answer = {0};
	char text[1200];

	if (store_stale_read(store, result->source, &answer.body, &answer.size) < 0)
		return;
	source_take(store, result->source, &answer, &again);
	free(answer.body);
	if (again.code == FETCH_FAILED)
		return;
	(void)snprintf(text, sizeof(text), "%s; what it gave before was cleaned anew: %s",
		result->text, again.text);
	text_copy_line(again.text, sizeof(again.text), text);
	*result = again;
}

static void fetch_in_order(
	const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	bool first = true;
	int r = fetch_sandbox(store, get); /* before a byte of a server's */

	if (r < 0)
		return source_say(result, FETCH_FAILED, "sandbox", strerror(-r));
	for (size_t i = 0; i < FETCH_SOURCES_MAX && get->sources[i]; i++) {
		struct fetch_result one = {.head = result->head, .provenance = get->sources[i]};

		if (get->sources[i] > FETCH_GENERIC ||
			!sources[get->sources[i]].fetch(store, get, &one))
			continue;
		if (is_found(&one) || (one.code == FETCH_FAILED && one.provenance == get->known)) {
			if (one.code == FETCH_FAILED)
				clean_stored(store, &one);
			if (!first)
				add_passed_over(&one, result->text);
			*result = one;
			return;
		}
		add_trouble(result, &one, sources[get->sources[i]].name, first);
		first = false;
	}
	if (first) {
		result->code = FETCH_MISSING;
		(void)text_printf(result->text, sizeof(result->text),
			"none of the sources that platen.conf allows (drivers = …) is one for this "
			"printer: add `host` to them, or add a driver by hand");
	}
}

void source_fetch(const char *store, const struct fetch_get *get, struct fetch_result *result)
{
	struct fetch_result name = {.head = {.type = FETCH_RESULT, .size = sizeof(name)}};
	struct fetch_get resolved = *get;
	char why[256];
	int r;

	*result = name;
	if (!resolve_is_needed(get->device_uri))
		return fetch_in_order(store, get, result);
	/* Whoever answers for a name may be anybody: only a pinned key makes him known. */
	if (!get->pin[0]) {
		memset(resolved.credentials, 0, sizeof(resolved.credentials));
		resolved.negotiate = 0;
	}
	r = resolve_uri(get->device_uri, resolved.device_uri, sizeof(resolved.device_uri), why);
	if (r < 0)
		source_say(&name, FETCH_FAILED, "dnssd", why);
	if (r < 0 && (get->known == FETCH_SERVER || get->known == FETCH_DEVICE)) {
		*result = name;
		return;
	}
	/* A name that nobody answers for is no reason to pass over what does not need it. */
	fetch_in_order(store, r < 0 ? get : &resolved, result);
	if (r < 0 && !is_found(result))
		add_trouble(result, &name, "the service of the device URI,", false);
}

void source_add(const char *store, int fd, struct fetch_result *result)
{
	struct http_answer answer = {.body = malloc(PPD_SIZE_MAX + 1)};

	*result = (struct fetch_result){.head = {.type = FETCH_RESULT, .size = sizeof(*result)},
		.provenance = FETCH_MANUAL};
	while (answer.body && fd >= 0 && answer.size <= PPD_SIZE_MAX) {
		ssize_t n = pread(fd, answer.body + answer.size, PPD_SIZE_MAX + 1 - answer.size,
			(off_t)answer.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		answer.size += (size_t)n;
	}
	source_take(store, "by hand", &answer, result);
	/* Another driver may have been added since: that it is the same again is no news here. */
	if (result->code == FETCH_UNCHANGED)
		result->code = FETCH_OK;
	if (result->code == FETCH_OK &&
		store_original_put(store, result->sha256, answer.body, answer.size) < 0)
		source_say(result, FETCH_FAILED, "by hand", "what was added could not be kept");
	free(answer.body);
}
