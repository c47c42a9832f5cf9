/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job that comes again, and the ledger's word on it.
 *
 * Its row is what keeps it from being printed twice, whatever is wrong with the disk for a moment;
 * and a row that says "released" is followed, also where its object is gone.
 */
#include <check.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"
#include "host/workspace.h"

#define ROWS 6000 /* more than SQLite keeps in memory */

static char dir[] = "/tmp/platen-job-open-XXXXXX";
static char path[64];
static int broken; /* reads that fail from now on */
static struct host *host;
static struct workspace *ws;

static ssize_t read_or_not(int fd, void *buf, size_t size, off_t at)
{
	if (!broken)
		return pread(fd, buf, size, at);
	broken--;
	errno = EIO;
	return -1;
}

static struct ledger_job row(uint32_t number, enum ledger_state state)
{
	struct ledger_job job = {.key = {.workspace = {{1}}, .file = 1},
		.state = state,
		.host_job = 7,
		.opened = 1000,
		.ended = state >= LEDGER_COMPLETED ? 2000 : 0,
		.title = "a title"};

	for (int i = 0; i < 4; i++)
		job.key.job.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
	return job;
}

static void open_ledger(void)
{
	bool damaged;

	ck_assert_int_eq(ledger_open(path, &damaged, &host->ledger), 0);
}

static void set_up(void)
{
	host = calloc(1, sizeof(*host));
	ws = calloc(1, sizeof(*ws));
	ck_assert(host && ws);
	TAILQ_INIT(&host->jobs);
	ck_assert_int_ge(sd_event_new(&host->event), 0);
	ws->host = host;
	ws->uuid = (struct uuid){{1}};
	quota_init(&ws->quota, &host->config);
	open_ledger();
}

static void tear_down(void)
{
	job_free_all(host);
	host->ledger = ledger_close(host->ledger);
	host->event = sd_event_unref(host->event);
	free(host);
	free(ws);
	(void)unlink(path);
}

static struct job *come(uint32_t number)
{
	struct message_job_open open = {.ref = 1, .file = 1};
	struct ledger_job was = row(number, LEDGER_OPEN);

	open.job = was.key.job;
	job_open(ws, &open);
	return job_find(host, &was.key);
}

/* A disk that cannot be read for a moment makes no job new. */
START_TEST(test_unread)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct ledger_job is, was;
	struct job *job;

	for (uint32_t i = 1; i <= ROWS; i++) {
		was = row(i, LEDGER_COMPLETED);
		ck_assert_int_eq(ledger_put(host->ledger, &was), 0);
	}
	ck_assert_int_eq(ledger_commit(host->ledger), 0);
	host->ledger = ledger_close(host->ledger);
	open_ledger();
	was = row(1, LEDGER_COMPLETED);
	ck_assert_int_eq(
		vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read_or_not), SQLITE_OK);
	ck_assert_int_eq(
		vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read_or_not), SQLITE_OK);
	broken = 1;
	ck_assert_int_eq(ledger_get(host->ledger, &was.key, &is), -EIO);
	broken = 1;
	job = come(1);
	ck_assert_int_eq(broken, 0);
	ck_assert_uint_eq(job->phase, JOB_PHASE_REFUSED);
	job_sync(host);
	ck_assert_int_eq(ledger_get(host->ledger, &was.key, &is), 0);
	ck_assert_int_eq(is.state, LEDGER_COMPLETED);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, NULL, NULL), SQLITE_OK);
}
END_TEST

/* One that was released and that nobody follows: its end could not be written, or its row was found
 * while its guest was told to wait for that. */
START_TEST(test_followed_again)
{
	struct ledger_job was = row(1, LEDGER_RELEASE);
	struct job *job;

	ck_assert_int_eq(ledger_put(host->ledger, &was), 0);
	job = come(1);
	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(job->stage, JOB_FOLLOWED);
	ck_assert_uint_eq(job->phase, JOB_PHASE_PENDING);
	ck_assert(job->open && job->unsure && job->doubt);
	ck_assert_ptr_eq(job->workspace, ws);
	ck_assert_uint_eq(job->row.host_job, 7);
}
END_TEST

/* A person's word holds until the job is taken, also where that takes several tries. */
START_TEST(test_decided)
{
	struct message_job_open open = {.ref = 1, .file = 1, .size = 10};
	struct ledger_job was = row(1, LEDGER_RETRY), is;
	struct offer_entry gone = {.name = "laser"};

	was.ended = 0;
	ck_assert_int_eq(ledger_put(host->ledger, &was), 0);
	ws->offers = &gone;
	ws->offer_count = 1;
	open.job = was.key.job;
	for (open.ref = 1; open.ref < 3; open.ref++) {
		job_open(ws, &open);
		ck_assert_uint_eq(job_find(host, &was.key)->phase, JOB_PHASE_REFUSED);
		ck_assert_int_eq(ledger_get(host->ledger, &was.key, &is), 0);
		ck_assert_int_eq(is.state, LEDGER_RETRY);
		ck_assert_int_eq(is.ended, 0);
		job_close(ws, open.ref);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job-open");
	TCase *tc = tcase_create("job-open");
	SRunner *runner;
	int failed;

	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, test_unread);
	tcase_add_test(tc, test_followed_again);
	tcase_add_test(tc, test_decided);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)rmdir(dir);
	return failed ? 1 : 0;
}
