/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One GET or IPP request, bounded in every way that a server could stretch it.
 *
 * Only http and https, only the host that was asked, no more than a few megabytes, no slower than
 * a modem, no longer than a minute. A redirect is an answer, not an instruction. Who the server is
 * is checked before it is told who we are, and who we are is told over TLS only.
 */
#include "drivers-fetch/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <time.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define KEPT_FIRST 128 /* descriptors below it are given out first */

/* What was looked up and connected to before the sandbox closed. */
static struct {
	char host[256], addresses[512];
	int sockets[HTTP_KEPT_MAX]; /* not given out yet */
	unsigned int count;
	bool closed; /* no other may be made */
} kept;

/* Bytes that a body of so many has been given: it doubles, for a server may send one at a time. */
static size_t room_for(size_t size)
{
	size_t room = 4096;

	while (room < size)
		room *= 2;
	return room;
}

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
	struct http_answer *answer = userdata;
	size_t n = size * count;
	uint8_t *grown;

	if (n > HTTP_BODY_MAX - answer->size)
		return 0; /* ends the transfer */
	if (!answer->body || room_for(answer->size + n) > room_for(answer->size)) {
		grown = realloc(answer->body, room_for(answer->size + n));
		if (!grown)
			return 0;
		answer->body = grown;
	}
	memcpy(answer->body + answer->size, data, n);
	answer->size += n;
	return n;
}

static void header_value(const char *line, size_t size, char *buf, size_t buf_size)
{
	char value[256];
	size_t n = size < sizeof(value) - 1 ? size : sizeof(value) - 1;

	memcpy(value, line, n);
	value[n] = '\0';
	text_copy_line(buf, buf_size, value + strspn(value, " \t"));
}

static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
	struct http_answer *answer = userdata;
	size_t n = size * count;

	answer->head += n;
	if (answer->head > HTTP_HEAD_MAX)
		return 0; /* ends the transfer, before libcurl has kept too many */
	if (n > 14 && strncasecmp(data, "Last-Modified:", 14) == 0)
		header_value(data + 14, n - 14, answer->modified, sizeof(answer->modified));
	else if (n > 5 && strncasecmp(data, "Date:", 5) == 0)
		header_value(data + 5, n - 5, answer->date, sizeof(answer->date));
	else if (n > 13 && strncasecmp(data, "Content-Type:", 13) == 0)
		header_value(data + 13, n - 13, answer->type, sizeof(answer->type));
	return n;
}

void http_know(const char *host, const char *addresses)
{
	text_copy_line(kept.host, sizeof(kept.host), host);
	text_copy_line(kept.addresses, sizeof(kept.addresses), addresses);
}

unsigned int http_keep(const char *path, unsigned int count, int fds[static HTTP_KEPT_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	kept.closed = true;
	if (text_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return 0;
	while (kept.count < count && kept.count < HTTP_KEPT_MAX) {
		_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
		/* A number that no other descriptor will ever have. */
		fds[kept.count] = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FIRST);
		if (fds[kept.count] < 0)
			break;
		kept.sockets[kept.count] = fds[kept.count];
		kept.count++;
	}
	return kept.count;
}

/* In place of making a unix socket: one of those that there are. */
static curl_socket_t on_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)purpose;
	(void)address;
	(void)userdata;
	if (kept.count == 0)
		return CURL_SOCKET_BAD;
	return kept.sockets[--kept.count];
}

/* What was looked up, for the port of this request. NULL: nothing for this host. */
static struct curl_slist *set_addresses(CURL *curl, const char *text)
{
	char *host = NULL, *port = NULL, line[800];
	struct curl_slist *list = NULL;
	CURLU *url = curl_url();

	if (url && kept.host[0] && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		strcasecmp(host, kept.host) == 0) {
		(void)snprintf(line, sizeof(line), "%s:%s:%s", host, port, kept.addresses);
		list = curl_slist_append(NULL, line);
		(void)curl_easy_setopt(curl, CURLOPT_RESOLVE, list);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return list;
}

static void set_up(CURL *curl, const struct http_request *request, struct http_answer *answer)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SEC);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT,
		request->seconds ? (long)request->seconds : (long)HTTP_TOTAL_SEC);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SLOW_SEC);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_SLOW_BYTES);
	(void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)HTTP_BODY_MAX);
	(void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "platen-fetch/" PLATEN_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
	if (request->socket)
		(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	if (request->socket && kept.closed)
		(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
}

/* Who the server is, and who we are. An option that libcurl does not have ends the request: what
 * was to protect must not be left out in silence. */
static bool set_trust(CURL *curl, const struct http_request *request)
{
	bool pinned = request->pin && *request->pin;
	bool known = request->credentials && *request->credentials;
	bool tls = strncmp(request->url, "https://", 8) == 0;
	CURLcode r = CURLE_OK;

	if (!tls)
		return true;
	/* Whatever this machine's settings for OpenSSL allow others. */
	r = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (r == CURLE_OK && pinned) {
		r = curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, request->pin);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (r == CURLE_OK && (known || request->negotiate)) {
		unsigned long how = (known ? CURLAUTH_BASIC | CURLAUTH_DIGEST : 0UL) |
				    (request->negotiate ? CURLAUTH_NEGOTIATE : 0UL);

		r = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, how);
		if (r == CURLE_OK)
			r = curl_easy_setopt(
				curl, CURLOPT_USERPWD, known ? request->credentials : ":");
	}
	return r == CURLE_OK;
}

static struct curl_slist *set_body(CURL *curl, const struct http_request *request)
{
	struct curl_slist *headers = NULL;
	char line[128];

	if (request->since && *request->since) {
		(void)snprintf(line, sizeof(line), "If-Modified-Since: %s", request->since);
		headers = curl_slist_append(headers, line);
	}
	if (request->body) {
		headers = curl_slist_append(headers, "Content-Type: application/ipp");
		headers = curl_slist_append(headers, "Expect:");
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body_size);
	}
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return headers;
}

/* What went wrong, in words that help. */
static int explain(CURLcode r, const char *error, struct http_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
	if (answer->head > HTTP_HEAD_MAX) {
		(void)snprintf(answer->why, sizeof(answer->why),
			"it sends a head of more than %d KiB", HTTP_HEAD_MAX / 1024);
		return -EFBIG;
	}
	switch (r) {
	case CURLE_OUT_OF_MEMORY: /* also said of one line that is too long */
		(void)snprintf(answer->why, sizeof(answer->why),
			"its head has a line that is too long, or there is no memory");
		return -EIO;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		(void)snprintf(answer->why, sizeof(answer->why), "it sends more than %d MiB",
			HTTP_BODY_MAX / 1024 / 1024);
		return -EFBIG;
	case CURLE_PARTIAL_FILE:
		(void)snprintf(answer->why, sizeof(answer->why),
			"it says another length than it sends, or was cut off");
		return -EIO;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		(void)text_printf(answer->why, sizeof(answer->why),
			"its certificate is not trusted (%.100s): let an authority of this "
			"machine's vouch for it, or give its key as pin in platen.conf",
			error);
		return -EACCES;
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		(void)snprintf(answer->why, sizeof(answer->why),
			"its key is not the one that is pinned in platen.conf: it was changed, or "
			"this is another server");
		return -EACCES;
	default:
		text_copy_line(
			answer->why, sizeof(answer->why), error[0] ? error : curl_easy_strerror(r));
		return -EIO;
	}
}

/* A file that changes twice within a second keeps its Last-Modified: asked for later, the second
 * change would not be seen. */
static bool is_weak(const struct http_answer *answer)
{
	time_t date = curl_getdate(answer->date, NULL);
	time_t modified = curl_getdate(answer->modified, NULL);

	return date < 0 || modified < 0 || date - modified < 2;
}

int http_ask(const struct http_request *request, struct http_answer *answer)
{
	struct curl_slist *headers, *addresses;
	char error[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode r;

	*answer = (struct http_answer){0};
	if (!curl)
		return -ENOMEM;
	set_up(curl, request, answer);
	headers = set_body(curl, request);
	addresses = request->socket ? NULL : set_addresses(curl, request->url);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	r = set_trust(curl, request) ? curl_easy_perform(curl) : CURLE_NOT_BUILT_IN;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	curl_slist_free_all(addresses);
	if (is_weak(answer))
		answer->modified[0] = '\0';
	return r == CURLE_OK ? 0 : explain(r, error, answer);
}
