/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of any bytes, cleaned for a workspace that renders by itself: what comes of it is UTF-8
 * in lines, its filters are programs of the spooler's own folder, and it is left as it is when it
 * is cleaned again. Packed bytes are unpacked with a bound.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libcups-ppd.h"

/* Reads what another program would run or open; never in a driver of ours. */
static const char *const forbidden[] = {"*Include", "*APDialogExtension", "*APPrinterUtilityPath",
	"*APPrinterIconPath", "*APHelpBook", "*Foomatic", "*foomatic", "*cupsICCProfile",
	"*cupsPortMonitor", "*PatchFile", "*cupsCommands"};

/* "*cupsFilter: "type cost program"": the program is the last word. */
static void look_at_filter(const char *line, const char *end)
{
	const char *quote = memchr(line, '"', (size_t)(end - line)), *program;

	PROMISE(quote && end[-1] == '"');
	program = memrchr(quote, ' ', (size_t)(end - quote));
	PROMISE(program && program[1] != '"');
	PROMISE(!memchr(program, '/', (size_t)(end - program)));
	PROMISE(program[1] != '.');
}

static void look(const char *text, size_t size)
{
	bool in_code = false;
	const char *end;

	PROMISE(text_is_utf8(text, size));
	PROMISE(size > 0 && text[size - 1] == '\n');
	for (const char *line = text; line < text + size; line = end + 1) {
		size_t quotes = 0;

		end = memchr(line, '\n', size - (size_t)(line - text));
		PROMISE(end != NULL);
		for (const char *c = line; c < end; c++)
			quotes += *c == '"';
		if (!in_code && line[0] == '*') {
			for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
				PROMISE(strncmp(line, forbidden[i], strlen(forbidden[i])) != 0);
			if (strncmp(line, "*cupsFilter", 11) == 0 ||
				strncmp(line, "*cupsPreFilter", 14) == 0)
				look_at_filter(line, end);
		}
		PROMISE(quotes <= 2);
		in_code ^= quotes & 1; /* libcups counts them over the lines */
	}
	PROMISE(!in_code);
}

static void look_as_libcups(const char *text, size_t size)
{
	ppd_file_t *ppd = libcups_read(text, size);

	if (!ppd)
		return;
	for (int i = 0; i < ppd->num_filters; i++) {
		const char *program = strrchr(ppd->filters[i], ' ');

		PROMISE(program && program[1] && program[1] != '.' && !strchr(program, '/'));
	}
	ppdClose(ppd);
}

static void unpack(const uint8_t *data, size_t size)
{
	uint8_t *bytes;
	size_t n;

	if (ppd_gunzip(data, size, 65536, &bytes, &n) < 0)
		return;
	PROMISE(n <= 65536);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ppd_report report, again;
	char *text, *text_again;
	size_t text_size, size_again;
	int r = ppd_clean_whole(data, size, NULL, NULL, &report, &text, &text_size);

	unpack(data, size);
	PROMISE(r == 0 || r == -EBADMSG);
	if (r < 0) {
		PROMISE(report.why[0] != '\0' && text_is_line(report.why));
		return 0;
	}
	look(text, text_size);
	look_as_libcups(text, text_size);
	PROMISE(text_terminated(report.filters, sizeof(report.filters)));
	PROMISE(!strpbrk(report.filters, "/ \"'`$;&|<>\\"));
	r = ppd_clean_whole(
		(const uint8_t *)text, text_size, NULL, NULL, &again, &text_again, &size_again);
	PROMISE(r == 0);
	PROMISE(size_again == text_size && memcmp(text, text_again, text_size) == 0);
	PROMISE(strcmp(report.filters, again.filters) == 0);
	free(text);
	free(text_again);
	return 0;
}
