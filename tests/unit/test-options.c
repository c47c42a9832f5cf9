/* SPDX-License-Identifier: Apache-2.0 */
/* Packed option lists: added, walked, found, and never read beyond their size. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"

/* Pairs come out as they went in, in order; the first of a name is found. */
START_TEST(test_add_and_walk)
{
	static const char *const pairs[][2] = {
		{"sides", "two-sided-long-edge"},
		{"media", "iso_a4_210x297mm"},
		{"empty", ""},
		{"sides", "one-sided"},
	};
	char options[JOB_OPTIONS_BYTES] = {0};
	const char *name, *value;
	uint32_t size = 0, pos = 0;

	ck_assert_ptr_null(options_get(options, size, "sides"));
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(
			options_add(options, sizeof(options), &size, pairs[i][0], pairs[i][1]), 0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(options_next(options, size, &pos, &name, &value));
		ck_assert_str_eq(name, pairs[i][0]);
		ck_assert_str_eq(value, pairs[i][1]);
	}
	ck_assert(!options_next(options, size, &pos, &name, &value));
	ck_assert_uint_eq(pos, size);
	ck_assert_str_eq(options_get(options, size, "sides"), "two-sided-long-edge");
	ck_assert_str_eq(options_get(options, size, "empty"), "");
	ck_assert_ptr_null(options_get(options, size, "side"));
	ck_assert_ptr_null(options_get(options, size, "one-sided"));
}
END_TEST

/* To the last byte and not beyond; what does not fit leaves the list as it was. */
START_TEST(test_full)
{
	char options[12];
	uint32_t size = 0;

	ck_assert_int_eq(options_add(options, sizeof(options), &size, "abc", "def"), 0);
	ck_assert_uint_eq(size, 8);
	ck_assert_int_eq(options_add(options, sizeof(options), &size, "a", "bc"), -E2BIG);
	ck_assert_uint_eq(size, 8);
	ck_assert_int_eq(options_add(options, sizeof(options), &size, "a", "b"), 0);
	ck_assert_uint_eq(size, 12);
	ck_assert_int_eq(options_add(options, sizeof(options), &size, "", ""), -E2BIG);
	size = 13; /* a size that cannot be */
	ck_assert_int_eq(options_add(options, sizeof(options), &size, "", ""), -E2BIG);
}
END_TEST

/* Lists that end anywhere: the walk ends at the last whole pair. */
START_TEST(test_cut)
{
	static const char packed[] = "ab\0cd\0ef\0gh";

	for (size_t size = 0; size <= sizeof(packed); size++) {
		char *copy = malloc(size ? size : 1);
		const char *name, *value;
		uint32_t pos = 0;
		unsigned int pairs = 0;

		memcpy(copy, packed, size);
		while (options_next(copy, (uint32_t)size, &pos, &name, &value))
			pairs++;
		ck_assert_uint_eq(pairs, size / 6);
		(void)options_get(copy, (uint32_t)size, "ef");
		free(copy);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_add_and_walk);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_cut);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
