/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to a request, and what is libcups's to settle.
 *
 * Anything but a plain answer goes to cupsDoIORequest(3), which sends the request anew: cupsd has
 * not acted on it then, for it refuses by HTTP before it acts. An answer that breaks off is not
 * asked for again, as nobody knows what was done.
 */
#include "proto/ipp/exchange.h"

/* Fills libcups's buffer first: ippRead() has a system call or three for each field instead, and a
 * list of a thousand queues has sixty thousand of them. */
static ssize_t read_answer(void *http, ipp_uchar_t *buf, size_t size)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < size && n > 0) {
		n = httpPeek(http, (char *)buf + done, 1);
		if (n > 0)
			n = httpRead2(http, (char *)buf + done, size - done);
		done += n > 0 ? (size_t)n : 0;
	}
	return done ? (ssize_t)done : n;
}

ipp_t *ipp_exchange(http_t *http, ipp_t *request, const char *resource, int file,
	exchange_fn *meanwhile, void *userdata, bool *ret_silent)
{
	http_status_t status = HTTP_STATUS_CONTINUE;
	ipp_state_t state = IPP_STATE_IDLE;
	ipp_t *response;

	*ret_silent = false;
	if (!ipp_post(http, request, resource, file))
		return cupsDoIORequest(http, request, resource, file, -1);
	if (meanwhile)
		meanwhile(userdata);
	while (status == HTTP_STATUS_CONTINUE)
		status = httpUpdate(http);
	if (status != HTTP_STATUS_OK && status != HTTP_STATUS_ERROR) {
		httpFlush(http);
		return cupsDoIORequest(http, request, resource, file, -1);
	}
	ippDelete(request);
	response = ippNew();
	while (status == HTTP_STATUS_OK && state != IPP_STATE_DATA && state != IPP_STATE_ERROR)
		state = ippReadIO(http, read_answer, 1, NULL, response);
	if (state != IPP_STATE_DATA) {
		ippDelete(response);
		*ret_silent = true;
		return NULL;
	}
	httpFlush(http);
	return response;
}
