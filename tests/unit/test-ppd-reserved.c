/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option that a file declares under the name of a statement that means something by itself: it
 * is no option in a clean driver, nor in a whole one. Every keyword of the PPD specification, of
 * CUPS and of foomatic-rip has its row.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a spooler, a dialog or a filter acts on: no statement of that name at all. */
static const char *const acted_on[] = {
	"cupsFilter",
	"1284DeviceID",
	"cupsFilter2",
	"cupsPreFilter",
	"cupsPortMonitor",
	"cupsCommands",
	"cupsICCProfile",
	"cupsICCQualifier1",
	"cupsICCQualifier2",
	"cupsICCQualifier3",
	"cupsMinSize",
	"cupsMaxSize",
	"cupsBackSide",
	"cupsEvenDuplex",
	"cupsFlipDuplex",
	"cupsFax",
	"cupsIPPFaxOut",
	"cupsIPPReason",
	"cupsIPPSupplies",
	"cupsJobAccountId",
	"cupsJobAccountingUserId",
	"cupsJobPassword",
	"cupsMandatory",
	"cupsMarkerName",
	"cupsMarkerNotice",
	"cupsMaxCopies",
	"cupsModelNumber",
	"cupsPJLCharset",
	"cupsPJLDisplay",
	"cupsSingleFile",
	"cupsSNMPSupplies",
	"cupsSNMPQuirks",
	"cupsVersion",
	"cupsStringsURI",
	"cupsChargeInfoURI",
	"cupsBorderlessScalingFactor",
	"cups3D",
	"cupsPrivacyURI",
	"cupsUrfSupported",
	"cupsProtocol",
	"cupsModelName",
	"APAutoSetupTool",
	"APBasePPD",
	"APCustomColorMatchingName",
	"APCustomColorMatchingProfile",
	"APDefaultCustomColorMatchingProfile",
	"APDialogExtension",
	"APDuplexRequiresFlippedMargin",
	"APHelpBook",
	"APICADriver",
	"APPrinterIconPath",
	"APPrinterLowInkTool",
	"APPrinterPreset",
	"APPrinterUtilityPath",
	"APRemoteQueueID",
	"APScannerOnly",
	"APScanAppBundleID",
	"APScanAppPath",
	"APSupportsCustomColorMatching",
	"APTiogaProfile",
	"FoomaticIDs",
	"FoomaticNoPageAccounting",
	"FoomaticRIPCommandLine",
	"FoomaticRIPCommandLinePDF",
	"FoomaticRIPDefault",
	"FoomaticRIPJobEntityMaxLength",
	"FoomaticRIPNoPDF",
	"FoomaticRIPOption",
	"FoomaticRIPOptionAllowedChars",
	"FoomaticRIPOptionAllowedRegExp",
	"FoomaticRIPOptionMaxLength",
	"FoomaticRIPOptionPrototype",
	"FoomaticRIPOptionRange",
	"FoomaticRIPOptionSetting",
	"FoomaticRIPPostPipe",
	"FoomaticRIPUserEntityMaxLength",
	"foomaticOption",
	"platenRendering",
	"Include",
	"OpenUI",
	"CloseUI",
	"OpenGroup",
	"CloseGroup",
	"OpenSubGroup",
	"CloseSubGroup",
	"JCLOpenUI",
	"JCLCloseUI",
	"End",
	"DefaultPageSize",
	"DefaultColorSpace",
	"DefaultResolution",
	"?PageSize",
	"LanguageEncoding",
	"PPD-Adobe",
	"ColorDevice",
	"FileSystem",
	"LanguageLevel",
	"LandscapeOrientation",
	"Throughput",
	"TTRasterizer",
	"VariablePaperSize",
	"ImageableArea",
	"PaperDimension",
	"RequiresPageRegion",
	"HWMargins",
	"MaxMediaWidth",
	"MaxMediaHeight",
	"CUPSFILTER2",
	"cupsprefilter",
	"apprinterpreset",
	"FOOMATICRIPCOMMANDLINE",
};

/* What only the driver's own filters and the device read: a whole driver may state it. */
static const char *const stated_whole[] = {
	"cupsColorProfile",
	"cupsManualCopies",
	"SymbolValue",
	"SymbolLength",
	"SymbolEnd",
	"QueryOrderDependency",
	"AccurateScreensSupport",
	"ContoneOnly",
	"Extensions",
	"FaxSupport",
	"Protocols",
	"FreeVM",
	"VMOption",
	"FCacheSize",
	"FDirSize",
	"PatchFile",
	"JobPatchFile",
	"ExitServer",
	"Reset",
	"Emulators",
	"StartEmulator_PCL",
	"StopEmulator_PCL",
	"PrintPSErrors",
	"DeviceAdjustMatrix",
	"SuggestedJobTimeout",
	"SuggestedManualFeedTimeout",
	"SuggestedWaitTimeout",
	"CenterRegistered",
	"UseHWMargins",
	"ADUseHWMargins",
	"MinMediaWidth",
	"MinMediaHeight",
	"PageStackOrder",
	"PageDeviceName",
	"SetResolution",
	"ResScreenAngle",
	"ResScreenFreq",
	"ScreenAngle",
	"ScreenFreq",
	"ScreenProc",
	"Transfer",
	"HalftoneName",
	"InkName",
	"ColorRenderDict",
	"ColorSepScreenAngle",
	"ColorSepScreenFreq",
	"ColorSepScreenProc",
	"ColorSepTransfer",
	"FontList",
	"FontQuery",
	"Message",
	"PrinterError",
	"Status",
	"Source",
	"JCLBegin",
	"JCLEnd",
	"JCLToPSInterpreter",
	"JCLToPDFInterpreter",
	"1284Modes",
	"OIDInstalledMemory",
	"JOBPATCHFILE",
	"jclbegin",
	"symbolvalue",
	"nickname",
};

/* What both drivers may state, by the rule for its value. */
static const char *const stated[] = {
	"cupsUIConstraints",
	"cupsUIResolver",
	"cupsMediaQualifier2",
	"cupsMediaQualifier3",
	"cupsPageSizeCategory",
	"cupsIPPFinishings",
	"cupsLanguages",
	"UIConstraints",
	"NonUIConstraints",
	"OrderDependency",
	"NonUIOrderDependency",
	"CustomPageSize",
	"ParamCustomPageSize",
	"de.PageSize",
	"FileVersion",
	"FormatVersion",
	"LanguageVersion",
	"Manufacturer",
	"ModelName",
	"NickName",
	"PCFileName",
	"Product",
	"PSVersion",
	"ShortNickName",
	"Font",
	"Translation",
};

/* The format's own options, and some that begin like what is none. */
static const char *const options[] = {
	"BlackSubstitution",
	"Booklet",
	"Collate",
	"ManualFeed",
	"MirrorPrint",
	"NegativePrint",
	"Sorter",
	"TraySwitch",
	"AdvanceMedia",
	"BindColor",
	"BindEdge",
	"BindType",
	"BindWhen",
	"BitsPerPixel",
	"ColorModel",
	"CutMedia",
	"Duplex",
	"FoldType",
	"FoldWhen",
	"InputSlot",
	"JCLFrameBufferSize",
	"JCLResolution",
	"Jog",
	"MediaColor",
	"MediaType",
	"MediaWeight",
	"OutputBin",
	"OutputMode",
	"OutputOrder",
	"PageRegion",
	"Resolution",
	"Separations",
	"Signature",
	"Slipsheet",
	"Smoothing",
	"StapleLocation",
	"StapleOrientation",
	"StapleWhen",
	"StapleX",
	"StapleY",
	"InstalledMemory",
	"Password",
	"LeadingEdge",
	"RenderingIntent",
	"cupsPrintQuality",
	"cupsFinishingTemplate",
	"cupsRenderingIntent",
	"APPCollate",
	"APT",
	"JCLEconomode",
	"StpQuality",
	"OptionDuplex",
};

/* Cleans a driver with an option of that name, and looks whether its statements are there. */
static void look(const char *name, bool whole, bool is_option, bool is_stated)
{
	struct ppd_report report;
	char ppd[1024], line[128], *text = NULL;
	size_t size;
	int n, r;

	n = snprintf(ppd, sizeof(ppd),
		"*PPD-Adobe: \"4.3\"\n*NickName: \"N\"\n*OpenUI *PageSize: PickOne\n"
		"*DefaultPageSize: A4\n*PageSize A4/A4: \"x\"\n*CloseUI: *PageSize\n"
		"*OpenUI *%s: PickOne\n*%s x: \"a/b c/d 0 /bin/sh\"\n*CloseUI: *%s\n",
		name, name, name);
	r = (whole ? ppd_clean_whole : ppd_clean)(
		(const uint8_t *)ppd, (size_t)n, NULL, NULL, &report, &text, &size);
	ck_assert_int_eq(r, 0);
	(void)snprintf(line, sizeof(line), "UI *%s:", name);
	ck_assert_msg((strstr(text, line) != NULL) == is_option, "%s", name);
	(void)snprintf(line, sizeof(line), "\n*%s x", name);
	ck_assert_msg((strstr(text, line) != NULL) == is_stated, "%s", name);
	ck_assert_ptr_nonnull(strstr(text, "\n*PageSize A4/A4:"));
	free(text);
}

START_TEST(test_acted_on)
{
	look(acted_on[_i], false, false, false);
	look(acted_on[_i], true, false, false);
}
END_TEST

START_TEST(test_stated_whole)
{
	look(stated_whole[_i], false, false, false);
	look(stated_whole[_i], true, false, true);
}
END_TEST

START_TEST(test_stated)
{
	look(stated[_i], false, false, true);
	look(stated[_i], true, false, true);
}
END_TEST

START_TEST(test_option)
{
	look(options[_i], false, true, true);
	look(options[_i], true, true, true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppd-reserved");
	TCase *tcase = tcase_create("reserved");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_acted_on, 0, (int)COUNT(acted_on));
	tcase_add_loop_test(tcase, test_stated_whole, 0, (int)COUNT(stated_whole));
	tcase_add_loop_test(tcase, test_stated, 0, (int)COUNT(stated));
	tcase_add_loop_test(tcase, test_option, 0, (int)COUNT(options));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
