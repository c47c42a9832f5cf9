/* SPDX-License-Identifier: Apache-2.0 */
/* What comes through the cleaning of a driver, and what never does. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "drivers-fetch/ppd.h"
#include "proto/base/text.h"
#include "tests/unit/sample-ppd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ppd_report report;
static char *clean;
static size_t clean_size;

static int take_bytes(const void *bytes, size_t size)
{
	free(clean);
	clean = NULL;
	return ppd_clean(bytes, size, NULL, NULL, &report, &clean, &clean_size);
}

static int take(const char *text)
{
	return take_bytes(text, strlen(text));
}

static void teardown(void)
{
	free(clean);
	clean = NULL;
}

static bool has(const char *line)
{
	for (const char *at = clean; (at = strstr(at, line)) != NULL; at++)
		if (at == clean || at[-1] == '\n')
			return true;
	return false;
}

/* What a spooler would run or read begins a line so. */
static const char *const statements[] = {"*FoomaticRIP", "*foomatic", "*cupsFilter2",
	"*cupsPreFilter", "*cupsPortMonitor", "*cupsCommands", "*Include", "*JobPatchFile",
	"*APDialog", "*cupsICCProfile", "*APPrinter", "*JCLBegin", "*JCLEnd", "*JCLToPS",
	"*Password", "*ExitServer", "*Reset", "*?", "*SymbolValue"};

/* What would reach a shell or a printer stands nowhere. */
static const char *const words[] = {"/bin/sh", "PWNED", "@PJL", "setpagedevice", "1 staple",
	"/etc/passwd", "\x1B", "\r", "\x7F"};

static void look(void)
{
	ck_assert(text_is_utf8(clean, clean_size));
	ck_assert_uint_eq(strlen(clean), clean_size);
	for (size_t i = 0; i < COUNT(statements); i++)
		ck_assert_msg(!has(statements[i]), "%s came through:\n%s", statements[i], clean);
	for (size_t i = 0; i < COUNT(words); i++)
		ck_assert_msg(!strstr(clean, words[i]), "%s came through:\n%s", words[i], clean);
	ck_assert(has("*cupsFilter: \"*/* 0 -\"\n"));
	ck_assert_ptr_null(strstr(strstr(clean, "\n*cupsFilter") + 1, "\n*cupsFilter"));
}

START_TEST(test_a_vendors)
{
	static const char *const kept[] = {"*PPD-Adobe: \"4.3\"\n", "*LanguageEncoding: UTF-8\n",
		"*NickName: \"Acme Laser, 1.0\"\n", "*OpenUI *PageSize/Media Size: PickOne\n",
		"*OrderDependency: 10 AnySetup *PageSize\n", "*DefaultPageSize: A4\n",
		"*PageSize A4/A4: \"\"\n", "*PageSize Letter/US Letter: \"\"\n",
		"*de.PageSize A4/DIN A4: \"\"\n", "*CloseUI: *PageSize\n",
		"*ImageableArea A4: \"12 12 583 830\"\n", "*PaperDimension A4: \"595 842\"\n",
		"*OpenGroup: Finishing/Finishing Options\n", "*OpenUI *Staple/Staple: PickOne\n",
		"*DefaultStaple: None\n", "*Staple None/Off: \"\"\n",
		"*Staple UpperLeft/Upper Left: \"\"\n", "*CloseUI: *Staple\n",
		"*CloseGroup: Finishing\n", "*UIConstraints: *PageSize A4 *Staple UpperLeft\n"};

	ck_assert_int_eq(take(PPD_VENDOR), 0);
	look();
	for (size_t i = 0; i < COUNT(kept); i++)
		ck_assert_msg(has(kept[i]), "missing: %s%s", kept[i], clean);
	ck_assert_str_eq(report.model, "Acme Laser, 1.0");
	ck_assert_uint_eq(report.dropped, 0);
}
END_TEST

START_TEST(test_attacks)
{
	int r = take(sample_attacks[_i].text);

	ck_assert_msg(r == 0 || r == -EBADMSG, "%s", sample_attacks[_i].name);
	if (r == 0)
		look();
	else
		ck_assert_str_ne(report.why, "");
}
END_TEST

/* Cleaning again changes nothing. */
START_TEST(test_again)
{
	char *once;
	size_t size;

	if (take(sample_attacks[_i].text) < 0)
		return;
	once = clean;
	size = clean_size;
	clean = NULL;
	ck_assert_int_eq(take_bytes(once, size), 0);
	ck_assert_str_eq(clean, once);
	ck_assert_uint_eq(report.dropped, 0);
	free(once);
}
END_TEST

/* Cut off anywhere it is refused, or what is there is clean. */
START_TEST(test_cut)
{
	static const char text[] = PPD_VENDOR;

	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		int r = take_bytes(text, size);

		ck_assert(r == 0 || r == -EBADMSG);
		if (r == 0)
			look();
	}
}
END_TEST

/* `head`, then `line` so many times with each # in it as its number, then `end`. */
static char *repeat(const char *head, const char *line, unsigned int times, const char *end)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)fputs(head, file);
	for (unsigned int i = 0; i < times; i++)
		for (const char *c = line; *c; c++)
			if (*c == '#')
				(void)fprintf(file, "%u", i);
			else
				(void)fputc(*c, file);
	(void)fputs(end, file);
	(void)fclose(file);
	return text;
}

static const struct {
	const char *line;
	unsigned int times;
	const char *why;
} excesses[] = {
	{"*OpenUI *O#/x: PickOne\n*O# a: \"\"\n*CloseUI: *O#\n", 100000, "more"},
	{"*PageSize P#/x: \"\"\n", 200000, "more"},
	{"x#", 3000000, "long"},
	{"*UIConstraints: *PageSize A# *Staple b\n", 150000, "more"},
	{"*PageSize A#/x: \"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\"\n", 120000,
		"larger"},
	{"*PageSize \"#", 300000, ""},
};

START_TEST(test_excess)
{
	char *text = repeat(PPD_VENDOR, excesses[_i].line, excesses[_i].times, "\n");
	int r = take(text);

	ck_assert_int_eq(r, -EBADMSG);
	ck_assert_str_ne(report.why, "");
	free(text);
}
END_TEST

/* 2,000 options with choices are as many as may be, and no longer than linear. */
START_TEST(test_as_many_as_may_be)
{
	char *text = repeat(PPD_VENDOR, "*OpenUI *O#/x: PickOne\n*O# a/A: \"\"\n*CloseUI: *O#\n",
		PPD_OPTIONS_MAX - 10, "");

	ck_assert_int_eq(take(text), 0);
	ck_assert(has("*OpenUI *O1989/x: PickOne\n"));
	free(text);
}
END_TEST

/* gzip: what is packed is as if it were not, a bomb is not unpacked, damage is seen. */
START_TEST(test_packed)
{
	static uint8_t packed[1 << 20];
	static char bomb[8 << 20];
	z_stream z = {0};
	size_t size;

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	memset(bomb, ' ', sizeof(bomb));
	memcpy(bomb, PPD_VENDOR, strlen(PPD_VENDOR));
	z.next_in = (Bytef *)bomb;
	z.avail_in = (uInt)strlen(PPD_VENDOR);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	ck_assert_int_eq(take_bytes(packed, size), 0);
	look();
	for (size_t cut = 0; cut < size; cut += 7)
		ck_assert_int_eq(take_bytes(packed, cut), -EBADMSG);
	packed[size / 2] ^= 0x10;
	ck_assert_int_eq(take_bytes(packed, size), -EBADMSG);
	ck_assert_int_eq(deflateReset(&z), Z_OK);
	z.next_in = (Bytef *)bomb;
	z.avail_in = sizeof(bomb);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_int_eq(take_bytes(packed, z.total_out), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(report.why, "larger"));
	(void)deflateEnd(&z);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
} none[] = {
#define BYTES(s) s, sizeof(s) - 1
	{BYTES("")},
	{BYTES("<html><body>")},
	{BYTES("%PDF-1.4")},
	{BYTES("*PPD-Adobe: \"4.3\"\n")},
	{BYTES("*PPD-Adobe: \"4.3\"\n*NickName: \"x\"\0\n" PPD_VENDOR)},
	{BYTES("\xFF\xFE*\0P\0P\0D\0-\0A\0d\0o\0b\0e\0:\0")}, /* UTF-16 */
	{BYTES("\x1F\x8B")},
};

START_TEST(test_no_driver)
{
	ck_assert_int_eq(take_bytes(none[_i].bytes, none[_i].size), -EBADMSG);
	ck_assert_str_ne(report.why, "");
}
END_TEST

/* Line ends and encodings of other systems. */
START_TEST(test_forms)
{
	static const char *const ends[] = {"\n", "\r\n", "\r"};
	char text[sizeof(PPD_VENDOR) * 2], *to = text;

	for (const char *from = PPD_VENDOR; *from; from++)
		if (*from == '\n')
			to = stpcpy(to, ends[_i]);
		else
			*to++ = *from;
	*to = '\0';
	ck_assert_int_eq(take(text), 0);
	look();
	ck_assert(has("*Staple UpperLeft/Upper Left: \"\"\n"));
	ck_assert_int_eq(take("\xEF\xBB\xBF" PPD_VENDOR), 0);
	ck_assert_int_eq(take(PPD_HEAD PPD_PAGES "*OpenUI *T/B\xFCro: PickOne\n*T a/\xE9: \"\"\n"
						 "*T b/<C3A4>: \"\"\n*CloseUI: *T\n"),
		0);
	ck_assert(has("*OpenUI *T/B\xC3\xBCro: PickOne\n"));
	ck_assert(has("*T a/\xC3\xA9: \"\"\n"));
	ck_assert(has("*T b/\xC3\xA4: \"\"\n"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppd");
	TCase *tc = tcase_create("ppd");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_a_vendors);
	tcase_add_loop_test(tc, test_attacks, 0, COUNT(sample_attacks));
	tcase_add_loop_test(tc, test_again, 0, COUNT(sample_attacks));
	tcase_add_test(tc, test_cut);
	tcase_add_loop_test(tc, test_excess, 0, COUNT(excesses));
	tcase_add_test(tc, test_as_many_as_may_be);
	tcase_add_test(tc, test_packed);
	tcase_add_loop_test(tc, test_no_driver, 0, COUNT(none));
	tcase_add_loop_test(tc, test_forms, 0, 3);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
