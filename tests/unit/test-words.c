/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated lists with quotes and backslashes, as cupsd reads the values of ATTR: lines. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "proto/base/words.h"

static const struct {
	const char *list;
	const char *words[4];
} lists[] = {
	/* Plain words; the empty list has none, an empty word counts only before a comma. */
	{"", {NULL}},
	{"a", {"a"}},
	{"a,b", {"a", "b"}},
	{"a,,b", {"a", "", "b"}},
	{",", {""}},
	/* Quotes hide commas and may open anywhere. */
	{"\"a,b\",c", {"a,b", "c"}},
	{"'a,b'c", {"a,bc"}},
	{"x\"a,b\"", {"xa,b"}},
	{"\"it's\"", {"it's"}},
	/* One that never closes ends with the list. */
	{"\"a,b", {"a,b"}},
	/* A backslash takes what follows as it is; the last one is itself. */
	{"a\\,b,c", {"a,b", "c"}},
	{"\\\"a\\\"", {"\"a\""}},
	{"a\\", {"a\\"}},
	{"\"80,-1\"", {"80,-1"}},
};

START_TEST(test_next)
{
	const char *list = lists[_i].list;
	char word[32];

	for (size_t i = 0; lists[_i].words[i]; i++) {
		ck_assert(words_next(&list, word, sizeof(word)));
		ck_assert_str_eq(word, lists[_i].words[i]);
	}
	ck_assert(!words_next(&list, word, sizeof(word)));
}
END_TEST

/* A word that does not fit is cut at a character's border, and the walk goes on behind it. */
START_TEST(test_cut)
{
	const char *list = "B\xc3\xbcro,b";
	char word[3];

	ck_assert(words_next(&list, word, sizeof(word)));
	ck_assert_str_eq(word, "B");
	ck_assert(words_next(&list, word, sizeof(word)));
	ck_assert_str_eq(word, "b");
}
END_TEST

START_TEST(test_have)
{
	ck_assert(words_have("a,b,c", "b"));
	ck_assert(!words_have("a,bb,c", "b"));
	ck_assert(!words_have("", ""));
}
END_TEST

/* The maximum, and the maximum and one. */
START_TEST(test_add)
{
	char list[6] = "";

	ck_assert_int_eq(words_add(list, sizeof(list), "ab"), 0);
	ck_assert_int_eq(words_add(list, sizeof(list), "cde"), -E2BIG);
	ck_assert_str_eq(list, "ab");
	ck_assert_int_eq(words_add(list, sizeof(list), "cd"), 0);
	ck_assert_str_eq(list, "ab,cd");
	ck_assert_int_eq(words_add(list, sizeof(list), ""), -E2BIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("words");
	TCase *tc = tcase_create("words");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_next, 0, sizeof(lists) / sizeof(lists[0]));
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_have);
	tcase_add_test(tc, test_add);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
