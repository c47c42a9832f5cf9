/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver whole: which filter lines, attributes and code pass, and that nothing passes by which
 * something else than a filter of the spooler's folder would run.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd-whole.h"
#include "drivers-fetch/ppd.h"
#include "proto/base/cleanup.h"

static const struct {
	const char *keyword, *value;
	const char *line; /* NULL: it does not pass */
} lines[] = {
	/* What Debian's drivers have. */
	{"cupsFilter", "application/vnd.cups-raster 0 rastertoqpdl",
		"*cupsFilter: \"application/vnd.cups-raster 0 rastertoqpdl\"\n"},
	{"cupsFilter", "application/vnd.cups-raster 100 rastertogutenprint.5.3",
		"*cupsFilter: \"application/vnd.cups-raster 100 rastertogutenprint.5.3\"\n"},
	{"cupsFilter", "application/vnd.cups-command\t33  commandtoepson ",
		"*cupsFilter: \"application/vnd.cups-command 33 commandtoepson\"\n"},
	{"cupsFilter2", "application/pdf application/postscript 0 pdftops",
		"*cupsFilter2: \"application/pdf application/postscript 0 pdftops\"\n"},
	{"cupsPreFilter", "application/pdf 0 prefix",
		"*cupsPreFilter: \"application/pdf 0 prefix\"\n"},
	{"cupsFilter", "*/* 0 -", "*cupsFilter: \"*/* 0 -\"\n"},
	/* A path, a command line, another shell's word, nothing. */
	{"cupsFilter", "application/pdf 0 /bin/sh", NULL},
	{"cupsFilter", "application/pdf 0 ../../../bin/sh", NULL},
	{"cupsFilter", "application/pdf 0 sh -c id", NULL},
	{"cupsFilter", "application/pdf 0 $(id)", NULL},
	{"cupsFilter", "application/pdf 0 a;b", NULL},
	{"cupsFilter", "application/pdf 0 .hidden", NULL},
	{"cupsFilter", "application/pdf 0 -x", NULL},
	{"cupsFilter", "application/pdf 0", NULL},
	{"cupsFilter", "", NULL},
	/* Filters whose command line the driver brings (CVE-2024-47175, -47177). */
	{"cupsFilter", "application/vnd.cups-postscript 0 foomatic-rip", NULL},
	{"cupsFilter2", "application/pdf printer/foo 0 foomatic-rip", NULL},
	/* Types and costs that are none. */
	{"cupsFilter", "application 0 f", NULL},
	{"cupsFilter", "a/b/c 0 f", NULL},
	{"cupsFilter", "/b 0 f", NULL},
	{"cupsFilter", "a/b x f", NULL},
	{"cupsFilter", "a/b -1 f", NULL},
	{"cupsFilter", "a/b 1234567 f", NULL},
	{"cupsFilter", "a/b c/d 0 f", NULL},
	{"cupsFilter2", "a/b 0 f", NULL},
	{"cupsPortMonitor", "a/b 0 f", NULL},
};

START_TEST(test_line)
{
	char line[512] = "", filters[PPD_FILTERS_SIZE] = "";
	const char *why = NULL;
	bool passes = ppd_filter_write(
		lines[_i].keyword, lines[_i].value, line, sizeof(line), filters, &why);

	ck_assert_msg(passes == (lines[_i].line != NULL), "%s: %s", lines[_i].value, why);
	if (passes)
		ck_assert_str_eq(line, lines[_i].line);
	else
		ck_assert_str_eq(filters, "");
}
END_TEST

/* Each name once, in order; more than there is room for is refused. */
START_TEST(test_names)
{
	char line[512], value[256], filters[PPD_FILTERS_SIZE] = "";
	static const char *const names[] = {"one", "two", "one", "-", "on", "two"};
	const char *why;
	int i;

	for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
		(void)snprintf(value, sizeof(value), "a/b 0 %s", names[j]);
		ck_assert(ppd_filter_write("cupsFilter", value, line, sizeof(line), filters, &why));
	}
	ck_assert_str_eq(filters, "one,two,on");
	for (i = 0; i < 100; i++) {
		(void)snprintf(value, sizeof(value), "a/b 0 filter%d", i);
		if (!ppd_filter_write("cupsFilter", value, line, sizeof(line), filters, &why))
			break;
	}
	ck_assert_int_lt(i, 100);
	ck_assert_ptr_nonnull(strstr(why, "more filters"));
	ck_assert_uint_lt(strlen(filters), PPD_FILTERS_SIZE);
}
END_TEST

static const struct {
	const char *keyword, *value;
	bool passes;
} attributes[] = {
	{"QPDL", "512", true},
	{"PJL", "<1B>%-12345X", true},
	{"JCLBegin", "<1B>%-12345X@PJL JOB<0A>", true},
	{"cupsManualCopies", "True", true},
	{"General", "CLP-300", true},
	/* What would have something run, or read. */
	{"FoomaticRIPCommandLine", "cat", false},
	{"FoomaticRIPOption", "x", false},
	{"APDialogExtension", "/Library/x", false},
	{"APPrinterUtilityPath", "x", false},
	{"cupsPortMonitor", "bcp", false},
	{"cupsICCProfile", "x.icc", false},
	{"Include", "other.ppd", false},
	{"?PageSize", "save exec", false},
	/* A spooler looks for these without regard to case. */
	{"CupsFilter2", "application/pdf a/b 0 /bin/sh", false},
	{"CUPSPREFILTER", "application/pdf 0 /bin/sh", false},
	{"FOOMATICRIPCommandLine", "id", false},
	{"apdialogextension", "x", false},
	{"platenRendering", "Host", false},
	{"Vendor", "/etc/passwd", false},
	{"Vendor", "a/../../b", false},
	/* No bounded printable text. */
	{"Vendor", "a\x1b[2J", false},
	{"Vendor", "\xc3\xa9", false},
	{"Vendor", "a\"b", false},
};

START_TEST(test_attribute)
{
	const char *why = "";

	ck_assert_msg(ppd_attribute_passes(attributes[_i].keyword, attributes[_i].value, &why) ==
			      attributes[_i].passes,
		"%s: %s", attributes[_i].keyword, why);
}
END_TEST

START_TEST(test_code)
{
	char code[PPD_CODE_MAX + 2];

	ck_assert(ppd_code_is_sound(""));
	ck_assert(ppd_code_is_sound("<</PageSize[595 842]>>\n\tsetpagedevice"));
	ck_assert(!ppd_code_is_sound("a\x7f"));
	ck_assert(ppd_code_is_sound("a *b\nc * d"));
	ck_assert(!ppd_code_is_sound("a\n*cupsFilter: application/pdf 0 /bin/sh"));
	ck_assert(!ppd_code_is_sound("a\r*b"));
	/* CVE-2023-4504: a string that ends within an escape. */
	ck_assert(!ppd_code_is_sound("<</MediaType(a\\"));
	ck_assert(ppd_code_is_sound("<</MediaType(a\\))>>setpagedevice"));
	memset(code, 'x', sizeof(code));
	code[PPD_CODE_MAX] = '\0';
	ck_assert(ppd_code_is_sound(code));
	code[PPD_CODE_MAX] = 'x';
	code[PPD_CODE_MAX + 1] = '\0';
	ck_assert(!ppd_code_is_sound(code));
}
END_TEST

static const char driver[] =
	"*PPD-Adobe: \"4.3\"\n*FormatVersion: \"4.3\"\n*ModelName: \"M\"\n*NickName: \"Model M\"\n"
	"*cupsFilter: \"application/vnd.cups-raster 0 rastertom\"\n"
	"*cupsFilter: \"application/pdf 0 /bin/sh\"\n"
	"*cupsManualCopies: True\n*cupsSingleFile: True\n*APRemoteQueueID: \"x\"\n"
	"*FoomaticRIPCommandLine: \"id\"\n*QPDL BandSize: \"128\"\n"
	"*OpenUI *PageSize/Size: PickOne\n*DefaultPageSize: A4\n"
	"*PageSize A4/A4: \"<</PageSize[595 842]>>\nsetpagedevice\"\n*End\n"
	"*PageSize Letter/L: \"x\x01y\"\n*CloseUI: *PageSize\n";

/* Both drivers of one PPD: the cleaned one has none of it, the whole one has what may pass. */
START_TEST(test_both)
{
	_cleanup_free_ char *clean = NULL, *whole = NULL;
	struct ppd_report report;
	size_t size;

	ck_assert_int_eq(ppd_clean((const uint8_t *)driver, sizeof(driver) - 1, NULL, NULL, &report,
				 &clean, &size),
		0);
	ck_assert_str_eq(report.filters, "");
	ck_assert_ptr_nonnull(strstr(clean, "*cupsFilter: \"*/* 0 -\""));
	ck_assert_ptr_null(strstr(clean, "rastertom"));
	ck_assert_ptr_null(strstr(clean, "setpagedevice"));
	ck_assert_ptr_null(strstr(clean, "QPDL"));
	ck_assert_int_eq(ppd_clean_whole((const uint8_t *)driver, sizeof(driver) - 1, NULL, NULL,
				 &report, &whole, &size),
		0);
	ck_assert_str_eq(report.filters, "rastertom");
	ck_assert_ptr_nonnull(
		strstr(whole, "*cupsFilter: \"application/vnd.cups-raster 0 rastertom\"\n"));
	ck_assert_ptr_null(strstr(whole, "*/* 0 -"));
	ck_assert_ptr_null(strstr(whole, "/bin/sh"));
	ck_assert_ptr_null(strstr(whole, "Foomatic"));
	ck_assert_ptr_null(strstr(whole, "cupsSingleFile"));
	ck_assert_ptr_nonnull(strstr(whole, "*APRemoteQueueID: \"\"\n"));
	ck_assert_ptr_nonnull(strstr(whole, "*cupsManualCopies: True\n"));
	ck_assert_ptr_nonnull(strstr(whole, "*QPDL BandSize: \"128\"\n"));
	ck_assert_ptr_nonnull(strstr(
		whole, "*PageSize A4/A4: \"<</PageSize[595 842]>>\nsetpagedevice\"\n*End\n"));
	ck_assert_ptr_nonnull(strstr(whole, "*PageSize Letter/L: \"\"\n"));
	/* The backend knows it by this. */
	ck_assert_ptr_nonnull(strstr(whole, "\n*platenRendering: Guest\n"));
	ck_assert_int_lt(strstr(whole, "*platenRendering") - whole, 512);
}
END_TEST

/*
 * libcups takes a quote anywhere on a line for the beginning of a string. One in a bare value would
 * make the code that follows a statement of its own, here a filter that is a path, and another one
 * would hide what it leaves behind.
 */
static const char quotes[] =
	"*PPD-Adobe: \"4.3\"\n*ModelName: \"M\"\n*NickName: \"Model M\"\n"
	"*cupsFilter: \"application/vnd.cups-raster 0 rastertom\"\n"
	"*OpenUI *PageSize/Size: PickOne\n*OrderDependency: 10 AnySetup\" *PageSize\n"
	"*PageSize A4/A4: \"<<>>\n*cupsFilter: application/pdf 0 /bin/evil\n*X: y\"\n*End\n"
	"*CloseUI: *PageSize\n*OpenUI *Duplex/D: PickOne\n"
	"*OrderDependency: 10 AnySetup\" *Duplex\n*Duplex None/N: \"\"\n*CloseUI: *Duplex\n"
	"*QPDL BandSize: 1\"2\n*UIConstraints: *PageSize A4 *Duplex \"None\n";

START_TEST(test_quotes)
{
	_cleanup_free_ char *text = NULL;
	struct ppd_report report;
	size_t size;

	ck_assert_int_eq(ppd_clean_whole((const uint8_t *)quotes, sizeof(quotes) - 1, NULL, NULL,
				 &report, &text, &size),
		0);
	ck_assert_ptr_null(strstr(text, "AnySetup"));
	ck_assert_ptr_null(strstr(text, "BandSize"));
	ck_assert_ptr_null(strstr(text, "UIConstraints"));
	ck_assert_ptr_null(strstr(text, "evil"));
}
END_TEST

/* What Platen has written is left as it is when it is cleaned again, its own marks too. */
START_TEST(test_again)
{
	_cleanup_free_ char *once = NULL, *twice = NULL;
	struct ppd_report report;
	size_t size, again;

	ck_assert_int_eq(ppd_clean_whole((const uint8_t *)driver, sizeof(driver) - 1, NULL, NULL,
				 &report, &once, &size),
		0);
	ck_assert_int_eq(
		ppd_clean_whole((const uint8_t *)once, size, NULL, NULL, &report, &twice, &again),
		0);
	ck_assert_uint_eq(size, again);
	ck_assert_int_eq(memcmp(once, twice, size), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppd-whole");
	TCase *tc = tcase_create("ppd-whole");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, test_names);
	tcase_add_loop_test(tc, test_attribute, 0, sizeof(attributes) / sizeof(attributes[0]));
	tcase_add_test(tc, test_code);
	tcase_add_test(tc, test_both);
	tcase_add_test(tc, test_quotes);
	tcase_add_test(tc, test_again);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
