/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option that a file declares under the name of a statement that a spooler, a dialog or a
 * filter acts on: a clean driver holds no line of that name, nor a whole one of a program's.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd.h"

static const char *const names[] = {"cupsFilter", "cupsFilter2", "cupsPreFilter", "cupsPortMonitor",
	"cupsCommands", "cupsICCProfile", "FoomaticRIPCommandLine", "FoomaticRIPCommandLinePDF",
	"foomaticOption", "APDialogExtension", "APPrinterPreset", "Include", "JobPatchFile",
	"SymbolValue", "JCLBegin", "JCLEnd"};

/* The rest is code for the printer, which a whole driver may have as statements of their own. */
#define WHOLE_COUNT 12

static void look(size_t row, bool whole)
{
	struct ppd_report report;
	char ppd[1024], line[128], *text = NULL;
	size_t size;
	int n, r;

	n = snprintf(ppd, sizeof(ppd),
		"*PPD-Adobe: \"4.3\"\n*NickName: \"N\"\n*OpenUI *PageSize: PickOne\n"
		"*DefaultPageSize: A4\n*PageSize A4/A4: \"x\"\n*CloseUI: *PageSize\n"
		"*OpenUI *%s: PickOne\n*%s x: \"a/b c/d 0 /bin/sh\"\n*CloseUI: *%s\n",
		names[row], names[row], names[row]);
	r = (whole ? ppd_clean_whole : ppd_clean)(
		(const uint8_t *)ppd, (size_t)n, NULL, NULL, &report, &text, &size);
	ck_assert_int_eq(r, 0);
	ck_assert_ptr_null(strstr(text, "/bin/sh"));
	(void)snprintf(line, sizeof(line), "UI *%s:", names[row]);
	ck_assert_ptr_null(strstr(text, line));
	(void)snprintf(line, sizeof(line), "\n*%s x", names[row]);
	ck_assert_ptr_null(strstr(text, line));
	ck_assert_ptr_nonnull(strstr(text, "\n*PageSize A4/A4:"));
	free(text);
}

START_TEST(test_clean)
{
	look((size_t)_i, false);
}
END_TEST

START_TEST(test_whole)
{
	look((size_t)_i, true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppd-reserved");
	TCase *tcase = tcase_create("reserved");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_clean, 0, (int)(sizeof(names) / sizeof(names[0])));
	tcase_add_loop_test(tcase, test_whole, 0, WHOLE_COUNT);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
