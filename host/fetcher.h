/* SPDX-License-Identifier: Apache-2.0 */
/* Runs platen-fetch for printers whose driver is to be looked for: a few at once, each under a
 * deadline, failures again later. */
#ifndef PLATEN_FETCHER_H
#define PLATEN_FETCHER_H

#include "host/host.h"

struct fetcher;

int fetcher_new(struct host *host, struct fetcher **ret_fetcher);
struct fetcher *fetcher_free(struct fetcher *fetcher);

/* Has a printer's driver fetched as soon as there is room; once more if it is being fetched. */
void fetcher_want(struct fetcher *fetcher, struct printer *printer);

/* The printer goes away: its fetch ends. */
void fetcher_forget(struct fetcher *fetcher, struct printer *printer);

/* Whether nothing waits and nothing runs. */
bool fetcher_is_idle(const struct fetcher *fetcher);

/* Called now and then: retries what is due. */
void fetcher_tick(struct fetcher *fetcher);

/* Takes a FETCH_RESULT over if it is sound. */
bool fetcher_result_take(const struct ipc_head *msg, struct fetch_result *ret_result);

/* The store's file of a driver. Returns buf. */
char *fetcher_driver_path(
	const struct host *host, const uint8_t sha256[static SHA256_SIZE], char buf[static 256]);

#endif
