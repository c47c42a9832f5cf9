/* SPDX-License-Identifier: Apache-2.0 */
/* Which documents are commands for a printer, however they are cut up. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "host/spool/commands.h"

static const struct {
	const char *format;
	bool pages;
} formats[] = {
	{"application/pdf", true},
	{"application/PDF", true},
	{"application/postscript", true},
	{"application/octet-stream", true},
	{"image/png", true},
	{"image/urf", true},
	{"text/plain", true},
	{"application/vnd.cups-raw", false},
	{"application/vnd.cups-command", false},
	{"application/vnd.hp-pcl", false},
	{"application/vnd.hp-PCLXL", false},
	{"application/vnd.epson.escpr", false},
	{"application/pdfx", false},
	{"", false},
};

START_TEST(test_formats)
{
	ck_assert_int_eq(commands_format_is_pages(formats[_i].format), formats[_i].pages);
}
END_TEST

static const struct {
	const char *text;
	bool found;
} documents[] = {
	{"%PDF-1.7\n1 0 obj", false},
	{"%!PS-Adobe-3.0\nshowpage\n", false},
	{"\x04%!PS-Adobe-3.0\n", false},
	{"just text with ESC later \x1B[1m", false},
	{"\x1B"
	 "E\x1B&l1T",
		true},
	{"\x1B", true},
	{"\x1B%-12345X@PJL SET X=1", true},
	{"%!PS\nshowpage\n\x1B%-12345X@PJL RESET\n", true},
	{"%!PS \x1B%-12345", false},
	{"%!PS \x1B%-1234\x1B%-12345X", true},
	{"a\x1B%-12345x", false},
};

/* As one piece, in all pairs of pieces, and byte by byte. */
START_TEST(test_documents)
{
	const uint8_t *bytes = (const uint8_t *)documents[_i].text;
	size_t size = strlen(documents[_i].text);

	for (size_t cut = 0; cut <= size; cut++) {
		struct commands c = {0};
		bool found = commands_found(&c, bytes, cut);

		found = found || commands_found(&c, bytes + cut, size - cut);
		ck_assert_msg(found == documents[_i].found, "cut at %zu", cut);
	}
	for (size_t step = 1; step < 9; step++) {
		struct commands c = {0};
		bool found = false;

		for (size_t at = 0; at < size && !found; at += step)
			found = commands_found(&c, bytes + at, size - at < step ? size - at : step);
		ck_assert_msg(found == documents[_i].found, "in steps of %zu", step);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commands");
	TCase *tc = tcase_create("commands");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_formats, 0, sizeof(formats) / sizeof(formats[0]));
	tcase_add_loop_test(tc, test_documents, 0, sizeof(documents) / sizeof(documents[0]));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
