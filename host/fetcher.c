/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers are fetched by short-lived workers: one process, one printer, one answer.
 *
 * A print server is hostile and may be slow, so each fetch is a process of its own under a
 * deadline, and no more than a few run at once. A failure is tried again with growing patience; a
 * change of the queue tries at once.
 */
#include "host/fetcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/manuals.h"
#include "host/printer.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define FETCHES_AT_ONCE 2
#define FETCH_DEADLINE	90000000ULL    /* usec */
#define RETRY_FIRST	30000000ULL    /* usec; doubles with each failure */
#define RETRY_MOST	1800000000ULL  /* usec */
#define REFRESH		86400000000ULL /* usec: a driver is looked for once a day */

struct fetch {
	struct fetcher *fetcher;
	struct printer *printer;
	struct worker *worker; /* NULL: free */
	bool answered;
	struct fetch_result result;
};

struct fetcher {
	struct host *host;
	struct fetch fetches[FETCHES_AT_ONCE];
};

static uint64_t now_usec(struct fetcher *fetcher)
{
	uint64_t now = 0;

	(void)sd_event_now(fetcher->host->event, CLOCK_MONOTONIC, &now);
	return now;
}

char *fetcher_driver_path(
	const struct host *host, const uint8_t sha256[static SHA256_SIZE], char buf[static 256])
{
	int n = snprintf(buf, 256, "%s/drivers/", host->config.state_dir);

	for (int i = 0; i < SHA256_SIZE && n < 240; i++)
		n += snprintf(buf + n, (size_t)(256 - n), "%02x", sha256[i]);
	(void)snprintf(buf + n, (size_t)(256 - n), ".ppd.gz");
	return buf;
}

int fetcher_new(struct host *host, struct fetcher **ret_fetcher)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return -ENOMEM;
	fetcher->host = host;
	for (int i = 0; i < FETCHES_AT_ONCE; i++)
		fetcher->fetches[i].fetcher = fetcher;
	*ret_fetcher = fetcher;
	return 0;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return NULL;
	for (int i = 0; i < FETCHES_AT_ONCE; i++)
		fetcher->fetches[i].worker = worker_free(fetcher->fetches[i].worker);
	free(fetcher);
	return NULL;
}

static void start_next(struct fetcher *fetcher);

bool fetcher_result_take(const struct ipc_head *msg, struct fetch_result *result)
{
	if (msg->type != FETCH_RESULT || msg->size != sizeof(*result))
		return false;
	memcpy(result, msg, sizeof(*result));
	return text_terminated(result->make_model, sizeof(result->make_model)) &&
	       text_terminated(result->source, sizeof(result->source)) &&
	       text_terminated(result->text, sizeof(result->text)) &&
	       text_terminated(result->device_id, sizeof(result->device_id)) &&
	       result->code >= FETCH_OK && result->code <= FETCH_FAILED &&
	       result->size <= DRIVER_SIZE_MAX && result->packed_size <= DRIVER_PACKED_MAX;
}

static void on_message(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	struct fetch *fetch = userdata;

	(void)worker;
	(void)fd;
	if (!fetch->answered)
		fetch->answered = fetcher_result_take(msg, &fetch->result);
}

/* A fetch is over: its answer counts only if the worker also ended as it should. */
static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct fetch *fetch = userdata;
	struct fetcher *fetcher = fetch->fetcher;
	struct printer *printer = fetch->printer;
	struct fetch_result *result = &fetch->result;
	char why[160];

	fetch->worker = worker_free(worker);
	fetch->printer = NULL;
	if (!fetch->answered || status != 0) {
		*result = (struct fetch_result){.code = FETCH_FAILED};
		if (timed_out)
			(void)text_printf(result->text, sizeof(result->text),
				"the fetch took longer than %llu s and was ended",
				FETCH_DEADLINE / 1000000);
		else
			(void)text_printf(result->text, sizeof(result->text),
				"platen-fetch ended without an answer (%s)",
				worker_end_text(status, false, why));
	}
	if (printer) {
		printer->fetching = false;
		printer_fetched(printer, result);
		printer->retry_usec = now_usec(fetcher) + REFRESH;
		if (result->code == FETCH_FAILED) {
			uint64_t wait = RETRY_FIRST
					<< (printer->failures < 6 ? printer->failures : 6);

			printer->retry_usec =
				now_usec(fetcher) + (wait < RETRY_MOST ? wait : RETRY_MOST);
		}
	}
	start_next(fetcher);
	host_settle(fetcher->host);
}

/* What the settings say of the server. What is wrong with a file of credentials is logged; the
 * server's own answer then stands in the result. */
static void add_server(
	const struct host *host, const struct printer *printer, struct fetch_get *get)
{
	const struct config_server *server =
		config_server_find(&host->config, printer->is.device_uri);
	struct log_about about = {.printer = printer->is.name};
	int r;

	if (!server)
		return;
	(void)text_copy(get->pin, sizeof(get->pin), server->pin);
	get->negotiate = server->negotiate;
	if (!server->credentials[0])
		return;
	r = fetch_credentials_read(server->credentials, get->credentials, sizeof(get->credentials));
	if (r < 0)
		log_line(LOG_ERR, &about, "%s is not used: %s", server->credentials,
			r == -EPERM	? "others may read it; chmod 600"
			: r == -EBADMSG ? "it does not hold one line user:password"
					: strerror(-r));
}

int fetcher_start(struct host *host, const struct fetcher_call *call, struct worker **ret_worker)
{
	bool is_served = call->is_online && host->config.fetch_socket[0];
	char program[256], store[256];
	const char *argv[] = {host_program(host, "platen-fetch", program), store, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.user = host_worker_user(host),
		.hidden = host_hidden(host),
		.socket = is_served ? host->config.fetch_socket : NULL,
		.on_message = call->on_message,
		.on_exit = call->on_exit,
		.userdata = call->userdata,
	};
	struct worker *worker;
	int r;

	if (text_printf(store, sizeof(store), "%s/drivers", host->config.state_dir) < 0)
		return -ENAMETOOLONG;
	r = worker_new(host->event, &setup, &worker);
	if (r < 0)
		return r;
	r = worker_send(worker, call->request, call->fd);
	if (r == 0)
		r = worker_deadline(worker, call->deadline_usec);
	if (r < 0) {
		(void)worker_free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

static int fetch_start(struct fetch *fetch, struct printer *printer)
{
	struct host *host = fetch->fetcher->host;
	struct fetch_get get = {.head = {.type = FETCH_GET, .size = sizeof(get)}};
	struct fetcher_call call = {
		.request = &get,
		.fd = -1,
		.is_online = true,
		.deadline_usec = FETCH_DEADLINE,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = fetch,
	};
	int r;

	(void)text_copy(get.queue, sizeof(get.queue), printer->is.name);
	(void)text_copy(get.device_uri, sizeof(get.device_uri), printer->is.device_uri);
	(void)text_copy(get.languages, sizeof(get.languages), host->config.languages);
	(void)text_copy(get.cups_socket, sizeof(get.cups_socket), host->config.cups_socket);
	memcpy(get.sources, config_drivers_of(&host->config, printer->is.name)->sources,
		sizeof(get.sources));
	get.known = printer->status == DRIVER_READY ? printer->driver.provenance : 0;
	add_server(host, printer, &get);
	fetch->answered = false;
	r = fetcher_start(host, &call, &fetch->worker);
	explicit_bzero(get.credentials, sizeof(get.credentials));
	if (r < 0)
		return r;
	fetch->printer = printer;
	printer->fetching = true;
	return 0;
}

static void start_next(struct fetcher *fetcher)
{
	struct printer *printer;

	TAILQ_FOREACH(printer, &fetcher->host->printers, link)
	{
		const struct fetch_result *manual;
		struct fetch *free_one = NULL;
		int r;

		if (!printer->wanted || printer->fetching)
			continue;
		manual = manuals_of(fetcher->host->manuals, &printer->is);
		if (manual) { /* it wins, and is in the store */
			printer->wanted = false;
			printer->retry_usec = 0;
			printer_fetched(printer, manual);
			continue;
		}
		for (int i = 0; i < FETCHES_AT_ONCE; i++)
			if (!fetcher->fetches[i].worker)
				free_one = &fetcher->fetches[i];
		if (!free_one)
			return;
		printer->wanted = false;
		printer->retry_usec = 0;
		r = fetch_start(free_one, printer);
		if (r < 0) {
			log_line(LOG_ERR, NULL, "cannot start platen-fetch%s%s: %s",
				fetcher->host->config.fetch_socket[0] ? " by " : "",
				fetcher->host->config.fetch_socket, strerror(-r));
			printer->fetching = false;
			printer->looked = FETCH_FAILED;
			(void)text_printf(printer->looked_text, sizeof(printer->looked_text),
				"cannot start platen-fetch: %s", strerror(-r));
			printer->retry_usec = now_usec(fetcher) + RETRY_FIRST;
			printer->status = printer->status ? printer->status : DRIVER_FAILED;
		}
	}
}

void fetcher_want(struct fetcher *fetcher, struct printer *printer)
{
	printer->wanted = true;
	start_next(fetcher);
}

void fetcher_forget(struct fetcher *fetcher, struct printer *printer)
{
	for (int i = 0; i < FETCHES_AT_ONCE; i++) {
		struct fetch *fetch = &fetcher->fetches[i];

		if (fetch->printer != printer)
			continue;
		fetch->worker = worker_free(fetch->worker);
		fetch->printer = NULL;
		printer->fetching = false;
	}
}

bool fetcher_is_idle(const struct fetcher *fetcher)
{
	struct printer *printer;

	for (int i = 0; i < FETCHES_AT_ONCE; i++)
		if (fetcher->fetches[i].worker)
			return false;
	TAILQ_FOREACH(printer, &fetcher->host->printers, link)
	if (printer->wanted)
		return false;
	return true;
}

void fetcher_tick(struct fetcher *fetcher)
{
	uint64_t now = now_usec(fetcher);
	struct printer *printer;

	TAILQ_FOREACH(printer, &fetcher->host->printers, link)
	if (printer->retry_usec && printer->retry_usec <= now)
		printer->wanted = true;
	start_next(fetcher);
}
