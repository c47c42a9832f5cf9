/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's answer of any bytes, on the whole way that it takes through platen-device: read, gone
 * over, made into a PPD by libcupsfilters, and cleaned as platen-fetch does it.
 *
 * The first byte says whether a generic driver is made; what follows the message is the catalogue
 * of the device's own names.
 */
#include <cups/cups.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "drivers-fetch/device/answer.h"
#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/ppd-make.h"
#include "drivers-fetch/device/strings.h"
#include "drivers-fetch/device/translations.h"
#include "drivers-fetch/ppd.h"
#include "proto/base/fetch.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

/* Of clang's sanitizer. The maker of PPDs, libcupsfilters 1.28.17, forgets texts of choices, and an
 * array of sizes when a device names a maximum and no minimum; platen-device ends after one answer.
 * libcups has no frame pointers, so that the array's stack ends there. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcupsfilters.so\nleak:^cupsArrayNew3$\n";
}

/* What is handed on: text without a sign that means something in a PPD, in the bounds. */
static void look_at(ipp_t *ipp, int depth)
{
	static const char meaning[] = "\":;<>\\`%*()$|&{}\n\r";

	PROMISE(depth <= ATTRIBUTES_DEPTH_MAX);
	for (ipp_attribute_t *a = ippFirstAttribute(ipp); a; a = ippNextAttribute(ipp)) {
		ipp_tag_t tag = ippGetValueTag(a);

		PROMISE(ippGetName(a) && !strstr(ippGetName(a), "uri"));
		PROMISE(tag != IPP_TAG_URI);
		PROMISE(ippGetCount(a) <= ATTRIBUTES_VALUES_MAX);
		for (int i = 0; i < ippGetCount(a); i++) {
			const char *text = ippGetString(a, i, NULL);

			if (text && tag == IPP_TAG_MIMETYPE)
				PROMISE(text_is_mime(text));
			else if (text)
				PROMISE(text_is_line(text) && !strpbrk(text, meaning) &&
					strlen(text) <= ATTRIBUTES_TEXT_MAX);
			if (tag == IPP_TAG_BEGIN_COLLECTION)
				look_at(ippGetCollection(a, i), depth + 1);
		}
	}
}

/* The names, as a file of ours. Its path, or an empty one. */
static void take_strings(const uint8_t *bytes, size_t size, char path[static 1024])
{
	char *text = NULL, next[FETCH_LANGUAGE_SIZE];
	size_t text_size = 0;
	FILE *in = size ? fmemopen((void *)(uintptr_t)bytes, size, "r") : NULL;
	FILE *out = open_memstream(&text, &text_size);
	int fd;

	PROMISE(out);
	if (in) {
		do
			PROMISE(strings_take(in, out, next) <= STRINGS_LINES_MAX);
		while (next[0]);
		(void)fclose(in);
	}
	PROMISE(fclose(out) == 0);
	path[0] = '\0';
	if (text_size) {
		PROMISE(text_is_utf8(text, text_size) && text[text_size - 1] == '\n');
		fd = cupsTempFd(path, 1024);
		PROMISE(fd >= 0 && write(fd, text, text_size) == (ssize_t)text_size);
		(void)close(fd);
	}
	free(text);
}

/* The same with its own texts as a translation. */
static char *translate(char *ppd, size_t *ret_size)
{
	struct translation translation = {.language = "zh-tw", .ppd = ppd};
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	PROMISE(out);
	translations_write(ppd, &translation, 1, out);
	PROMISE(fclose(out) == 0);
	free(ppd);
	return text;
}

/* Makes the PPD, and cleans it. */
static void make(ipp_t *attributes, const char *names)
{
	struct ppd_report report;
	char *made = NULL, *clean;
	size_t made_size = 0, clean_size;
	FILE *out = open_memstream(&made, &made_size);
	int r;

	PROMISE(out);
	r = ppd_make(attributes, names, out);
	PROMISE(fclose(out) == 0);
	PROMISE(r == 0 || r == -ENODATA);
	if (r == 0) {
		made = translate(made, &made_size);
		r = ppd_clean(
			(const uint8_t *)made, made_size, NULL, NULL, &report, &clean, &clean_size);
		PROMISE(r == 0 || (r == -EBADMSG && text_is_line(report.why) && report.why[0]));
		if (r == 0)
			free(clean);
	}
	free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char strings[1024], where[ANSWER_PATH_SIZE];
	ipp_t *untrusted, *attributes;
	unsigned int dropped;
	size_t used;

	if (size < 1 || answer_read(data + 1, size - 1, &untrusted, &used) < 0)
		return 0;
	PROMISE(used <= size - 1);
	if (answer_strings_path(untrusted, where))
		PROMISE(where[0] == '/' && text_is_line(where));
	attributes = attributes_take(untrusted, &dropped);
	ippDelete(untrusted);
	PROMISE(attributes);
	look_at(attributes, 0);
	take_strings(data + 1 + used, size - 1 - used, strings);
	if (data[0] & 1)
		PROMISE(ppd_make_generic(attributes) == 0);
	make(attributes, strings[0] ? strings : NULL);
	if (strings[0])
		(void)unlink(strings);
	ippDelete(attributes);
	return 0;
}
