/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of platenctl: columns line up for every kind of character, and nothing that a cell holds
 * reaches the terminal as a control sequence.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "host/ctl/table.h"
#include "proto/base/cleanup.h"

/* Columns that a text takes. */
static const struct {
	const char *text;
	int width;
} widths[] = {
	{"", 0},
	{"abc", 3},
	/* Two bytes, one column; composed and with a combining mark. */
	{"Büro", 4},
	{"Bu\xcc\x88ro", 4},
	/* Wide ones take two. */
	{"漢字", 4},
	{"プリンタ", 8},
	/* Bytes that are no UTF-8 count one each, and end nothing. */
	{"a\xff"
	 "b",
		3},
	{"a\xe6\xbc", 2},
};

START_TEST(test_width)
{
	ck_assert_int_eq(text_width(widths[_i].text), widths[_i].width);
}
END_TEST

/* Without UTF-8 in the locale the bytes that begin a character are counted. */
START_TEST(test_width_plain_locale)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
	ck_assert_int_eq(text_width("B\xc3\xbcro"), 4);
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
}
END_TEST

static char *printed(struct table *table, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(table_print(table, out, colour), 0);
	ck_assert_int_eq(fclose(out), 0);
	(void)table_free(table);
	return text;
}

static const char *const heads[] = {"NAME", "STATE", "NOTE", NULL};

/* The columns of every row begin at the same place; no line ends in blanks. */
START_TEST(test_aligned)
{
	struct table *table = table_new(heads);
	_cleanup_free_ char *text = NULL;

	table_cell(table, TONE_PLAIN, "Büro_漢");
	table_cell(table, TONE_GOOD, "idle");
	table_cell(table, TONE_PLAIN, NULL);
	table_cell(table, TONE_PLAIN, "p");
	table_cell_printf(table, TONE_PLAIN, "%d jobs", 12);
	table_cell(table, TONE_PLAIN, "out of paper");
	table_note(table, "load paper");
	table_note(table, NULL);
	ck_assert_uint_eq(table_rows(table), 2);
	text = printed(table, false);
	ck_assert_str_eq(text, "NAME     STATE    NOTE\n"
			       "Büro_漢  idle     -\n"
			       "p        12 jobs  out of paper\n"
			       "    load paper\n");
}
END_TEST

/* Colour stands around the text, so that the padding is the same; plain cells have none. */
START_TEST(test_colour)
{
	struct table *table = table_new(heads);
	_cleanup_free_ char *text = NULL;

	table_cell(table, TONE_PLAIN, "a");
	table_cell(table, TONE_BAD, "down");
	table_cell(table, TONE_PLAIN, "x");
	text = printed(table, true);
	ck_assert_str_eq(text, "\033[1mNAME\033[0m  \033[1mSTATE\033[0m  \033[1mNOTE\033[0m\n"
			       "a     \033[31mdown\033[0m   x\n");
}
END_TEST

/* What a hostile name holds, and what may be left of it. */
static const struct {
	const char *text, *shown;
} hostile[] = {
	{"\033[2Jowned", "\\x1b[2Jowned"}, /* clears the screen */
	{"a\nb", "a\\x0ab"},		   /* adds a row */
	{"a\tb", "a\\x09b"},		   /* shifts columns */
	{"\xc2\x9b"
	 "31m",
		"\\xc2\\x9b31m"}, /* C1: an escape in one character */
	{"\xe2\x80\xae"
	 "gpj.exe",
		"\\xe2\\x80\\xaegpj.exe"}, /* turns the reading direction */
	{"\xff\xfe", "\\xff\\xfe"},	   /* no UTF-8 */
	{"C:\\x", "C:\\x5cx"},		   /* would look like an escape */
	{"\x7f", "\\x7f"},
};

START_TEST(test_escaped)
{
	struct table *table = table_new((const char *const[]){"X", NULL});
	_cleanup_free_ char *text = NULL, *want = NULL;

	table_cell(table, TONE_PLAIN, hostile[_i].text);
	table_note(table, hostile[_i].text);
	text = printed(table, false);
	ck_assert_int_ge(
		asprintf(&want, "X\n%s\n    %s\n", hostile[_i].shown, hostile[_i].shown), 0);
	ck_assert_str_eq(text, want);
}
END_TEST

/* No row, no head; a table that could not be made is an error and no crash. */
START_TEST(test_nothing)
{
	_cleanup_free_ char *text = printed(table_new(heads), true);

	ck_assert_str_eq(text, "");
	table_cell(NULL, TONE_PLAIN, "a");
	table_note(NULL, "a");
	ck_assert_uint_eq(table_rows(NULL), 0);
	ck_assert_int_eq(table_print(NULL, stdout, false), -ENOMEM);
	ck_assert_ptr_null(table_free(NULL));
}
END_TEST

/* A text of 16 KiB in a cell, and a thousand rows: nothing is cut. */
START_TEST(test_large)
{
	struct table *table = table_new((const char *const[]){"A", "B", NULL});
	_cleanup_free_ char *text = NULL, *large = malloc(16385);

	ck_assert_ptr_nonnull(large);
	memset(large, 'x', 16384);
	large[16384] = '\0';
	for (int i = 0; i < 1000; i++) {
		table_cell_printf(table, TONE_PLAIN, "%d", i);
		table_cell(table, TONE_PLAIN, i == 999 ? large : "b");
	}
	text = printed(table, false);
	ck_assert_ptr_nonnull(strstr(text, "\n998  b\n999  xxx"));
	ck_assert_uint_eq(strlen(strrchr(text, ' ') + 1), 16385);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");
	SRunner *runner;
	int failed;

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_loop_test(tc, test_width, 0, sizeof(widths) / sizeof(widths[0]));
	tcase_add_test(tc, test_width_plain_locale);
	tcase_add_test(tc, test_aligned);
	tcase_add_test(tc, test_colour);
	tcase_add_loop_test(tc, test_escaped, 0, sizeof(hostile) / sizeof(hostile[0]));
	tcase_add_test(tc, test_nothing);
	tcase_add_test(tc, test_large);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
