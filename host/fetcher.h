/* SPDX-License-Identifier: Apache-2.0 */
/* Runs platen-fetch for printers whose driver is to be looked for: a few at once, each under a
 * deadline, failures again later. */
#ifndef PLATEN_FETCHER_H
#define PLATEN_FETCHER_H

#include "host/host.h"
#include "proto/base/worker.h"

struct fetcher;

int fetcher_new(struct host *host, struct fetcher **ret_fetcher);
struct fetcher *fetcher_free(struct fetcher *fetcher);

/* Has a printer's driver fetched as soon as there is room; once more if it is being fetched. */
void fetcher_want(struct fetcher *fetcher, struct printer *printer);

/* The printer goes away, or is to be asked for in other words: its fetch ends without a result. */
void fetcher_forget(struct fetcher *fetcher, struct printer *printer);

/* Whether nothing waits and nothing runs. */
bool fetcher_is_idle(const struct fetcher *fetcher);

/* Called now and then: retries what is due. */
void fetcher_tick(struct fetcher *fetcher);

/* One platen-fetch for one request (proto/base/fetch.h). */
struct fetcher_call {
	const void *request; /* its first message */
	int fd;		     /* sent beside it, and kept by the caller; -1: none */
	bool is_online; /* it is to reach servers and devices: by fetch-socket where there is one */
	uint64_t deadline_usec;
	worker_message_fn *on_message;
	worker_exit_fn *on_exit;
	void *userdata;
};

/* Starts it as each is started: the store, no privilege, no way to libvirt and to the control
 * socket. What failed leaves no worker behind. 0 or -errno. */
int fetcher_start(struct host *host, const struct fetcher_call *call, struct worker **ret_worker);

/* Takes a FETCH_RESULT over if it is sound. */
bool fetcher_result_take(const struct ipc_head *msg, struct fetch_result *ret_result);

/* The store's file of a driver. Returns buf. */
char *fetcher_driver_path(
	const struct host *host, const uint8_t sha256[static SHA256_SIZE], char buf[static 256]);

#endif
