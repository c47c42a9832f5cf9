/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from elsewhere: each predicate against a table, and each copy at every size, where it must
 * stay within its array, end, leave zeros behind, and cut no character in two.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define X10	    "xxxxxxxxxx"
#define X120	    X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* An end within the array, and nothing behind it. */
/* Every place of a byte that is not zero, at lengths around those that the C library takes at once;
 * one behind the end does not count. */
START_TEST(test_zero)
{
	static char bytes[130];

	ck_assert(text_is_zero("x", 0));
	for (size_t size = 0; size < sizeof(bytes); size++) {
		ck_assert(text_is_zero(bytes, size));
		for (size_t at = 0; at < sizeof(bytes); at++) {
			bytes[at] = (char)(at % 2 ? 1 : 0x80);
			ck_assert(text_is_zero(bytes, size) == (at >= size));
			bytes[at] = 0;
		}
	}
}
END_TEST

START_TEST(test_terminated)
{
	static const struct {
		const char *bytes;
		size_t size;
		bool ok;
	} rows[] = {
		{"", 1, true},
		{"a", 2, true},
		{"a", 1, false},
		{"", 0, false},
		{"a\0\0\0", 4, true},
		{"a\0b\0", 4, false},
		{"\0\0\0b", 4, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(
			text_terminated(rows[i].bytes, rows[i].size) == rows[i].ok, "row %zu", i);
}
END_TEST

/* UTF-8: every two-byte beginning, and the edges of the longer ones (RFC 3629 4). */
START_TEST(test_utf8)
{
	static const struct {
		const char *text;
		size_t len;
		bool ok;
	} rows[] = {
		{"", 0, true},
		{"plain", 5, true},
		{"\0", 1, false},
		{"a\0b", 3, false},
		{"\x7F", 1, true},
		{"\xE0\xA0\x80", 3, true}, /* U+0800, the least of three */
		{"\xE0\x9F\xBF", 3, false},
		{"\xED\x9F\xBF", 3, true},     /* U+D7FF */
		{"\xED\xA0\x80", 3, false},    /* U+D800 */
		{"\xED\xBF\xBF", 3, false},    /* U+DFFF */
		{"\xEE\x80\x80", 3, true},     /* U+E000 */
		{"\xEF\xBF\xBF", 3, true},     /* U+FFFF */
		{"\xF0\x90\x80\x80", 4, true}, /* U+10000 */
		{"\xF0\x8F\xBF\xBF", 4, false},
		{"\xF4\x8F\xBF\xBF", 4, true}, /* U+10FFFF */
		{"\xF4\x90\x80\x80", 4, false},
		{"\xF5\x80\x80\x80", 4, false},
		{"\xE2\x82\xAC", 3, true},
		{"\xE2\x82\xAC", 2, false}, /* cut */
		{"\xE2\x82\xAC", 1, false},
		{"\xE2(\xAC", 3, false},
		{"\xE2\x82(", 3, false},
		{"\xF0\x9F\x96\xA8", 3, false},
		{"\xF0\x9F\x96\xA8", 4, true},
		{"a\x80", 2, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(text_is_utf8(rows[i].text, rows[i].len) == rows[i].ok, "row %zu", i);
	for (unsigned int a = 0x80; a < 0x100; a++) {
		for (unsigned int b = 1; b < 0x100; b++) {
			char two[2] = {(char)a, (char)b};

			ck_assert_msg(text_is_utf8(two, 2) ==
					      (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF),
				"%02x %02x", a, b);
		}
	}
}
END_TEST

/* What each kind of text may be. */
static const struct {
	const char *text;
	bool line, keyword, queue, mime, user;
} kinds[] = {
	/* Nothing is a line and else nothing. */
	{"", true, false, false, false, false},
	{"a", true, true, true, false, true},
	{"A1._-", true, true, true, false, true},
	/* Names may not begin like an option or a hidden file, users only like a name. */
	{"-a", true, true, false, false, false},
	{".a", true, true, false, false, false},
	{"_a", true, true, true, false, true},
	{"9a", true, true, true, false, true},
	{"@a", true, false, true, false, false},
	/* Spaces: within a user's name, nowhere else but in a line. */
	{"a b", true, false, false, false, true},
	{"a ", true, false, false, false, false},
	{" a", true, false, false, false, false},
	/* What a shell, a URI or a page would take for its own. */
	{"a/b", true, false, false, true, false},
	{"a#b", true, false, false, false, false},
	{"a?b", true, false, false, false, false},
	{"a\\b", true, false, false, false, false},
	{"a\"b", true, false, false, false, false},
	{"a'b", true, false, false, false, false},
	{"a<b", true, false, false, false, false},
	{"a>b", true, false, false, false, false},
	{"a&b", true, false, false, false, false},
	{"a;b", true, false, true, false, false},
	{"a$b", true, false, true, false, false},
	{"DOM\\user", true, false, false, false, false},
	{"user@example.org", true, false, true, false, true},
	{"a+b", true, false, true, false, true},
	/* Other alphabets: in names of queues. */
	{"B\xC3\xBCro", true, false, true, false, false},
	{"\xE5\x8D\xB0\xE5\x88\xB7", true, false, true, false, false},
	/* Media types. */
	{"application/pdf", true, false, false, true, false},
	{"application/vnd.cups-raw", true, false, false, true, false},
	{"image/svg+xml", true, false, false, true, false},
	{"text/plain;charset=utf-8", true, false, false, false, false},
	{"text", true, true, true, false, true},
	{"text/", true, false, false, false, false},
	{"/plain", true, false, false, false, false},
	{"a/b/c", true, false, false, false, false},
	{"-a/b", true, false, false, false, false},
	{"a/.b", true, false, false, false, false},
	{"*/*", true, false, false, false, false},
	/* What no line may have. */
	{"a\tb", false, false, false, false, false},
	{"a\nb", false, false, false, false, false},
	{"a\x1B[0m", false, false, false, false, false},
	{"a\x7F", false, false, false, false, false},
	{"a\xC2\x80", false, false, false, false, false},
	{"a\xC2\x9F", false, false, false, false, false},
	{"a\xC2\xA0", true, false, true, false, false},	   /* U+00A0 is no control */
	{"\xE2\x80\xA7", true, false, true, false, false}, /* U+2027 */
	{"\xE2\x80\xA8", false, false, false, false, false},
	{"\xE2\x80\xA9", false, false, false, false, false},
	{"\xE2\x80\xAA", false, false, false, false, false},
	{"\xE2\x80\xAE", false, false, false, false, false},
	{"\xE2\x80\xAF", true, false, true, false, false}, /* U+202F */
	{"\xE2\x81\xA5", true, false, true, false, false}, /* U+2065 */
	{"\xE2\x81\xA6", false, false, false, false, false},
	{"\xE2\x81\xA9", false, false, false, false, false},
	{"\xE2\x81\xAA", true, false, true, false, false}, /* U+206A */
	{"\xFE", false, false, false, false, false},
};

START_TEST(test_kinds)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const char *s = kinds[i].text;

		ck_assert_msg(text_is_line(s) == kinds[i].line, "line: row %zu %s", i, s);
		ck_assert_msg(text_is_keyword(s) == kinds[i].keyword, "keyword: row %zu %s", i, s);
		ck_assert_msg(text_is_queue(s) == kinds[i].queue, "queue: row %zu %s", i, s);
		ck_assert_msg(text_is_mime(s) == kinds[i].mime, "mime: row %zu %s", i, s);
		ck_assert_msg(text_is_user(s) == kinds[i].user, "user: row %zu %s", i, s);
	}
}
END_TEST

/* Each at its greatest length, and one more. */
START_TEST(test_lengths)
{
	ck_assert(text_is_keyword(X120 "1234567") && !text_is_keyword(X120 "12345678"));
	ck_assert(text_is_queue(X120 "1234567") && !text_is_queue(X120 "12345678"));
	ck_assert(text_is_mime(X120 "12/4567") && !text_is_mime(X120 "12/45678"));
	ck_assert(text_is_user(X10 X10 X10 X10 X10 X10 "123"));
	ck_assert(!text_is_user(X10 X10 X10 X10 X10 X10 "1234"));
}
END_TEST

/* Escaped text is one line, says what was there, and marks a cut. */
START_TEST(test_escape)
{
	static const struct {
		const char *text, *escaped;
	} rows[] = {
		{"plain", "plain"},
		{"B\xC3\xBCro", "B\xC3\xBCro"},
		{"a\nb", "a\\x0ab"},
		{"\x1B[31m", "\\x1b[31m"},
		{"back\\slash", "back\\x5cslash"},
		{"\xFF", "\\xff"},
		{"\xE2\x80\xAE", "\\xe2\\x80\\xae"},
		{"\xE2\x82", "\\xe2\\x82"},
		{"\xC2\x85", "\\xc2\\x85"},
	};
	char buf[64];

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_str_eq(text_escape(rows[i].text, buf, sizeof(buf)), rows[i].escaped);
	ck_assert_str_eq(text_escape("abcdefgh", buf, 8), "abcd...");
	ck_assert_str_eq(text_escape("abcde", buf, 9), "abcde");
	ck_assert_str_eq(text_escape("\n\n\n", buf, 8), "\\x0a...");
	ck_assert_str_eq(text_escape("abc", buf, 3), "");
}
END_TEST

static const char *const texts[] = {
	"",
	"plain and somewhat longer",
	"B\xC3\xBCro \xE2\x82\xAC\xE2\x82\xAC \xF0\x9F\x96\xA8\xF0\x9F\x96\xA8 end",
	"\xF0\x9F\x96\xA8\xF0\x9F\x96\xA8\xF0\x9F\x96\xA8",
	"\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC",
	"two\nlines \x1B[0m \xC2\x85 \xE2\x80\xAE.",
	"no utf-8 \xFF\xFE \x80\x80\x80\x80\x80 \xE2\x82",
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80",
	"   ",
};

/* Every text at every size. */
START_TEST(test_copies)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = strlen(texts[i]);
		bool good = text_is_utf8(texts[i], len);

		for (size_t size = 1; size < len + 40; size++) {
			char *buf = malloc(size);

			memset(buf, 'Z', size);
			ck_assert_int_eq(text_copy(buf, size, texts[i]), len < size ? 0 : -E2BIG);
			ck_assert(text_terminated(buf, size));
			ck_assert(strncmp(buf, texts[i], strlen(buf)) == 0);
			ck_assert(!good || text_is_utf8(buf, strlen(buf)));
			ck_assert(!good || len < size || strlen(buf) + 4 >= size);

			memset(buf, 'Z', size);
			ck_assert_int_eq(
				text_printf(buf, size, "%s", texts[i]), len < size ? 0 : -E2BIG);
			ck_assert(text_terminated(buf, size));
			ck_assert(!good || text_is_utf8(buf, strlen(buf)));

			memset(buf, 'Z', size);
			text_copy_line(buf, size, texts[i]);
			ck_assert(text_terminated(buf, size));
			ck_assert_msg(text_is_line(buf), "text %zu at %zu", i, size);

			memset(buf, 'Z', size);
			(void)text_escape(texts[i], buf, size);
			ck_assert_uint_lt(strnlen(buf, size), size);
			ck_assert_msg(text_is_line(buf), "text %zu at %zu", i, size);
			free(buf);
		}
	}
}
END_TEST

/* A line made of other text has spaces where something was, and none at its end. */
START_TEST(test_copy_line)
{
	char buf[32];

	text_copy_line(buf, sizeof(buf), "two\nlines\r\n");
	ck_assert_str_eq(buf, "two lines");
	text_copy_line(buf, sizeof(buf),
		"a\xFF"
		"b");
	ck_assert_str_eq(buf, "a b");
	text_copy_line(buf, sizeof(buf), "\n\n");
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(text_printf(buf, 8, "%d-%s", 12, "abcdefgh"), -E2BIG);
	ck_assert_str_eq(buf, "12-abcd");
}
END_TEST

START_TEST(test_hex)
{
	static const uint8_t bytes[] = {0x00, 0x09, 0xa0, 0xff};
	char hex[2 * sizeof(bytes) + 1];
	uint8_t back[sizeof(bytes)];

	text_hex(bytes, sizeof(bytes), hex);
	ck_assert_str_eq(hex, "0009a0ff");
	ck_assert(text_unhex(hex, back, sizeof(back)));
	ck_assert_mem_eq(back, bytes, sizeof(bytes));
	ck_assert(text_unhex("0009a0ff.ppd", back, sizeof(back)));
	ck_assert(!text_unhex("0009a0f", back, sizeof(back)));
	ck_assert(!text_unhex("0009A0FF", back, sizeof(back)));
	ck_assert(!text_unhex(" 09a0ffff", back, sizeof(back)));
	ck_assert(!text_unhex("0x09a0ff", back, sizeof(back)));
	ck_assert(!text_unhex("", back, sizeof(back)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tc = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_zero);
	tcase_add_test(tc, test_terminated);
	tcase_add_test(tc, test_utf8);
	tcase_add_test(tc, test_kinds);
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_escape);
	tcase_add_test(tc, test_copies);
	tcase_add_test(tc, test_copy_line);
	tcase_add_test(tc, test_hex);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
