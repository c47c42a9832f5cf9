/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the choices of a driver mean in IPP that was made of a device's attributes: each row is the
 * options of a job, one attribute, and its value.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host/spool/ipp-words.h"

static const struct {
	const char *options, *attribute, *value; /* NULL: none */
} rows[] = {
	{"Duplex=DuplexNoTumble", "sides", "two-sided-long-edge"},
	{"duplex=duplextumble", "sides", "two-sided-short-edge"},
	{"Duplex=None", "sides", "one-sided"},
	{"Duplex=Whatever", "sides", NULL},
	/* Beside the choice stand IPP's defaults; without one, they are all there is. */
	{"Duplex=DuplexTumble sides=one-sided", "sides", "two-sided-short-edge"},
	{"ColorModel=RGB print-color-mode=monochrome", "print-color-mode", "color"},
	{"StapleLocation=DualPortrait finishings=none", "finishings", "28"},
	{"StapleLocation=None finishings=20", "finishings", "20"},
	{"sides=one-sided", "sides", "one-sided"},
	{"ColorModel=Gray", "print-color-mode", "monochrome"},
	{"ColorModel=RGB", "print-color-mode", "color"},
	/* Not alone: libcups 2.4 loses an array that it has emptied and fills again. */
	{"sides=one-sided cupsPrintQuality=High", "print-quality", "5"},
	{"OutputBin=FaceDown", "output-bin", "face-down"},
	{"OutputBin=Mailbox3", "output-bin", "mailbox-3"},
	{"OutputBin=a;b", "output-bin", NULL},
	{"Resolution=1200x600dpi", "printer-resolution", "1200x600dpi"},
	{"Resolution=Fine", "printer-resolution", NULL},
	{"StapleLocation=SinglePortrait", "finishings", "20"},
	{"StapleLocation=SingleAuto PunchMedia=SingleAuto", "finishings", "4,5"},
	{"StapleLocation=DualPortrait PunchMedia=QuadLandscape Laminate=True", "finishings",
		"28,83,16"},
	{"StapleLocation=TripleRevLandscape", "finishings", "35"},
	{"StapleLocation=EdgeStitchAuto", "finishings", "9"},
	{"PunchMedia=MultipleRevLandscape", "finishings", "89"},
	{"FoldType=EngineeringZ", "finishings", "101"},
	{"CutMedia=EndOfJob Booklet=true", "finishings", "63,13"},
	{"StapleLocation=None Booklet=False Laminate=False", "finishings", NULL},
	{"PageSize=A3", "media", "iso_a3_297x420mm"},
	{"PageSize=Letter", "media", "na_letter_8.5x11in"},
	{"PageSize=A4.Borderless", "media", "iso_a4_210x297mm"},
	{"PageSize=Custom.100x150mm", "media", "custom_100x150mm_100x150mm"},
	{"PageSize=", "media", NULL},
	{"PageSize=A4", "media-col", NULL},
	{"InputSlot=ByPassTray", "media-col", "{media-source=by-pass-tray}"},
	{"MediaType=PhotographicGlossy", "media-col", "{media-type=photographic-glossy}"},
	{"PageSize=A4 InputSlot=Tray1 MediaType=XFancy", "media-col",
		"{media-source=tray-1 media-type=x-fancy media-size={x-dimension=21000 "
		"y-dimension=29700}}"},
	/* Never both. */
	{"PageSize=A4 InputSlot=Tray1", "media", NULL},
	{"InputSlot=Tray1 media=iso_a4_210x297mm", "media", NULL},
	{"media=iso_a4_210x297mm", "media", "iso_a4_210x297mm"},
	{"InputSlot=x}media-type=y", "media-col", NULL},
	{"", "media", NULL},
	{"", "finishings", NULL},
};

START_TEST(test_word)
{
	cups_option_t *options = NULL;
	int count = cupsParseOptions(rows[_i].options, 0, &options);
	const char *value;

	count = ipp_words_add(count, &options);
	value = cupsGetOption(rows[_i].attribute, count, options);
	if (!rows[_i].value)
		ck_assert_msg(!value, "%s: %s", rows[_i].options, value);
	else
		ck_assert_str_eq(value ? value : "none", rows[_i].value);
	if (count == 0) /* then cupsFreeOptions() does not free the array, see submit.c */
		free(options);
	cupsFreeOptions(count, count ? options : NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipp-words");
	TCase *tcase = tcase_create("words");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_word, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
