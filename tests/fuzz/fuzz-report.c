/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backend tells cupsd on its stderr, which sets a queue's state, attributes and even its
 * PPD: whatever an agent, and behind it a host and a device, has it say, each line is one of the
 * few that are ours, and takes nothing away that the queue had before.
 *
 * The bytes are two statuses, one after the other, cut to the size of each, and then what reasons
 * the queue had before.
 */
#include <string.h>

#include "guest/backend/report.h"
#include "proto/base/text.h"
#include "proto/base/words.h"
#include "tests/fuzz/fuzz.h"

static const char *const beginnings[] = {"INFO: ", "STATE: +", "STATE: -",
	"ATTR: job-media-progress=", "PAGE: total ", "ATTR: marker-names='", "ATTR: marker-types='",
	"ATTR: marker-colors='", "ATTR: marker-levels='", "ATTR: marker-low-levels='",
	"ATTR: marker-high-levels='"};

static void look_at_state(const char *line, const char *before)
{
	const char *list = line + strlen("STATE: +");
	char word[REASONS_SIZE];

	while (words_next(&list, word, sizeof(word))) {
		PROMISE(text_is_keyword(word) && strcmp(word, "paused") != 0);
		PROMISE(strcmp(word, "none") != 0);
		PROMISE(!words_have(before, word)); /* neither added twice nor taken away */
	}
}

static void look_at(char *text, const char *before)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		bool known = line[0] == '\0' && !text;

		PROMISE(text_is_line(line) && strlen(line) < 2047); /* CUPS_MAX_MESSAGE */
		for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
			known |= strncmp(line, beginnings[i], strlen(beginnings[i])) == 0;
		PROMISE(known);
		if (strncmp(line, "STATE: ", 7) == 0)
			look_at_state(line, before);
		if (strncmp(line, "ATTR: marker", 12) == 0)
			PROMISE(line[strlen(line) - 1] == '\'');
	}
}

static size_t take(void *object, size_t object_size, const uint8_t **data, size_t *size)
{
	size_t n = object_size < *size ? object_size : *size;

	memcpy(object, *data, n);
	*data += n;
	*size -= n;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct backend_status status;
	FILE *real = stderr, *said;
	struct report report;
	char before[REASONS_SIZE] = "", *text = NULL;
	size_t text_size = 0;

	if (size > 2 * sizeof(status)) {
		const uint8_t *at = data + 2 * sizeof(status);
		size_t left = size - 2 * sizeof(status);

		(void)take(before, sizeof(before) - 1, &at, &left);
		size = 2 * sizeof(status);
	}
	report_init(&report, before);
	said = open_memstream(&text, &text_size);
	PROMISE(said);
	stderr = said;
	for (int i = 0; i < 2; i++) {
		memset(&status, 0, sizeof(status));
		(void)take(&status, sizeof(status), &data, &size);
		(void)report_status(&report, &status);
	}
	report_reasons(&report, "");
	stderr = real;
	PROMISE(fclose(said) == 0);
	look_at(text, before);
	free(text);
	return 0;
}
