/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's word means for the job here: a row per phase and per refusal. None may drop a job
 * that was not printed, and none may stop the queue.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/outcome.h"

#define NO_EXIT ((enum backend_exit)99)

static const struct {
	uint32_t phase, refusal, final;
	bool cancelled;
	enum outcome_kind kind;
	enum backend_exit exit;
} rows[] = {
	/* It goes on. */
	{JOB_PHASE_TRANSFER, 0, 0, false, OUTCOME_ON, NO_EXIT},
	{JOB_PHASE_PENDING, 0, 0, false, OUTCOME_ON, NO_EXIT},
	{JOB_PHASE_PROCESSING, 0, 0, false, OUTCOME_ON, NO_EXIT},
	{JOB_PHASE_STOPPED, 0, 0, false, OUTCOME_ON, NO_EXIT},
	{JOB_PHASE_PROCESSING, 0, 0, true, OUTCOME_ON, NO_EXIT},
	/* It has ended. A pool's job ends here when the host has accepted it. */
	{JOB_PHASE_COMPLETED, 0, 1, false, OUTCOME_END, BACKEND_EXIT_OK},
	{JOB_PHASE_PENDING, 0, 1, false, OUTCOME_END, BACKEND_EXIT_OK},
	{JOB_PHASE_PROCESSING, 0, 1, false, OUTCOME_END, BACKEND_EXIT_OK},
	{JOB_PHASE_CANCELED, 0, 1, false, OUTCOME_END, BACKEND_EXIT_CANCEL},
	{JOB_PHASE_ABORTED, 0, 1, false, OUTCOME_END, BACKEND_EXIT_HOLD},
	{JOB_PHASE_ASK, 0, 1, false, OUTCOME_END, BACKEND_EXIT_HOLD},
	{JOB_PHASE_COMPLETED, 0, 1, true, OUTCOME_END, BACKEND_EXIT_OK},
	{JOB_PHASE_CANCELED, 0, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
	/* It was never taken: later, or never. */
	{JOB_PHASE_REFUSED, REFUSAL_PRINTER_GONE, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_NOT_ACCEPTING, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_SPOOLER_DOWN, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_NO_SPACE, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_QUOTA, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_FAILED, 1, false, OUTCOME_LATER, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_MISMATCH, 1, false, OUTCOME_ANEW, NO_EXIT},
	{JOB_PHASE_REFUSED, REFUSAL_FORMAT, 1, false, OUTCOME_END, BACKEND_EXIT_HOLD},
	{JOB_PHASE_REFUSED, REFUSAL_POLICY, 1, false, OUTCOME_END, BACKEND_EXIT_HOLD},
	{JOB_PHASE_REFUSED, REFUSAL_EMPTY, 1, false, OUTCOME_END, BACKEND_EXIT_CANCEL},
	/* What was cancelled meanwhile is not tried again. */
	{JOB_PHASE_REFUSED, REFUSAL_NOT_ACCEPTING, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
	{JOB_PHASE_REFUSED, REFUSAL_FAILED, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
	{JOB_PHASE_REFUSED, REFUSAL_MISMATCH, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
	{JOB_PHASE_REFUSED, REFUSAL_EMPTY, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
	{JOB_PHASE_REFUSED, REFUSAL_POLICY, 1, true, OUTCOME_END, BACKEND_EXIT_CANCEL},
};

static struct outcome outcome(int i, const char *text)
{
	struct message_job_state s = {
		.phase = rows[i].phase, .refusal = rows[i].refusal, .final = rows[i].final};

	(void)strcpy(s.text, text);
	return outcome_of(&s, rows[i].cancelled);
}

START_TEST(test_rows)
{
	struct outcome o = outcome(_i, "");

	ck_assert_int_eq(o.kind, rows[_i].kind);
	ck_assert_ptr_nonnull(o.text);
	if (o.kind == OUTCOME_END)
		ck_assert_int_eq(o.exit, rows[_i].exit);
	/* Whoever finds the job waiting or held reads why. */
	if (o.kind == OUTCOME_LATER || o.kind == OUTCOME_ANEW ||
		(o.kind == OUTCOME_END && o.exit == BACKEND_EXIT_HOLD))
		ck_assert_ptr_ne(o.text, "");
}
END_TEST

/* Every phase and refusal there is has a row. */
START_TEST(test_all)
{
	bool phases[JOB_PHASE_COUNT] = {false}, refusals[REFUSAL_COUNT] = {false};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		phases[rows[i].phase] = refusals[rows[i].refusal] = true;
	for (int i = 1; i < JOB_PHASE_COUNT; i++)
		ck_assert_msg(phases[i], "phase %d", i);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		ck_assert_msg(refusals[i], "refusal %d", i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tc = tcase_create("outcome");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_rows, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_all);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
