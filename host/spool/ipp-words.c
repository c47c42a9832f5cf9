/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's words, back from those of a PPD.
 *
 * libcupsfilters makes each choice of a PPD from one value of an attribute, by rules:
 * "by-pass-tray" becomes ByPassTray, and finishings go into a few options by tables. Here they are
 * undone. A choice that came of no value means nothing, and adds nothing. What both say is the
 * same, so it does no harm where the host's queue knows the PPD's words too.
 */
#include "host/spool/ipp-words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WORD_SIZE    128 /* bytes */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One choice, one value. */
static const struct {
	const char *option, *choice, *attribute, *value;
} words[] = {
	{"Duplex", "None", "sides", "one-sided"},
	{"Duplex", "DuplexNoTumble", "sides", "two-sided-long-edge"},
	{"Duplex", "DuplexTumble", "sides", "two-sided-short-edge"},
	{"ColorModel", "Gray", "print-color-mode", "monochrome"},
	{"ColorModel", "FastGray", "print-color-mode", "monochrome"},
	{"ColorModel", "DeviceGray", "print-color-mode", "monochrome"},
	{"ColorModel", "RGB", "print-color-mode", "color"},
	{"ColorModel", "DeviceRGB", "print-color-mode", "color"},
	{"ColorModel", "AdobeRGB", "print-color-mode", "color"},
	{"ColorModel", "CMYK", "print-color-mode", "color"},
	{"ColorModel", "DeviceCMYK", "print-color-mode", "color"},
	{"cupsPrintQuality", "Draft", "print-quality", "3"},
	{"cupsPrintQuality", "Normal", "print-quality", "4"},
	{"cupsPrintQuality", "High", "print-quality", "5"},
};

/* Choices in the order of the enum from `first` on. */
static const struct {
	const char *option;
	int first;
	const char *choices[20];
} finishings[] = {
	{"StapleLocation", 4, {"SingleAuto"}},
	{"StapleLocation", 7, {"BindAuto", "SaddleStitch", "EdgeStitchAuto"}},
	{"StapleLocation", 20,
		{"SinglePortrait", "SingleRevLandscape", "SingleLandscape", "SingleRevPortrait",
			"EdgeStitchPortrait", "EdgeStitchLandscape", "EdgeStitchRevPortrait",
			"EdgeStitchRevLandscape", "DualPortrait", "DualLandscape",
			"DualRevPortrait", "DualRevLandscape", "TriplePortrait", "TripleLandscape",
			"TripleRevPortrait", "TripleRevLandscape"}},
	{"StapleLocation", 50,
		{"BindPortrait", "BindLandscape", "BindRevPortrait", "BindRevLandscape"}},
	{"PunchMedia", 5, {"SingleAuto"}},
	{"PunchMedia", 70,
		{"SinglePortrait", "SingleRevLandscape", "SingleLandscape", "SingleRevPortrait",
			"DualPortrait", "DualLandscape", "DualRevPortrait", "DualRevLandscape",
			"TriplePortrait", "TripleLandscape", "TripleRevPortrait",
			"TripleRevLandscape", "QuadPortrait", "QuadLandscape", "QuadRevPortrait",
			"QuadRevLandscape", "MultiplePortrait", "MultipleLandscape",
			"MultipleRevPortrait", "MultipleRevLandscape"}},
	{"FoldType", 10, {"Auto"}},
	{"FoldType", 90,
		{"Accordion", "DoubleGate", "Gate", "Half", "HalfZ", "LeftGate", "Letter",
			"Parallel", "XFold", "RightGate", "ZFold", "EngineeringZ"}},
	{"CutMedia", 11, {"Auto"}},
	{"CutMedia", 60, {"EndOfPage", "EndOfDoc", "EndOfSet", "EndOfJob"}},
	{"Booklet", 13, {"True"}},
	{"Cover", 6, {"True"}},
	{"Bale", 12, {"True"}},
	{"JogOffset", 14, {"True"}},
	{"Coat", 15, {"True"}},
	{"Laminate", 16, {"True"}},
};

/* "ByPassTray" and "Tray1" as keywords: "by-pass-tray", "tray-1". False: it comes of none. */
static bool keyword_of(const char *choice, char word[static WORD_SIZE])
{
	size_t used = 0;

	for (const char *p = choice; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool begins = p > choice && isalnum((unsigned char)p[-1]) &&
			      (isupper(c) || (isdigit(c) && isalpha((unsigned char)p[-1])));

		if ((!isalnum(c) && !strchr("-_.", c)) || used + 3 > WORD_SIZE)
			return false;
		if (begins)
			word[used++] = '-';
		word[used++] = (char)tolower(c);
	}
	word[used] = '\0';
	return used > 0;
}

static int add_finishings(int count, cups_option_t **options)
{
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < COUNT(finishings); i++) {
		const char *choice = cupsGetOption(finishings[i].option, count, *options);

		for (int n = 0; choice && n < (int)COUNT(finishings[i].choices); n++)
			if (finishings[i].choices[n] &&
				strcasecmp(finishings[i].choices[n], choice) == 0 &&
				used < sizeof(list) - 8)
				used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d",
					used ? "," : "", finishings[i].first + n);
	}
	return used ? cupsAddOption("finishings", list, count, options) : count;
}

/* The size of a paper; "A4.Borderless" is A4, "Custom.100x200mm" is itself. */
static pwg_media_t *size_of(const char *size)
{
	char name[WORD_SIZE];

	if (!size || strlen(size) >= sizeof(name))
		return NULL;
	(void)snprintf(name, sizeof(name), "%s", size);
	if (strncasecmp(size, "Custom.", 7) != 0)
		name[strcspn(name, ".")] = '\0';
	return name[0] ? pwgMediaForPPD(name) : NULL;
}

/* Paper by its size, or with its tray and type in one collection; never both (RFC 8011 5.2.11). */
static int add_media(int count, cups_option_t **options)
{
	const char *slot = cupsGetOption("InputSlot", count, *options);
	const char *type = cupsGetOption("MediaType", count, *options);
	pwg_media_t *media = size_of(cupsGetOption("PageSize", count, *options));
	char source[WORD_SIZE], kind[WORD_SIZE], all[WORD_SIZE * 4] = "";
	size_t used = 0;

	if (slot && keyword_of(slot, source))
		used += (size_t)snprintf(
			all + used, sizeof(all) - used, " media-source=%s", source);
	if (type && keyword_of(type, kind))
		used += (size_t)snprintf(all + used, sizeof(all) - used, " media-type=%s", kind);
	if (!used && (!media || !media->pwg))
		return count;
	count = cupsRemoveOption("media", count, options);
	count = cupsRemoveOption("media-col", count, options);
	if (!used)
		return cupsAddOption("media", media->pwg, count, options);
	if (media)
		used += (size_t)snprintf(all + used, sizeof(all) - used,
			" media-size={x-dimension=%d y-dimension=%d}", media->width, media->length);
	all[0] = '{';
	(void)snprintf(all + used, sizeof(all) - used, "}"); /* there is room: words are short */
	return cupsAddOption("media-col", all, count, options);
}

int ipp_words_add(int count, cups_option_t **options)
{
	const char *bin = cupsGetOption("OutputBin", count, *options);
	const char *resolution = cupsGetOption("Resolution", count, *options);
	char word[WORD_SIZE];

	for (size_t i = 0; i < COUNT(words); i++) {
		const char *choice = cupsGetOption(words[i].option, count, *options);

		if (choice && strcasecmp(words[i].choice, choice) == 0)
			count = cupsAddOption(words[i].attribute, words[i].value, count, options);
	}
	if (bin && keyword_of(bin, word))
		count = cupsAddOption("output-bin", word, count, options);
	if (resolution && strspn(resolution, "0123456789x") + 3 == strlen(resolution) &&
		strcmp(resolution + strlen(resolution) - 3, "dpi") == 0)
		count = cupsAddOption("printer-resolution", resolution, count, options);
	count = add_finishings(count, options);
	return add_media(count, options);
}
