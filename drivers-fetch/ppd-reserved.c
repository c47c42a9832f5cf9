/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names an option may have.
 *
 * A driver says itself how its options are called, and each choice is written as a statement of
 * that name. A name that means something by itself would make such a statement a filter line, a
 * patch file or a command line. So what the format and its extensions give a meaning is listed
 * here, all of it, and names no option: the keywords of the PPD specification 4.3 that declare no
 * option (its chapter 5), those of CUPS (PPD extensions; what ppd.c, ppd-cache.c and cupsd look
 * for), of cups-filters and of foomatic-rip. Families that grow are taken whole; what is known to
 * be an option in one of them is listed too. Spoolers look attributes up without regard to case.
 */
#include "drivers-fetch/ppd-model.h"

#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Options in spite of their beginning. */
static const char *const options[] = {
	"cupsPrintQuality", "cupsFinishingTemplate", "cupsRenderingIntent", /* CUPS's own */
	"APPCollate", "APT",						    /* vendors' */
};

/* Families: whatever begins so. */
static const char *const begins[] = {
	"cups",				      /* CUPS, cups-filters */
	"AP",				      /* Apple: dialog extensions, presets, tools */
	"foomatic",			      /* its command lines and their options */
	"platen",			      /* our own marks */
	"Default",			      /* 3.2: the default of an option */
	"Custom", "ParamCustom",	      /* CUPS: custom choices */
	"Include",			      /* 5.2: another file */
	"NonUI",			      /* 5.2: NonUIConstraints, NonUIOrderDependency */
	"StartEmulator", "StopEmulator",      /* 5.6 */
	"OID",				      /* CUPS: SNMP */
	"PPD",				      /* PPD-Adobe */
	"ColorSepScreen", "ColorSepTransfer", /* 5.18 */
};

static const char *const names[] = {
	/* 5.3: what the file says of itself. */
	"FileVersion",
	"FormatVersion",
	"LanguageEncoding",
	"LanguageVersion",
	"Manufacturer",
	"ModelName",
	"NickName",
	"PCFileName",
	"Product",
	"PSVersion",
	"ShortNickName",
	/* 5.4: what the device is. */
	"AccurateScreensSupport",
	"ColorDevice",
	"ContoneOnly",
	"Extensions",
	"FaxSupport",
	"FileSystem",
	"LanguageLevel",
	"LandscapeOrientation",
	"Protocols",
	"Throughput",
	"TTRasterizer",
	"VariablePaperSize",
	/* 5.5, 5.6: memory, patches, emulations, time-outs: code that is sent to the device. */
	"FreeVM",
	"VMOption",
	"FCacheSize",
	"FDirSize",
	"PatchFile",
	"JobPatchFile",
	"ExitServer",
	"Reset",
	"Emulators",
	"PrintPSErrors",
	"DeviceAdjustMatrix",
	"SuggestedJobTimeout",
	"SuggestedManualFeedTimeout",
	"SuggestedWaitTimeout",
	/* 5.2: the file's structure. */
	"End",
	"OpenUI",
	"CloseUI",
	"OpenGroup",
	"CloseGroup",
	"OpenSubGroup",
	"CloseSubGroup",
	"JCLOpenUI",
	"JCLCloseUI",
	"UIConstraints",
	"OrderDependency",
	"QueryOrderDependency",
	"SymbolValue",
	"SymbolLength",
	"SymbolEnd",
	/* 5.9 to 5.16: paper. */
	"ImageableArea",
	"PaperDimension",
	"RequiresPageRegion",
	"CenterRegistered",
	"UseHWMargins",
	"ADUseHWMargins",
	"HWMargins",
	"MaxMediaWidth",
	"MaxMediaHeight",
	"MinMediaWidth",
	"MinMediaHeight",
	"PageStackOrder",
	"PageDeviceName",
	/* 5.17, 5.18: screens and colours. */
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
	/* 5.19 to 5.21: fonts, and what the interpreter says. */
	"Font",
	"FontList",
	"FontQuery",
	"Message",
	"PrinterError",
	"Status",
	"Source",
	/* 5.22: the printer's job language. */
	"JCLBegin",
	"JCLEnd",
	"JCLToPSInterpreter",
	"JCLToPDFInterpreter",
	/* CUPS and libppd. */
	"1284DeviceID",
	"1284Modes",
	"Translation",
};

static bool is_one_of(const char *keyword, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(keyword, list[i]) == 0)
			return true;
	return false;
}

bool ppd_may_be_option(const char *keyword)
{
	if (keyword[0] == '?' || strchr(keyword, '.'))
		return false;
	if (is_one_of(keyword, names, COUNT(names)))
		return false;
	for (size_t i = 0; i < COUNT(begins); i++)
		if (strncasecmp(keyword, begins[i], strlen(begins[i])) == 0)
			return is_one_of(keyword, options, COUNT(options));
	return true;
}
