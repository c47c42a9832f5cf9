/* SPDX-License-Identifier: Apache-2.0 */
/* One IPP request to a cupsd that is on this machine, and its answer (RFC 8010, RFC 8011). */
#ifndef PLATEN_IPP_EXCHANGE_H
#define PLATEN_IPP_EXCHANGE_H

#include <cups/cups.h>
#include <stdbool.h>

/* Done while the spooler works on a request that it has whole. */
typedef void exchange_fn(void *userdata);

/*
 * Sends a request, which it frees, with what `file` has from its start on unless that is -1, and
 * reads the answer, which is the caller's. NULL when there is none: *ret_silent then says whether
 * cupsLastError() knows nothing of it, for the spooler went away. An answer's status is in the
 * answer alone. `meanwhile`, unless NULL, is called once when all is sent; where it is libcups that
 * sends, it is not.
 *
 * As cupsDoIORequest(3), which it asks for all that is out of the ordinary (a refusal by HTTP,
 * say), but the spooler is not asked whether it will take what is sent (Expect, RFC 9110 10.1.1):
 * libcups has it say "100 Continue" to everything, and waits for that.
 */
ipp_t *ipp_exchange(http_t *http, ipp_t *request, const char *resource, int file,
	exchange_fn *meanwhile, void *userdata, bool *ret_silent);

/* The first half of it (post.c). False: it was not sent whole, and is libcups's to send. */
bool ipp_post(http_t *http, ipp_t *request, const char *resource, int file);

#endif
