/* SPDX-License-Identifier: Apache-2.0 */
/* What platend makes of the spooler's word about its jobs, and of its silence. */
#include "tests/unit/followed.h"

/* Its queue is full for a while: what it was not told, it is told when there is room, once. */
START_TEST(test_a_watch_that_is_slow)
{
	ck_assert_ptr_nonnull(unsure(17));
	watch()->full = true;
	say_job(17, HELD);
	say_job(17, HELD);
	say_job(18, HELD); /* left of an attempt */
	ck_assert_int_eq(cancel_count, 0);
	worker_room(watch());
	ck_assert_int_eq(cancel_count, 2);
	ck_assert_uint_eq(cancels[0].host_job, 17);
	ck_assert_uint_eq(cancels[1].host_job, 18);
	worker_room(watch());
	ck_assert_int_eq(cancel_count, 2);
	say_job(19, HELD);
	ck_assert_int_eq(cancel_count, 3);
}
END_TEST

static void turn_on(uint64_t seconds)
{
	pass(seconds);
	for (int turns = 0; turns < 4; turns++)
		pass(0);
}

/* One that does not answer is not asked again and again, as each time would give it more time. */
START_TEST(test_a_watch_that_does_not_answer)
{
	turn_on(31);
	turn_on(31);
	turn_on(31);
	ck_assert_int_eq(pings, 1);
	say_head(SPOOL_PONG, sizeof(struct ipc_head));
	watch()->full = true;
	turn_on(31);
	ck_assert_int_eq(pings, 1);
	worker_room(watch());
	ck_assert_int_eq(pings, 2);
}
END_TEST

/* So many turns that each job has been looked at. */
static void look_on(uint64_t seconds)
{
	turn_on(seconds);
	for (int turns = 0; turns < 20; turns++)
		pass(0);
}

/* A person in the workspace cancels, and the spooler does not do it: it is asked again until the
 * job is over, and never for a job that nobody cancels. */
START_TEST(test_a_cancel_that_failed)
{
	struct job *job = unsure(17), *other = unsure(18);
	struct ledger_key key = key_of(17);
	int before;

	say_job(17, 5);
	say_job(18, 5);
	job->open = true;
	job->ref = 4;
	job->workspace = workspace_find(host, &key.workspace);
	job_cancel(job->workspace, 4);
	ck_assert_int_eq(cancel_count, 1);
	look_on(31);
	ck_assert_int_ge(cancel_count, 2);
	before = cancel_count;
	look_on(61);
	ck_assert_int_gt(cancel_count, before);
	for (int i = 0; i < cancel_count; i++)
		ck_assert_uint_eq(cancels[i].host_job, 17);
	say_job(17, CANCELED);
	ck_assert_uint_eq(ledger_state(17), LEDGER_CANCELED);
	before = cancel_count;
	look_on(61);
	ck_assert_int_eq(cancel_count, before);
	ck_assert_int_eq(other->stage, JOB_FOLLOWED);
}
END_TEST

/* A ping that one of them was owed is not the next one's: there is no deadline for its answer. */
START_TEST(test_a_ping_is_of_one_watch)
{
	watch()->full = true;
	turn_on(31);
	ck_assert_int_eq(pings, 0);
	worker_leave(watch(), 1);
	for (int turns = 0; turns < 10 && !watch(); turns++)
		pass(1);
	ck_assert_ptr_nonnull(watch());
	worker_room(watch());
	ck_assert_int_eq(pings, 0);
	ck_assert_uint_eq(watch()->deadline, 0);
	look_on(31);
	ck_assert_int_eq(pings, 1);
	ck_assert_uint_ne(watch()->deadline, 0);
}
END_TEST

/* A new cupsd gives numbers out again: what was owed for the old one is not asked of it. */
START_TEST(test_what_is_owed_is_of_one_spooler)
{
	watch()->full = true;
	say_job(18, HELD);
	watch()->full = false;
	say_head(SPOOL_UP, sizeof(struct spool_text));
	worker_room(watch());
	ck_assert_int_eq(cancel_count, 0);
	say_job(18, HELD); /* its listing has it */
	ck_assert_int_eq(cancel_count, 1);
	watch()->full = true;
	say_job(19, HELD);
	worker_leave(watch(), 1);
	for (int turns = 0; turns < 10 && !watch(); turns++)
		pass(10);
	ck_assert_ptr_nonnull(watch());
	worker_room(watch());
	ck_assert_int_eq(cancel_count, 1);
}
END_TEST

/* A job that the host's filters gave up is over for its guest, and goes, also when nobody heard of
 * the cancel; one that a person has running again does not. */
START_TEST(test_a_job_that_is_given_up)
{
	unsure(17)->unsure = false;
	say_job(17, STOPPED);
	ck_assert_uint_eq(ledger_state(17), LEDGER_ASK);
	ck_assert_int_eq(cancel_count, 1);
	say_job(17, STOPPED);
	ck_assert_int_eq(cancel_count, 2);
	say_job(17, 5);
	say_job(99, STOPPED); /* nothing is known of it */
	ck_assert_int_eq(cancel_count, 2);
}
END_TEST

/* A pool's job, of which cupsd has just written the file. */
static struct job *saved(uint32_t host_job)
{
	struct timespec later[2] = {{.tv_sec = time(NULL) + 86400}, {.tv_sec = time(NULL) + 86400}};
	struct job *job = unsure(host_job);
	char path[128];
	int fd;

	(void)snprintf(
		host->config.cups_spool, sizeof(host->config.cups_spool), "%s", platend_folder);
	(void)snprintf(path, sizeof(path), "%s/c%05u", platend_folder, host_job);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(futimens(fd, later), 0);
	(void)close_fd(fd);
	job->row.pool = 1;
	job_set_followed(job);
	say_job(host_job, 3);
	return job;
}

static void say_synced(uint32_t host_job, uint32_t error)
{
	struct spool_look m = {.head = {.type = SPOOL_SYNCED, .size = sizeof(m)},
		.host_job = host_job,
		.error = error};

	worker_say(worker_find("platen-spool sync", 0), &m, sizeof(m), false);
}

/* The watch has nothing to do with it, which is ended when it does not answer. */
START_TEST(test_a_disk_that_takes_its_time)
{
	struct job *one = saved(17), *other = saved(18);
	struct worker *sync;

	turn_on(1);
	sync = worker_find("platen-spool sync", 0);
	ck_assert_ptr_nonnull(sync);
	ck_assert_uint_eq(sync->last.type, SPOOL_SYNC);
	ck_assert_uint_eq(sync->deadline, 300000000);
	ck_assert_int_eq(syncs, 1);
	for (int i = 0; i < 100; i++)
		turn_on(1);
	ck_assert_int_eq(syncs, 1); /* one at a time, however long */
	say_synced(17, EIO);
	ck_assert(!one->saved);
	for (int i = 0; i < 4 && !(one->saved && other->saved); i++) {
		turn_on(1);
		ck_assert_uint_eq(sync->deadline, 300000000);
		say_synced(sync->serial, 0);
		ck_assert_uint_eq(sync->deadline, 0);
	}
	ck_assert(one->saved && other->saved);
}
END_TEST

/* Whoever stops platend does not wait for it: neither for that worker nor for those of documents.
 */
START_TEST(test_an_end_that_waits_for_no_disk)
{
	unsigned int submits = 0;

	ck_assert_ptr_nonnull(saved(17));
	turn_on(1);
	ck_assert_int_eq(syncs, 1);
	for (unsigned int i = 0; i < worker_count; i++)
		submits += strcmp(workers[i]->name, "platen-spool submit") == 0;
	ck_assert_uint_gt(submits, 0);
	abandoned_count = 0;
	host->ending = true;
	platend_end(host);
	host = NULL;
	ck_assert_uint_eq(abandoned_count, submits + 1);
}
END_TEST

/* What was under way for a cupsd that is gone says nothing of the next one's job of that number. */
START_TEST(test_a_sync_is_of_one_spooler)
{
	struct job *job = saved(17);

	turn_on(1);
	ck_assert_int_eq(syncs, 1);
	say_head(SPOOL_UP, sizeof(struct spool_text));
	say_job(17, 3);
	say_synced(17, 0);
	ck_assert(!job->saved);
	turn_on(1);
	say_synced(17, 0);
	ck_assert(job->saved);
}
END_TEST

/* One that ends is started again, and not at every look. */
START_TEST(test_a_sync_that_ends)
{
	ck_assert_ptr_nonnull(saved(17));
	turn_on(1);
	worker_leave(worker_find("platen-spool sync", 0), 1);
	for (int i = 0; i < 5; i++)
		turn_on(1);
	ck_assert_ptr_null(worker_find("platen-spool sync", 0));
	turn_on(10);
	ck_assert_ptr_nonnull(worker_find("platen-spool sync", 0));
}
END_TEST

static void say_gone(const char *printer)
{
	struct spool_printer_gone gone = {
		.head = {.type = SPOOL_PRINTER_GONE, .size = sizeof(gone)}};

	(void)text_copy(gone.name, sizeof(gone.name), printer);
	worker_say(watch(), &gone, sizeof(gone), false);
}

static void say_cancelled(uint32_t host_job, bool began, uint64_t ended)
{
	struct spool_job is = spooler_has(host_job, CANCELED);

	is.released = 1;
	is.began = began;
	is.ended = ended;
	worker_say(watch(), &is, sizeof(is), false);
}

/* A job that went with its printer was cancelled by nobody. */
START_TEST(test_a_printer_that_is_deleted)
{
	struct ledger_key waits = key_of(18);

	ck_assert(unsure(17)->unsure && unsure(18)->unsure && unsure(19)->unsure);
	say_job(17, 3);
	say_job(18, 3);
	say_job(19, 5);
	say_job(19, 3); /* it was stopped in its midst */
	say_gone("laser");
	say_cancelled(17, true, 0);
	say_cancelled(18, false, 0);
	say_cancelled(19, false, 0);
	ck_assert_uint_eq(ledger_state(17), LEDGER_ASK);
	ck_assert_uint_eq(ledger_state(19), LEDGER_ASK);
	ck_assert_ptr_null(job_find(host, &waits));
	ck_assert_int_eq(ledger_get(host->ledger, &waits, &(struct ledger_job){0}), -ENOENT);
}
END_TEST

/* And a printer of that name may be there again before it is heard that the first one was gone. */
START_TEST(test_a_printer_that_is_made_again)
{
	struct printer *laser = printer_find(host, "laser");
	struct spool_job moved;

	for (uint32_t n = 17; n <= 20; n++)
		ck_assert_ptr_nonnull(unsure(n));
	laser->is.uuid.bytes[0] = 1;
	for (uint32_t n = 17; n <= 19; n++)
		say_job(n, 3);
	laser->is.config_time++; /* an option of it was set */
	say_cancelled(17, false, 0);
	ck_assert_uint_eq(ledger_state(17), LEDGER_CANCELED);
	laser->is.uuid.bytes[0] = 2;
	say_cancelled(18, false, 0);
	ck_assert_uint_eq(ledger_state(18), LEDGER_ASK);
	add_printer(host, "other", PRINTER_NETWORK);
	moved = spooler_has(19, CANCELED);
	moved.released = 1;
	(void)text_copy(moved.printer, sizeof(moved.printer), "other");
	worker_say(watch(), &moved, sizeof(moved), false);
	ck_assert_uint_eq(ledger_state(19), LEDGER_CANCELED);
	say_cancelled(20, false, 0); /* which printer its was nobody saw */
	ck_assert_uint_eq(ledger_state(20), LEDGER_CANCELED);
}
END_TEST

/* A watch that ends does not tell what goes before another one looks. */
START_TEST(test_a_printer_that_goes_unseen)
{
	unsure(17)->unsure = false;
	say_job(17, 5);
	worker_leave(watch(), 1);
	for (int turns = 0; turns < 10 && !watch(); turns++)
		pass(1);
	say_head(SPOOL_UP, sizeof(struct spool_text));
	say_head(SPOOL_LISTING, sizeof(struct ipc_head));
	ck_assert_ptr_nonnull(printer_find(host, "laser"));
	say_cancelled(17, true, 0);
	ck_assert_uint_eq(ledger_state(17), LEDGER_ASK);
	say_head(SPOOL_LISTED, sizeof(struct ipc_head));
	ck_assert_ptr_null(printer_find(host, "laser"));
}
END_TEST

/* Nor is it cancelled where all that is known of it is the spooler's. */
START_TEST(test_a_ledger_built_anew_of_a_deleted_printer)
{
	struct ledger_key waits = key_of(18), printed = key_of(17);
	struct ledger_job row;

	host->rebuilding = true;
	say_cancelled(16, true, 0);
	ck_assert_uint_eq(ledger_state(16), LEDGER_CANCELED);
	say_gone("laser");
	say_cancelled(17, true, 0);
	say_cancelled(18, false, 0);
	ck_assert_int_eq(ledger_get(host->ledger, &printed, &row), 0);
	ck_assert_uint_eq(row.state, LEDGER_ASK);
	ck_assert_uint_ne(row.ask, 0);
	ck_assert_str_eq(row.text, JOB_LOST_PRINTER);
	ck_assert_int_eq(ledger_get(host->ledger, &waits, &row), -ENOENT);
}
END_TEST

/* All texts of it, or none. */
START_TEST(test_texts_without_an_end)
{
	static const struct {
		size_t at, size;
	} texts[] = {
#define TEXT(name) {offsetof(struct spool_job, name), sizeof(((struct spool_job *)0)->name)}
		TEXT(printer), TEXT(reasons), TEXT(text), TEXT(title), TEXT(user), TEXT(owner)};

	for (uint32_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct spool_job is = spooler_has(20 + i, CANCELED);

		ck_assert_ptr_nonnull(unsure(20 + i));
		is.released = 1;
		memset((char *)&is + texts[i].at, 'x', texts[i].size);
		worker_say(watch(), &is, sizeof(is), false);
		ck_assert_uint_eq(ledger_state(20 + i), LEDGER_RELEASE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job-follow");
	TCase *tc = tcase_create("job-follow");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_watch_that_is_slow);
	tcase_add_test(tc, test_a_watch_that_does_not_answer);
	tcase_add_test(tc, test_a_cancel_that_failed);
	tcase_add_test(tc, test_a_ping_is_of_one_watch);
	tcase_add_test(tc, test_what_is_owed_is_of_one_spooler);
	tcase_add_test(tc, test_a_job_that_is_given_up);
	tcase_add_test(tc, test_a_disk_that_takes_its_time);
	tcase_add_test(tc, test_an_end_that_waits_for_no_disk);
	tcase_add_test(tc, test_a_sync_is_of_one_spooler);
	tcase_add_test(tc, test_a_sync_that_ends);
	tcase_add_test(tc, test_a_printer_that_is_deleted);
	tcase_add_test(tc, test_a_printer_that_is_made_again);
	tcase_add_test(tc, test_a_printer_that_goes_unseen);
	tcase_add_test(tc, test_a_ledger_built_anew_of_a_deleted_printer);
	tcase_add_test(tc, test_texts_without_an_end);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
