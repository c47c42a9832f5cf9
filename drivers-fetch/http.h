/* SPDX-License-Identifier: Apache-2.0 */
/* One bounded GET or IPP request of a hostile server, by libcurl. */
#ifndef PLATEN_HTTP_H
#define PLATEN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_MAX	 (4 * 1024 * 1024) /* bytes transferred */
#define HTTP_HEAD_MAX	 (64 * 1024)	   /* bytes of all heads and trailers of an answer */
#define HTTP_CONNECT_SEC 10
#define HTTP_TOTAL_SEC	 60
#define HTTP_SLOW_SEC	 15 /* below HTTP_SLOW_BYTES a second for so long: given up */
#define HTTP_SLOW_BYTES	 256
#define HTTP_KEPT_MAX	 4

struct http_answer {
	long status;   /* 200, 304, 404, …; 0: no answer */
	uint8_t *body; /* malloc'ed, with 200 */
	size_t size;   /* bytes */
	size_t head;   /* bytes of its head */
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
	unsigned int seconds; /* that it may take; 0: HTTP_TOTAL_SEC */
};

/*
 * Asks (no redirect is followed, no proxy, no .netrc). A certificate must be one that the system's
 * authorities vouch for and that names the host, over TLS 1.2 or later; with a pin the key must be
 * the pinned one, and the certificate says nothing. 0 with an answer of any status; -EIO when there
 * is none, answer->why says why; -EACCES when the certificate or the key is not in order; -EFBIG.
 * The caller frees answer->body.
 */
int http_ask(const struct http_request *request, struct http_answer *answer);

/* From now on the server called `host` is at these addresses (CURLOPT_RESOLVE(3), without a port),
 * and is not looked up. The last word holds. */
void http_know(const char *host, const char *addresses);

/*
 * Connects to the unix socket at `path` now, for the next `count` requests over one, at most
 * HTTP_KEPT_MAX: from now on these are used, and no other is made. Returns how many there are, and
 * their descriptors: libcurl will call connect(2) for them once more, and must be told that they
 * are connected. A request without one fails as if nobody listened.
 */
unsigned int http_keep(const char *path, unsigned int count, int fds[static HTTP_KEPT_MAX]);

#endif
