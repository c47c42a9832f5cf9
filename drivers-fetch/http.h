/* SPDX-License-Identifier: Apache-2.0 */
/* One bounded GET of a hostile server, by libcurl. */
#ifndef PLATEN_HTTP_H
#define PLATEN_HTTP_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_MAX	 (4 * 1024 * 1024) /* bytes transferred */
#define HTTP_CONNECT_SEC 10
#define HTTP_TOTAL_SEC	 60
#define HTTP_SLOW_SEC	 15 /* below HTTP_SLOW_BYTES a second for so long: given up */
#define HTTP_SLOW_BYTES	 256

struct http_answer {
	long status;	   /* 200, 304, 404, …; 0: no answer */
	uint8_t *body;	   /* malloc'ed, with 200 */
	size_t size;	   /* bytes */
	char modified[64]; /* Last-Modified as it came, one line; empty: none */
	char type[64];	   /* Content-Type, one line */
	char why[256];	   /* what went wrong, one line */
};

/*
 * GETs `url` (http or https; no redirect is followed, no proxy, no .netrc), over the unix socket
 * `socket` unless that is NULL, with If-Modified-Since unless `since` is NULL or empty. 0 with an
 * answer of any status; -EIO when there is none, answer->why says why; -EFBIG. The caller frees
 * answer->body.
 */
int http_get(const char *url, const char *socket, const char *since, struct http_answer *answer);

#endif
