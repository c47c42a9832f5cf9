/* SPDX-License-Identifier: Apache-2.0 */
/* A rate with a burst, on a clock that is handed in. */
#include <check.h>
#include <stdint.h>

#include "proto/base/bucket.h"

#define SECOND 1000000ULL

START_TEST(test_burst_then_rate)
{
	struct bucket b;
	uint64_t now = 5 * SECOND;
	int taken = 0;

	bucket_init(&b, 60, 10); /* one a second */
	while (bucket_take(&b, now, 1))
		taken++;
	ck_assert_int_eq(taken, 10);
	ck_assert_uint_eq(bucket_wait(&b, now, 1), SECOND);
	ck_assert(!bucket_take(&b, now + SECOND - 1, 1));
	ck_assert(bucket_take(&b, now + SECOND, 1));
	ck_assert(!bucket_take(&b, now + SECOND, 1));
	for (taken = 0; taken < 1000; taken++) /* never more than the rate */
		ck_assert_int_eq(bucket_take(&b, now + SECOND + (uint64_t)taken * SECOND / 10, 1),
			taken && taken % 10 == 0);
}
END_TEST

START_TEST(test_rest_gives_the_burst_back_and_no_more)
{
	struct bucket b;
	uint64_t now = 1;
	int taken = 0;

	bucket_init(&b, 600, 5);
	while (bucket_take(&b, now, 1))
		;
	now += 3600 * SECOND;
	while (bucket_take(&b, now, 1))
		taken++;
	ck_assert_int_eq(taken, 5);
}
END_TEST

START_TEST(test_charge_makes_wait)
{
	struct bucket b;

	bucket_init(&b, 60, 10);
	bucket_charge(&b, 0, 30); /* 20 too many */
	ck_assert_uint_eq(bucket_wait(&b, 0, 1), 21 * SECOND);
	ck_assert_uint_eq(bucket_wait(&b, 20 * SECOND, 0), 0);
	ck_assert(!bucket_take(&b, 20 * SECOND, 1));
	ck_assert(bucket_take(&b, 21 * SECOND, 1));
}
END_TEST

START_TEST(test_no_limit)
{
	struct bucket b;

	bucket_init(&b, 0, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert(bucket_take(&b, 0, UINT64_MAX));
	ck_assert_uint_eq(bucket_wait(&b, 0, UINT64_MAX), 0);
}
END_TEST

START_TEST(test_large_numbers)
{
	struct bucket b;

	bucket_init(&b, 60ULL << 40, 1ULL << 50); /* TiB a second */
	ck_assert(bucket_take(&b, 0, 1ULL << 50));
	ck_assert_uint_eq(bucket_wait(&b, 0, 1ULL << 40), SECOND);
	ck_assert_uint_eq(bucket_wait(&b, 0, UINT64_MAX), 1024 * SECOND); /* the burst is all */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tc = tcase_create("bucket");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_burst_then_rate);
	tcase_add_test(tc, test_rest_gives_the_burst_back_and_no_more);
	tcase_add_test(tc, test_charge_makes_wait);
	tcase_add_test(tc, test_no_limit);
	tcase_add_test(tc, test_large_numbers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
