/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as a person writes them for platen-ask, and the one that is called tonight.
 */
#include <check.h>

#include "guest/ask/ask.h"

static const struct {
	const char *word;
	uint32_t seconds; /* 0: no time */
} rows[] = {
	{"1h", 3600},
	{"4h", 14400},
	{"90m", 5400},
	{"90", 5400},
	{"30s", 30},
	{"1d", 86400},
	{"30d", RESTART_SEC_MAX},
	{"31d", 0},
	{"0", 0},
	{"-1h", 0},
	{"", 0},
	{"h", 0},
	{"1w", 0},
	{"1hh", 0},
	{" 1h", 0},
	{"99999999999999999999h", 0},
	{"default", 0},
};

START_TEST(test_times)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(ask_parse_time(rows[i].word) == rows[i].seconds, "\"%s\": %u",
			rows[i].word, ask_parse_time(rows[i].word));
}
END_TEST

/* At least half an hour away, and no further than tomorrow's. */
START_TEST(test_tonight)
{
	ck_assert_uint_ge(ask_tonight(), 1799);
	ck_assert_uint_le(ask_tonight(), 25 * 3600 + 1800);
	ck_assert_uint_ge(ask_parse_time("tonight"), 1799);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ask");
	TCase *tc = tcase_create("ask");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_times);
	tcase_add_test(tc, test_tonight);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
