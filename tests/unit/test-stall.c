/* SPDX-License-Identifier: Apache-2.0 */
/* A document that does not come: its time is handed in. */
#include <check.h>
#include <errno.h>

#include "host/spool/stall.h"

/* One that begins has its time, whatever it is before. */
START_TEST(test_begins)
{
	struct stall stall = {0};

	ck_assert_int_eq(stall_look(&stall, 5000, 0), STALL_MSEC);
	ck_assert_int_eq(stall_look(&stall, 6000, 0), STALL_MSEC - 1000);
	ck_assert_int_eq(stall_look(&stall, 5000 + STALL_MSEC - 1, 0), 1);
	ck_assert_int_eq(stall_look(&stall, 5000 + STALL_MSEC, 0), -ETIMEDOUT);
}
END_TEST

/* A byte a second is as good as none; a frame in all that time is enough, for as long again. */
START_TEST(test_goes_on)
{
	struct stall slow = {0}, good = {0};
	uint64_t now = 1;

	(void)stall_look(&slow, now, 100);
	(void)stall_look(&good, now, 100);
	for (int i = 1; i < 300; i++)
		ck_assert_int_gt(stall_look(&slow, now + (uint64_t)i * 1000, 100 + (uint64_t)i), 0);
	ck_assert_int_eq(stall_look(&slow, now + STALL_MSEC, 100 + 300), -ETIMEDOUT);
	for (int i = 1; i < 10; i++) {
		now += STALL_MSEC;
		ck_assert_int_eq(
			stall_look(&good, now, 100 + (uint64_t)i * STALL_BYTES), STALL_MSEC);
	}
	now += STALL_MSEC;
	ck_assert_int_eq(stall_look(&good, now, 100 + 10 * STALL_BYTES - 1), -ETIMEDOUT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stall");
	TCase *tc = tcase_create("stall");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_begins);
	tcase_add_test(tc, test_goes_on);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
