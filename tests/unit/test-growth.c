/* SPDX-License-Identifier: Apache-2.0 */
/* How fast workers are started. The clock is handed in. */
#include <check.h>

#include "host/growth.h"

#define NOW 1000000000ULL

/* Few workspaces have what they ask for at once, and so have all where no worker comes back. */
START_TEST(test_at_once)
{
	struct growth growth = {.returned = NOW};

	for (int i = 0; i < 40; i++)
		ck_assert(growth_may(&growth, GROWTH_QUICK - 1, NOW));
	ck_assert(growth_may(&growth, 40, NOW + GROWTH_RETURN_USEC));
	ck_assert(growth_may(&growth, 40, NOW + GROWTH_RETURN_USEC));
}
END_TEST

/* A crowd whose workers come back has one more now and then. */
START_TEST(test_one_by_one)
{
	struct growth growth = {0};
	uint32_t started = 0;

	for (uint64_t now = NOW; now < NOW + 10 * GROWTH_STEP_USEC; now += 1000) {
		growth.returned = now;
		started += growth_may(&growth, GROWTH_QUICK, now);
	}
	ck_assert_uint_eq(started, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("growth");
	TCase *tc = tcase_create("growth");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_at_once);
	tcase_add_test(tc, test_one_by_one);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
