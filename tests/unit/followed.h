/* SPDX-License-Identifier: Apache-2.0 */
/* A whole platend whose workers are played (tests/fuzz/actors.h): what its spooler says of released
 * jobs, and what the watch of the spooler is told to do. */
#ifndef TESTS_FOLLOWED_H
#define TESTS_FOLLOWED_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "host/job-parts.h"
#include "host/printer.h"
#include "host/spool/spool.h"
#include "host/spooler.h"
#include "proto/message.h"
#include "tests/fuzz/actors.h"
#include "tests/fuzz/platend.h"

#define HELD	 4 /* job-state, RFC 8011 5.3.7 */
#define STOPPED	 6
#define CANCELED 7

static struct host *host;
static struct spool_cancel cancels[64]; /* what the watch was told to cancel */
static int cancel_count, pings, syncs;

static inline void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	if (msg->type == SPOOL_SYNC) {
		ck_assert_str_eq(worker->name, "platen-spool sync");
		syncs++;
	}
	pings += strcmp(worker->name, "platen-spool watch") == 0 && msg->type == SPOOL_PING;
	if (strcmp(worker->name, "platen-spool watch") != 0 || msg->type != SPOOL_CANCEL)
		return;
	ck_assert_int_lt(cancel_count, 64);
	cancels[cancel_count++] = *(const struct spool_cancel *)msg;
}

static inline struct worker *watch(void)
{
	return worker_find("platen-spool watch", 0);
}

static inline void say_head(uint32_t type, size_t size)
{
	struct spool_text m = {.head = {.type = type, .size = (uint32_t)size}};

	worker_say(watch(), &m, size, false);
}

/* The key of the job that has this number on the host. */
static inline struct ledger_key key_of(uint32_t host_job)
{
	struct ledger_key key = {.job = {{1}}, .file = 1};

	ck_assert_int_eq(uuid_parse(DOMAIN, &key.workspace), 0);
	memcpy(key.job.bytes + 1, &host_job, sizeof(host_job));
	return key;
}

static inline struct spool_job spooler_has(uint32_t host_job, uint32_t state)
{
	struct ledger_key key = key_of(host_job);
	struct spool_job is = {.head = {.type = SPOOL_JOB, .size = sizeof(is)},
		.host_job = host_job,
		.state = state,
		.file = key.file,
		.job = key.job,
		.workspace = key.workspace};

	(void)text_copy(is.printer, sizeof(is.printer), "laser");
	return is;
}

static inline void say_job(uint32_t host_job, uint32_t state)
{
	struct spool_job is = spooler_has(host_job, state);

	worker_say(watch(), &is, sizeof(is), false);
}

/* One whose release was on its way when platend ended. */
static inline struct job *unsure(uint32_t host_job)
{
	struct ledger_job row = {
		.key = key_of(host_job), .state = LEDGER_RELEASE, .host_job = host_job};

	(void)text_copy(row.printer, sizeof(row.printer), "laser");
	ck_assert_int_eq(ledger_put(host->ledger, &row), 0);
	ck_assert_int_eq(job_adopt(host, &row), 0);
	return job_find(host, &row.key);
}

static inline uint32_t ledger_state(uint32_t host_job)
{
	struct ledger_key key = key_of(host_job);
	struct ledger_job row;

	ck_assert_int_eq(ledger_get(host->ledger, &key, &row), 0);
	return row.state;
}

static inline void pass(uint64_t seconds)
{
	clock_ahead += seconds;
	ck_assert_int_ge(sd_event_run(host->event, 0), 0); /* its clock goes by turns */
}

static inline void setup(void)
{
	cancel_count = pings = syncs = 0;
	host = platend_begin("test-job");
	say_head(SPOOL_UP, sizeof(struct spool_text));
	say_head(SPOOL_LISTED, sizeof(struct ipc_head));
}

static inline void teardown(void)
{
	platend_end(host);
	ck_assert_uint_eq(worker_count, 0);
}

#endif
