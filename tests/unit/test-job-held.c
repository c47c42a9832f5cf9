/* SPDX-License-Identifier: Apache-2.0 */
/* What platend makes of a released job that the spooler holds: by whom, or being an older one. */
#include "tests/unit/followed.h"

/* It is cancelled to know, and where cupsd cannot even that for half a minute, a person is asked:
 * not before, and not never. */
START_TEST(test_a_held_job_that_cannot_be_cancelled)
{
	ck_assert_ptr_nonnull(unsure(17));
	say_job(17, HELD);
	ck_assert_int_eq(cancel_count, 1);
	ck_assert_uint_eq(cancels[0].host_job, 17);
	pass(20);
	say_job(17, HELD);
	ck_assert_int_eq(cancel_count, 2); /* it may not have arrived */
	ck_assert_uint_eq(ledger_state(17), LEDGER_RELEASE);
	pass(11);
	say_job(17, HELD);
	ck_assert_uint_eq(ledger_state(17), LEDGER_ASK);
}
END_TEST

/* One that is cancelled in time was never released: its guest sends it again, unasked. */
START_TEST(test_a_held_job_that_is_cancelled)
{
	struct ledger_key key = key_of(17);

	unsure(17)->doubt = false; /* it is the cupsd that was asked for the release */
	say_job(17, HELD);
	pass(20);
	say_job(17, CANCELED);
	ck_assert_ptr_null(job_find(host, &key));
	ck_assert_int_eq(ledger_get(host->ledger, &key, &(struct ledger_job){0}), -ENOENT);
}
END_TEST

/* cupsd has not been killed since, or has, and says as it did before what it was that it held. */
static struct spool_job kept(uint32_t host_job, const char *reasons)
{
	struct spool_job is = spooler_has(host_job, HELD);

	is.released = is.began = true;
	(void)text_copy(is.reasons, sizeof(is.reasons), reasons);
	return is;
}

/* By cupsd itself, which tries it again later: its release has arrived, and nobody holds it. A
 * restart of cupsd forgets why it is held, but not that it has begun; ours knows it, too. */
START_TEST(test_a_job_that_the_spooler_holds)
{
	struct job *job = unsure(17);
	struct spool_job is =
		kept(17, _i % 2 ? "resources-are-not-ready" : "none,cups-held-for-authentication");
	struct ledger_job row;

	worker_say(watch(), &is, sizeof(is), false);
	ck_assert(!job->unsure && job->held);
	if (_i >= 2) {
		row = job->row;
		job_drop(job);
		ck_assert_int_eq(job_adopt(host, &row), 0);
		ck_assert(!job_find(host, &row.key)->unsure);
	}
	say_head(SPOOL_UP, sizeof(struct spool_text));
	is = kept(17, "none");
	worker_say(watch(), &is, sizeof(is), false);
	ck_assert_int_eq(cancel_count, 0);
	ck_assert_uint_eq(ledger_state(17), LEDGER_RELEASE);
}
END_TEST

/* It goes back to what it was before it was released, of which a cupsd that was killed can. */
START_TEST(test_a_job_that_the_spooler_held_and_forgot)
{
	struct spool_job is = kept(17, "resources-are-not-ready");

	ck_assert_ptr_nonnull(unsure(17));
	worker_say(watch(), &is, sizeof(is), false);
	if (_i > 0) {
		struct ledger_key key = key_of(17);
		struct ledger_job row;

		ck_assert_int_eq(ledger_get(host->ledger, &key, &row), 0);
		job_drop(job_find(host, &key));
		ck_assert_int_eq(job_adopt(host, &row), 0);
	}
	say_head(SPOOL_UP, sizeof(struct spool_text));
	say_job(17, HELD);
	ck_assert_int_eq(cancel_count, 1);
}
END_TEST

/* Somebody had held it, and let it go on: cupsd goes back to the hold, and it may be on paper. */
START_TEST(test_a_hold_that_was_over)
{
	struct spool_job held = kept(17, "job-hold-until-specified"), goes_on = held;

	ck_assert_ptr_nonnull(unsure(17));
	goes_on.state = 5;
	worker_say(watch(), &goes_on, sizeof(goes_on), false);
	worker_say(watch(), &held, sizeof(held), false);
	ck_assert_int_eq(cancel_count, 0);
	worker_say(watch(), &goes_on, sizeof(goes_on), false);
	say_head(SPOOL_UP, sizeof(struct spool_text));
	worker_say(watch(), &held, sizeof(held), false);
	ck_assert_int_eq(cancel_count, 1);
}
END_TEST

/* One that has begun was released, by whomever it is held now; another is the rest of an attempt.
 */
START_TEST(test_a_ledger_built_anew_of_held_jobs)
{
	struct spool_job is = spooler_has(17, HELD);
	struct ledger_key rest = key_of(18);

	host->rebuilding = true;
	is.released = true;
	is.began = _i == 0;
	worker_say(watch(), &is, sizeof(is), false);
	say_head(SPOOL_UP, sizeof(struct spool_text));
	worker_say(watch(), &is, sizeof(is), false);
	say_job(18, HELD);
	ck_assert_uint_eq(ledger_state(17), LEDGER_RELEASE);
	ck_assert_int_eq(ledger_get(host->ledger, &rest, &(struct ledger_job){0}), -ENOENT);
	ck_assert_int_eq(cancel_count, 1);
	ck_assert_uint_eq(cancels[0].host_job, 18);
}
END_TEST

/* Of which cupsd may have forgotten that the hold was over: the same loss of power may be why. */
START_TEST(test_a_damaged_ledger_and_a_held_job)
{
	struct spool_job is = spooler_has(17, HELD);

	host->rebuilding = true;
	ck_assert_int_eq(ledger_note_put(host->ledger, LEDGER_DAMAGED, time(NULL)), 0);
	is.released = true;
	worker_say(watch(), &is, sizeof(is), false);
	ck_assert_int_eq(cancel_count, 1);
	ck_assert_uint_eq(ledger_state(17), LEDGER_RELEASE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job-held");
	TCase *tc = tcase_create("job-held");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_held_job_that_cannot_be_cancelled);
	tcase_add_test(tc, test_a_held_job_that_is_cancelled);
	tcase_add_loop_test(tc, test_a_job_that_the_spooler_holds, 0, 4);
	tcase_add_loop_test(tc, test_a_job_that_the_spooler_held_and_forgot, 0, 2);
	tcase_add_test(tc, test_a_hold_that_was_over);
	tcase_add_loop_test(tc, test_a_ledger_built_anew_of_held_jobs, 0, 2);
	tcase_add_test(tc, test_a_damaged_ledger_and_a_held_job);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
