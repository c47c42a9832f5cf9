/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of any bytes: it is refused, or what comes of it is UTF-8 in lines, with nothing that a
 * spooler would run or read, and is left as it is when it is cleaned again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libcups-ppd.h"

/* One statement of a clean PPD may not begin so. */
static const char *const forbidden[] = {"*cupsFilter2", "*cupsPreFilter", "*cupsCommands",
	"*cupsICCProfile", "*cupsPortMonitor", "*Foomatic", "*foomatic", "*JobPatchFile",
	"*Include", "*APDialogExtension", "*APPrinterUtilityPath", "*APPrinterIconPath",
	"*APHelpBook", "*JCLBegin", "*JCLEnd", "*JCLToPSInterpreter", "*Password", "*ExitServer",
	"*Reset", "*PatchFile", "*HalftoneID", "*SymbolValue"};

static void look(const char *text, size_t size)
{
	unsigned int filters = 0, quotes;
	const char *end;

	PROMISE(text_is_utf8(text, size));
	PROMISE(size > 0 && text[size - 1] == '\n');
	for (const char *line = text; line < text + size; line = end + 1) {
		end = memchr(line, '\n', size - (size_t)(line - text));
		PROMISE(end != NULL);
		quotes = 0;
		for (const char *c = line; c < end; c++) {
			PROMISE((unsigned char)*c >= ' ' && *c != 0x7F);
			quotes += *c == '"';
		}
		PROMISE(quotes == 0 || quotes == 2); /* libcups counts them over the lines */
		PROMISE(line[0] == '*');
		for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
			PROMISE(strncmp(line, forbidden[i], strlen(forbidden[i])) != 0);
		if (strncmp(line, "*cupsFilter", 11) == 0) {
			filters++;
			PROMISE(strncmp(line, "*cupsFilter: \"*/* 0 -\"\n", 23) == 0);
		}
	}
	PROMISE(filters == 1);
}

static void look_as_libcups(const char *text, size_t size)
{
	ppd_file_t *ppd = libcups_read(text, size);

	if (!ppd)
		return;
	PROMISE(ppd->num_filters == 1 && strcmp(ppd->filters[0], "*/* 0 -") == 0);
	PROMISE(!ppd->patches && !ppd->jcl_begin && !ppd->jcl_end && !ppd->jcl_ps);
	ppdClose(ppd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ppd_report report, again;
	char *text, *text_again;
	size_t text_size, size_again;
	int r = ppd_clean(data, size, NULL, NULL, &report, &text, &text_size);

	PROMISE(r == 0 || r == -EBADMSG);
	if (r < 0) {
		PROMISE(report.why[0] != '\0');
		return 0;
	}
	look(text, text_size);
	look_as_libcups(text, text_size);
	r = ppd_clean(
		(const uint8_t *)text, text_size, NULL, NULL, &again, &text_again, &size_again);
	PROMISE(r == 0);
	PROMISE(size_again == text_size && memcmp(text, text_again, text_size) == 0);
	PROMISE(again.dropped == 0);
	PROMISE(strcmp(report.model, again.model) == 0);
	free(text);
	free(text_again);
	return 0;
}
