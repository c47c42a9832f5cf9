/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's idle workers: who goes, who stays, and when the timer runs. */
#include <check.h>

#include "host/spares.h"

#define KEEP 2

static struct spares spares;

static void setup(void)
{
	spares = (struct spares){.keep = KEEP};
}

/* At rest there is nothing to wake up for. */
START_TEST(test_no_timer_at_rest)
{
	for (uint32_t idle = 0; idle <= KEEP; idle++)
		ck_assert(!spares_changed(&spares, idle));
	ck_assert(spares_changed(&spares, KEEP + 1));
	ck_assert_uint_eq(spares_passed(&spares, KEEP + 1), 1);
	ck_assert(!spares_changed(&spares, KEEP));
	ck_assert(!spares_changed(&spares, 0));
}
END_TEST

/* Eight worked at once and are idle now: all but those that are kept go, after one while. */
START_TEST(test_all_that_were_idle_go)
{
	ck_assert(!spares_changed(&spares, 0));
	ck_assert(!spares_changed(&spares, 2));
	ck_assert(spares_changed(&spares, 3));
	ck_assert(!spares_changed(&spares, 10)); /* the timer runs already */
	ck_assert_uint_eq(spares_passed(&spares, 10), 1);
	ck_assert(spares_changed(&spares, 9));
	ck_assert_uint_eq(spares_passed(&spares, 9), 7);
	ck_assert(!spares_changed(&spares, KEEP));
}
END_TEST

/* Each row is a load within one while, with ten workers: what is idle is what is not at work. */
static const struct {
	uint32_t idle[6], count, go;
} loads[] = {
	{{10, 9, 10, 9, 10}, 5, 7},  /* one job now and then */
	{{10, 0, 10}, 3, 0},	     /* all were needed at once */
	{{10, 3, 5, 10}, 4, 1},	     /* seven at once */
	{{10, 2, 10}, 3, 0},	     /* as many were left as are kept */
	{{10, 9, 8, 7, 6, 5}, 6, 3}, /* a load that grows, and goes on */
	{{10}, 1, 8},
};

START_TEST(test_those_that_were_needed_stay)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < loads[_i].count; i++) {
		last = loads[_i].idle[i];
		ck_assert(spares_changed(&spares, last) == (i == 0));
	}
	ck_assert_uint_eq(spares_passed(&spares, last), loads[_i].go);
	/* The next while begins anew, and forgets this one. */
	ck_assert(spares_changed(&spares, 10));
	ck_assert_uint_eq(spares_passed(&spares, 10), 8);
}
END_TEST

/* Some ended by themselves, and nobody told: never more go than there are beside those kept. */
START_TEST(test_fewer_than_thought)
{
	ck_assert(spares_changed(&spares, 10));
	ck_assert_uint_eq(spares_passed(&spares, 3), 1);
	ck_assert(spares_changed(&spares, 10));
	ck_assert_uint_eq(spares_passed(&spares, 0), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spares");
	TCase *tc = tcase_create("spares");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_no_timer_at_rest);
	tcase_add_test(tc, test_all_that_were_idle_go);
	tcase_add_loop_test(
		tc, test_those_that_were_needed_stay, 0, sizeof(loads) / sizeof(loads[0]));
	tcase_add_test(tc, test_fewer_than_thought);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
