/* SPDX-License-Identifier: Apache-2.0 */
/* One bounded GET or IPP request of a hostile server, by libcurl. */
#ifndef PLATEN_HTTP_H
#define PLATEN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_MAX	 (4 * 1024 * 1024) /* bytes transferred */
#define HTTP_CONNECT_SEC 10
#define HTTP_TOTAL_SEC	 60
#define HTTP_SLOW_SEC	 15 /* below HTTP_SLOW_BYTES a second for so long: given up */
#define HTTP_SLOW_BYTES	 256

struct http_answer {
	long status;   /* 200, 304, 404, …; 0: no answer */
	uint8_t *body; /* malloc'ed, with 200 */
	size_t size;   /* bytes */
	/* Last-Modified as it came, one line; empty: none, or one that a change in the same second
	 * would not change (RFC 9110 section 8.8.2.2) */
	char modified[64];
	char date[64]; /* Date, one line */
	char type[64]; /* Content-Type, one line */
	char why[256]; /* what went wrong, one line */
};

struct http_request {
	const char *url;	 /* http or https */
	const char *socket;	 /* the unix socket to speak over, or NULL */
	const char *since;	 /* for If-Modified-Since, or NULL or empty */
	const char *pin;	 /* CURLOPT_PINNEDPUBLICKEY(3), or NULL or empty */
	const char *credentials; /* user:password, or NULL or empty; only ever sent over TLS */
	bool negotiate;		 /* Kerberos, likewise */
	const uint8_t *body;	 /* an IPP request to POST, or NULL: a GET */
	size_t body_size;
};

/*
 * Asks (no redirect is followed, no proxy, no .netrc). A certificate must be one that the system's
 * authorities vouch for and that names the host; with a pin the key must be the pinned one, and the
 * certificate says nothing. 0 with an answer of any status; -EIO when there is none, answer->why
 * says why; -EACCES when the certificate or the key is not in order; -EFBIG. The caller frees
 * answer->body.
 */
int http_ask(const struct http_request *request, struct http_answer *answer);

#endif
