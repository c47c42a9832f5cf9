/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be written back is no more than a hint: the syncs that jobs wait for do not wait for
 * it, and a worker that is stuck in it is ended. The worker is played (tests/fuzz/actors.h).
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>

#include "host/host.h"
#include "host/job.h"
#include "host/request-file.h"
#include "host/syncer.h"
#include "tests/fuzz/actors.h"

static char dir[] = "/tmp/platen-syncer-XXXXXX", file[64];
static struct host *host;
static struct syncer *syncer;
static unsigned int hints, questions;

static void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	(void)worker;
	hints += msg->type == SPOOL_WRITE_BACK;
	questions += msg->type == SPOOL_SYNC;
}

static void setup(void)
{
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/0000001a", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(ftruncate(fd, 2 * REQUEST_FILE_LAG), 0);
	(void)close_fd(fd);
	host = calloc(1, sizeof(*host));
	ck_assert_ptr_nonnull(host);
	TAILQ_INIT(&host->jobs);
	ck_assert_int_ge(sd_event_new(&host->event), 0);
	ck_assert_int_eq(syncer_new(host, &syncer), 0);
	syncer_write_back(syncer, dir);
	ck_assert_uint_eq(hints, 1);
	ck_assert_uint_eq(worker_count, 1);
}

static void teardown(void)
{
	syncer = syncer_free(syncer);
	host->event = sd_event_unref(host->event);
	free(host);
	(void)unlink(file);
	(void)rmdir(dir);
}

static void answered(uint32_t host_job)
{
	struct spool_look m = {.head = {.type = SPOOL_SYNCED}, .host_job = host_job};

	worker_say(workers[0], &m, sizeof(m), false);
	ck_assert_uint_eq(workers[0]->deadline, 0);
}

START_TEST(test_a_question_goes_before)
{
	workers[0]->full = true;
	syncer_ask(syncer, 7, -1);
	worker_room(workers[0]);
	syncer_write_back(syncer, dir);
	ck_assert_uint_eq(hints, 1);
	syncer_ask(syncer, 7, -1);
	ck_assert_uint_eq(questions, 1);
	ck_assert_uint_gt(workers[0]->deadline, 0);
	answered(7);
	clock_ahead += 2; /* whether it came or not */
	syncer_write_back(syncer, dir);
	ck_assert_uint_eq(hints, 2);
}
END_TEST

START_TEST(test_stuck)
{
	ck_assert_uint_eq(workers[0]->deadline, 0); /* it may be idle for days */
	workers[0]->full = true;
	syncer_write_back(syncer, dir);
	ck_assert_uint_eq(workers[0]->deadline, 0);
	syncer_ask(syncer, 7, -1);
	ck_assert_uint_gt(workers[0]->deadline, 0);
	workers[0]->deadline = 5; /* asked again, it has no more time */
	syncer_ask(syncer, 7, -1);
	ck_assert_uint_eq(workers[0]->deadline, 5);
	worker_leave(workers[0], 1);
	ck_assert_uint_eq(worker_count, 0);
	clock_ahead += 60;
	syncer_ask(syncer, 7, -1);
	ck_assert_uint_eq(worker_count, 1);
	ck_assert_uint_eq(questions, 1);
	answered(7);
}
END_TEST

/* Of a question that is under way room takes no deadline. */
START_TEST(test_room)
{
	syncer_ask(syncer, 7, -1);
	workers[0]->full = true;
	syncer_write_back(syncer, dir);
	worker_room(workers[0]);
	ck_assert_uint_gt(workers[0]->deadline, 0);
	answered(7);
	workers[0]->full = true;
	syncer_ask(syncer, 8, -1);
	ck_assert_uint_gt(workers[0]->deadline, 0);
	worker_room(workers[0]);
	ck_assert_uint_eq(workers[0]->deadline, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("syncer");
	TCase *tc = tcase_create("syncer");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_question_goes_before);
	tcase_add_test(tc, test_stuck);
	tcase_add_test(tc, test_room);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
