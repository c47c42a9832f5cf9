/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeds that are IPP messages (RFC 8010 3.1): what devices and spoolers answer, each attribute
 * that somebody here reads at least once, with values of its right type and of wrong ones.
 */
#include "tests/fuzz/seed-parts.h"

#include <cups/cups.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
	uint8_t bytes[65536];
	size_t used;
};

static ssize_t on_write(void *userdata, ipp_uchar_t *bytes, size_t size)
{
	struct buffer *b = userdata;

	if (size > sizeof(b->bytes) - b->used)
		return -1;
	memcpy(b->bytes + b->used, bytes, size);
	b->used += size;
	return (ssize_t)size;
}

static ipp_t *answer(void)
{
	ipp_t *ipp = ippNew();

	(void)ippSetVersion(ipp, 2, 0);
	(void)ippSetStatusCode(ipp, IPP_STATUS_OK);
	(void)ippSetRequestId(ipp, 1);
	(void)ippAddString(
		ipp, IPP_TAG_OPERATION, IPP_TAG_CHARSET, "attributes-charset", NULL, "utf-8");
	(void)ippAddString(ipp, IPP_TAG_OPERATION, IPP_TAG_LANGUAGE, "attributes-natural-language",
		NULL, "en");
	return ipp;
}

/* Saves `lead` and the message, which it deletes, and `tail`. */
static void save(seed_save_fn *fn, const char *fuzzer, const char *name, uint8_t lead, ipp_t *ipp,
	const char *tail)
{
	static struct buffer b;

	b.bytes[0] = lead;
	b.used = 1;
	(void)ippSetState(ipp, IPP_STATE_IDLE);
	if (ippWriteIO(&b, on_write, 1, NULL, ipp) != IPP_STATE_DATA) {
		(void)fprintf(stderr, "seed: %s/%s does not fit\n", fuzzer, name);
		exit(1);
	}
	(void)on_write(&b, (ipp_uchar_t *)(uintptr_t)tail, strlen(tail));
	fn(fuzzer, name, b.bytes, b.used);
	ippDelete(ipp);
}

static void strings(ipp_t *ipp, ipp_tag_t tag, const char *name, const char *values)
{
	ipp_attribute_t *a = NULL;
	char copy[512], *rest = copy, *value;

	(void)snprintf(copy, sizeof(copy), "%s", values);
	while ((value = strsep(&rest, " ")))
		if (a)
			(void)ippSetString(ipp, &a, ippGetCount(a), value);
		else
			a = ippAddString(ipp, IPP_TAG_PRINTER, tag, name, NULL, value);
}

static ipp_t *media(const char *name, int x, int y)
{
	ipp_t *col = ippNew(), *size = ippNew();

	(void)ippAddInteger(size, IPP_TAG_ZERO, IPP_TAG_INTEGER, "x-dimension", x);
	(void)ippAddInteger(size, IPP_TAG_ZERO, IPP_TAG_INTEGER, "y-dimension", y);
	(void)ippAddCollection(col, IPP_TAG_ZERO, "media-size", size);
	(void)ippAddString(col, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-size-name", NULL, name);
	(void)ippAddInteger(col, IPP_TAG_ZERO, IPP_TAG_INTEGER, "media-top-margin", 300);
	(void)ippAddInteger(col, IPP_TAG_ZERO, IPP_TAG_INTEGER, "media-bottom-margin", 300);
	(void)ippAddInteger(col, IPP_TAG_ZERO, IPP_TAG_INTEGER, "media-left-margin", 300);
	(void)ippAddInteger(col, IPP_TAG_ZERO, IPP_TAG_INTEGER, "media-right-margin", 300);
	(void)ippAddString(col, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-source", NULL, "tray-1");
	(void)ippAddString(col, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-type", NULL, "stationery");
	ippDelete(size);
	return col;
}

static void add_media(ipp_t *ipp)
{
	ipp_t *a4 = media("iso_a4_210x297mm", 21000, 29700);
	ipp_t *letter = media("na_letter_8.5x11in", 21590, 27940), *roll = ippNew(),
	      *size = ippNew();
	const ipp_t *both[] = {a4, letter};

	(void)ippAddCollections(ipp, IPP_TAG_PRINTER, "media-col-database", 2, both);
	(void)ippAddCollections(ipp, IPP_TAG_PRINTER, "media-col-ready", 1, both);
	(void)ippAddCollection(ipp, IPP_TAG_PRINTER, "media-col-default", a4);
	(void)ippAddRange(size, IPP_TAG_ZERO, "x-dimension", 10000, 32900);
	(void)ippAddRange(size, IPP_TAG_ZERO, "y-dimension", 14800, 48300);
	(void)ippAddCollection(roll, IPP_TAG_ZERO, "media-size", size);
	(void)ippAddCollection(ipp, IPP_TAG_PRINTER, "media-size-supported", size);
	(void)ippAddCollection(ipp, IPP_TAG_PRINTER, "media-col-database-2", roll);
	ippDelete(a4);
	ippDelete(letter);
	ippDelete(roll);
	ippDelete(size);
}

static void add_finishings(ipp_t *ipp)
{
	static const int known[] = {3, 4, 5, 20, 28, 94};
	ipp_t *col = ippNew();

	(void)ippAddIntegers(ipp, IPP_TAG_PRINTER, IPP_TAG_ENUM, "finishings-supported", 6, known);
	(void)ippAddInteger(ipp, IPP_TAG_PRINTER, IPP_TAG_ENUM, "finishings-default", 3);
	strings(ipp, IPP_TAG_KEYWORD, "finishing-template-supported",
		"staple-top-left punch-dual-left fold-letter");
	(void)ippAddString(
		col, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "finishing-template", NULL, "staple-top-left");
	(void)ippAddCollection(ipp, IPP_TAG_PRINTER, "finishing-col-database", col);
	ippDelete(col);
}

/* A device that has everything, in the formats `formats`. */
static ipp_t *device(const char *formats)
{
	static const char tray[] = "type=unRemovableBin;pagedelivery=faceDown;stackingorder="
				   "firstToLast;name=face-down;";
	static const int quality[] = {3, 4, 5};
	ipp_t *ipp = answer();

	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-make-and-model", NULL,
		"Example Laser 3000");
	strings(ipp, IPP_TAG_MIMETYPE, "document-format-supported", formats);
	strings(ipp, IPP_TAG_KEYWORD, "ipp-versions-supported", "1.1 2.0");
	strings(ipp, IPP_TAG_KEYWORD, "ipp-features-supported", "airprint-2.1 ipp-everywhere");
	strings(ipp, IPP_TAG_KEYWORD, "urf-supported",
		"V1.4 CP255 W8 SRGB24 RS300-600 DM1 IS1-4 MT1-2 OB10 PQ3-4-5 FN3");
	strings(ipp, IPP_TAG_KEYWORD, "pwg-raster-document-type-supported", "sgray_8 srgb_8");
	strings(ipp, IPP_TAG_KEYWORD, "pwg-raster-document-sheet-back", "rotated");
	(void)ippAddResolution(ipp, IPP_TAG_PRINTER, "pwg-raster-document-resolution-supported",
		IPP_RES_PER_INCH, 300, 300);
	(void)ippAddResolution(
		ipp, IPP_TAG_PRINTER, "printer-resolution-default", IPP_RES_PER_INCH, 600, 600);
	(void)ippAddResolutions(ipp, IPP_TAG_PRINTER, "printer-resolution-supported", 2,
		IPP_RES_PER_INCH, (int[]){300, 600}, (int[]){300, 1200});
	(void)ippAddResolution(
		ipp, IPP_TAG_PRINTER, "pclm-source-resolution-supported", IPP_RES_PER_CM, 118, 118);
	(void)ippAddBoolean(ipp, IPP_TAG_PRINTER, "color-supported", 1);
	(void)ippAddRange(ipp, IPP_TAG_PRINTER, "copies-supported", 1, 99);
	strings(ipp, IPP_TAG_KEYWORD, "sides-supported",
		"one-sided two-sided-long-edge two-sided-short-edge");
	strings(ipp, IPP_TAG_KEYWORD, "print-color-mode-supported", "auto color monochrome");
	strings(ipp, IPP_TAG_KEYWORD, "print-content-optimize-supported", "auto photo text");
	strings(ipp, IPP_TAG_KEYWORD, "print-rendering-intent-supported", "auto perceptual");
	strings(ipp, IPP_TAG_KEYWORD, "print-scaling-supported", "auto fit fill none");
	(void)ippAddIntegers(
		ipp, IPP_TAG_PRINTER, IPP_TAG_ENUM, "print-quality-supported", 3, quality);
	strings(ipp, IPP_TAG_KEYWORD, "media-supported",
		"iso_a4_210x297mm na_letter_8.5x11in custom_min_100x148mm custom_max_329x483mm");
	strings(ipp, IPP_TAG_KEYWORD, "media-default", "iso_a4_210x297mm");
	strings(ipp, IPP_TAG_KEYWORD, "media-source-supported", "auto tray-1 manual");
	strings(ipp, IPP_TAG_KEYWORD, "media-type-supported", "stationery envelope photographic");
	(void)ippAddInteger(
		ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "media-top-margin-supported", 300);
	(void)ippAddInteger(
		ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "media-left-margin-supported", 300);
	strings(ipp, IPP_TAG_KEYWORD, "output-bin-supported", "face-down face-up");
	(void)ippAddOctetString(
		ipp, IPP_TAG_PRINTER, "printer-output-tray", tray, (int)sizeof(tray) - 1);
	(void)ippAddBoolean(ipp, IPP_TAG_PRINTER, "job-account-id-supported", 1);
	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_URI, "printer-strings-uri", NULL,
		"http://device/strings/en.strings");
	add_media(ipp);
	add_finishings(ipp);
	return ipp;
}

/* A printer and its class as cupsd's Get-Printers has them. */
static ipp_t *printers(void)
{
	static const int levels[] = {80, -1, 20};
	ipp_t *ipp = answer();

	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-name", NULL, "laser");
	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-info", NULL, "The laser");
	(void)ippAddString(
		ipp, IPP_TAG_PRINTER, IPP_TAG_URI, "device-uri", NULL, "ipp://10.0.0.5/ipp/print");
	(void)ippAddInteger(ipp, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state", 3);
	(void)ippAddBoolean(ipp, IPP_TAG_PRINTER, "printer-is-accepting-jobs", 1);
	strings(ipp, IPP_TAG_KEYWORD, "printer-state-reasons", "toner-low-warning media-empty");
	strings(ipp, IPP_TAG_NAME, "job-sheets-default", "standard none");
	(void)ippAddInteger(ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "number-up-default", 2);
	(void)ippAddIntegers(ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "marker-levels", 3, levels);
	strings(ipp, IPP_TAG_NAME, "marker-names", "Black \"Cyan Yellow\\");
	strings(ipp, IPP_TAG_NAME, "marker-colors", "#000000 #00FFFF");
	strings(ipp, IPP_TAG_KEYWORD, "marker-types", "toner toner waste-toner");
	(void)ippAddSeparator(ipp);
	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-name", NULL, "pool");
	(void)ippAddInteger(ipp, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-type", CUPS_PRINTER_CLASS);
	strings(ipp, IPP_TAG_NAME, "member-names", "laser gone");
	return ipp;
}

static ipp_t *jobs(void)
{
	ipp_t *ipp = answer();

	(void)ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_INTEGER, "job-id", 7);
	(void)ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_ENUM, "job-state", 5);
	(void)ippAddString(ipp, IPP_TAG_JOB, IPP_TAG_NAME, "platen-job-uuid", NULL,
		"00112233-4455-6677-8899-aabbccddeeff/1");
	(void)ippAddString(ipp, IPP_TAG_JOB, IPP_TAG_NAME, "platen-workspace-uuid", NULL,
		"00112233-4455-6677-8899-aabbccddeefe");
	(void)ippAddString(ipp, IPP_TAG_JOB, IPP_TAG_URI, "job-printer-uri", NULL,
		"ipp://localhost/printers/laser");
	(void)ippAddString(
		ipp, IPP_TAG_JOB, IPP_TAG_KEYWORD, "job-state-reasons", NULL, "job-printing");
	(void)ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_INTEGER, "job-impressions-completed", 3);
	(void)ippAddString(
		ipp, IPP_TAG_JOB, IPP_TAG_TEXT, "job-printer-state-message", NULL, "page 3 of 5");
	(void)ippAddSeparator(ipp);
	(void)ippAddInteger(ipp, IPP_TAG_JOB, IPP_TAG_INTEGER, "job-id", 8);
	return ipp;
}

/* Values that a PPD would take for statements, and types that are not the attribute's. */
static ipp_t *attack(void)
{
	ipp_t *ipp = answer();

	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-make-and-model", NULL,
		"X\"\n*cupsFilter2: \"a b 0 /bin/sh\"\n*%");
	(void)ippAddString(ipp, IPP_TAG_PRINTER, IPP_TAG_MIMETYPE, "document-format-supported",
		NULL, "application/pdf");
	strings(ipp, IPP_TAG_KEYWORD, "media-supported", "../../x a/b \"{ iso_a4_210x297mm");
	(void)ippAddInteger(
		ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "printer-resolution-supported", -1);
	(void)ippAddInteger(ipp, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "sides-supported", 0x7FFFFFFF);
	(void)ippAddString(
		ipp, IPP_TAG_PRINTER, IPP_TAG_URI, "printer-icons", NULL, "file:///etc/passwd");
	(void)ippAddOutOfBand(ipp, IPP_TAG_PRINTER, IPP_TAG_NOVALUE, "finishings-supported");
	return ipp;
}

void seed_ipp(seed_save_fn *fn)
{
	static const char names[] = "\"media-source.tray-1\" = \"Upper \\\"tray\\\"\";\n"
				    "/* x */\n\"finishings.4\"=\"Staple\";\n\"a b\" = \"no\";\n";
	static const char everything[] = "application/pdf image/urf image/pwg-raster "
					 "application/PCLm image/jpeg application/octet-stream";

	save(fn, "attributes", "all", 0, device(everything), names);
	save(fn, "attributes", "raster", 0, device("image/urf image/pwg-raster"), "");
	save(fn, "attributes", "pclm", 0, device("application/PCLm"), "");
	save(fn, "attributes", "generic", 1, device(everything), "");
	save(fn, "attributes", "attack", 0, attack(), "");
	save(fn, "spooler", "printers", 0, printers(), "");
	save(fn, "spooler", "jobs", 1, jobs(), "");
	save(fn, "spooler", "attack", 0, attack(), "");
}
