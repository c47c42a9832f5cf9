/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a request whole, without asking first.
 *
 * Its length is said beforehand, and cupsd acts only when it has all of that: what fails here was
 * not done, and can be sent again. It is a file of its own so that a test can stand in for it
 * (tests/fuzz/fuzz-spooler.c).
 */
#include <string.h>
#include <unistd.h>

#include "proto/ipp/exchange.h"

#define PIECE 65536 /* bytes of a file that are read at once */

static bool write_file(http_t *http, int file, off_t size)
{
	char piece[PIECE];
	ssize_t n;

	for (off_t at = 0; at < size; at += n) {
		size_t left = (size_t)(size - at);

		n = pread(file, piece, left < sizeof(piece) ? left : sizeof(piece), at);
		if (n <= 0 || httpWrite2(http, piece, (size_t)n) < 0)
			return false;
	}
	return true;
}

/* Whether the connection waits for a request, as far as the last answer said. */
static bool is_usable(http_t *http)
{
	const char *connection = httpGetField(http, HTTP_FIELD_CONNECTION);

	return httpGetState(http) == HTTP_STATE_WAITING &&
	       (!connection || strcasecmp(connection, "close") != 0);
}

bool ipp_post(http_t *http, ipp_t *request, const char *resource, int file)
{
	off_t size = file >= 0 ? lseek(file, 0, SEEK_END) : 0;
	ipp_state_t state = IPP_STATE_IDLE;

	if (size < 0 || !is_usable(http))
		return false;
	httpClearFields(http);
	httpSetField(http, HTTP_FIELD_CONTENT_TYPE, "application/ipp");
	if (httpGetAuthString(http))
		httpSetField(http, HTTP_FIELD_AUTHORIZATION, httpGetAuthString(http));
	httpSetLength(http, ippLength(request) + (size_t)size);
	httpSetExpect(http, HTTP_STATUS_NONE);
	if (httpPost(http, resource) < 0)
		return false;
	while (state != IPP_STATE_DATA) {
		state = ippWrite(http, request);
		if (state == IPP_STATE_ERROR)
			return false;
	}
	return write_file(http, file, size) && httpFlushWrite(http) >= 0;
}
