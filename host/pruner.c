/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store forgets what nobody uses.
 *
 * platend knows which drivers are in use, platen-fetch owns the store: so a worker gets a list of
 * those in use, and removes what was on no list for the days that platen.conf sets. What an admin
 * added by hand is always on it. A list is only made when the spooler's printers and their drivers
 * are known; an incomplete one would make good drivers old.
 */
#include "host/pruner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host/fetcher.h"
#include "host/manuals.h"
#include "host/printer.h"
#include "host/spooler.h"
#include "proto/base/cleanup.h"
#include "proto/base/file.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define PRUNE_DEADLINE 60000000ULL    /* usec */
#define PRUNE_EVERY    86400000000ULL /* usec */

struct pruner {
	struct host *host;
	struct worker *worker;
	uint64_t due_usec; /* CLOCK_MONOTONIC */
	bool answered;
	struct fetch_result result;
};

int pruner_new(struct host *host, struct pruner **ret_pruner)
{
	struct pruner *pruner = calloc(1, sizeof(*pruner));

	if (!pruner)
		return -ENOMEM;
	pruner->host = host;
	*ret_pruner = pruner;
	return 0;
}

struct pruner *pruner_free(struct pruner *pruner)
{
	if (!pruner)
		return NULL;
	pruner->worker = worker_free(pruner->worker);
	free(pruner);
	return NULL;
}

static void on_message(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	struct pruner *pruner = userdata;

	(void)worker;
	(void)fd;
	if (!pruner->answered)
		pruner->answered = fetcher_result_take(msg, &pruner->result);
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct pruner *pruner = userdata;

	(void)status;
	(void)timed_out;
	pruner->worker = worker_free(worker);
	if (!pruner->answered || pruner->result.code != FETCH_OK)
		log_line(LOG_WARNING, NULL, "old drivers were not removed: %s",
			pruner->answered ? pruner->result.text
					 : "platen-fetch ended without an answer");
	else if (pruner->result.size)
		log_line(LOG_INFO, NULL, "%s", pruner->result.text);
}

/* Writes the digests of a driver and of the whole one that goes with it. */
static int put(int fd, const struct fetch_result *driver, uint32_t *count)
{
	int r = file_write_all(fd, driver->sha256, SHA256_SIZE);

	if (r == 0)
		(*count)++;
	if (r < 0 || !driver->whole_size)
		return r;
	r = file_write_all(fd, driver->whole_sha256, SHA256_SIZE);
	if (r == 0)
		(*count)++;
	return r;
}

static int list_used(struct host *host, uint32_t *ret_count)
{
	_cleanup_close_ int fd = memfd_create("drivers", MFD_CLOEXEC);
	const struct fetch_result *manual;
	struct printer *printer;
	uint32_t count = 0;
	int r = fd < 0 ? -errno : 0;

	TAILQ_FOREACH(printer, &host->printers, link)
	if (r == 0 && printer->status == DRIVER_READY)
		r = put(fd, &printer->driver, &count);
	for (size_t i = 0; r == 0 && (manual = manuals_at(host->manuals, i)); i++)
		r = put(fd, manual, &count);
	if (r < 0)
		return r;
	*ret_count = count;
	return steal_fd(&fd);
}

static int begin(struct pruner *pruner)
{
	struct host *host = pruner->host;
	struct fetch_prune prune = {.head = {.type = FETCH_PRUNE, .size = sizeof(prune)},
		.days = host->config.driver_days};
	_cleanup_close_ int fd = list_used(host, &prune.count);
	struct fetcher_call call = {
		.request = &prune,
		.fd = fd,
		.deadline_usec = PRUNE_DEADLINE,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = pruner,
	};

	if (fd < 0)
		return fd;
	pruner->answered = false;
	return fetcher_start(host, &call, &pruner->worker);
}

void pruner_tick(struct pruner *pruner)
{
	struct host *host = pruner->host;
	uint64_t now;
	int r;

	if (sd_event_now(host->event, CLOCK_MONOTONIC, &now) < 0 || now < pruner->due_usec ||
		pruner->worker || !host->settled || !spooler_listed(host->spooler) ||
		!fetcher_is_idle(host->fetcher))
		return;
	pruner->due_usec = now + PRUNE_EVERY;
	r = begin(pruner);
	if (r < 0)
		log_line(LOG_WARNING, NULL, "old drivers were not removed: %s", strerror(-r));
}
