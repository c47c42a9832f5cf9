/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control channel to cupsd.
 *
 * A backend's stderr sets the queue's state, attributes and even its PPD, so each line here is made
 * of a prefix of our own and of text that cannot end it. Reasons are kept as a set: the end of a
 * job takes away exactly what it had added, and nothing that the queue had before. `paused` would
 * stop the queue and `none` be shown as a reason, so neither is passed on.
 */
#include "guest/backend/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/base/words.h"

#define LINE_SIZE 2000 /* bytes; cupsd cuts a line at 2047 (CUPS_MAX_MESSAGE) */

void report_init(struct report *report, const char *before)
{
	*report = (struct report){0};
	(void)text_copy(report->before, sizeof(report->before), before ? before : "");
}

void report_line(const char *prefix, const char *text)
{
	char line[MESSAGE_SIZE];

	text_copy_line(line, sizeof(line), text);
	fprintf(stderr, "%s: %s\n", prefix, line);
}

/* Those words of `list` that are in neither of the others. */
static void difference(const char *list, const char *less, const char *also_less, char *ret)
{
	char word[REASONS_SIZE];

	ret[0] = '\0';
	while (words_next(&list, word, sizeof(word)))
		if (text_is_keyword(word) && strcmp(word, "paused") != 0 &&
			strcmp(word, "none") != 0 && !words_have(less, word) &&
			!words_have(also_less, word))
			(void)words_add(ret, REASONS_SIZE, word);
}

void report_reasons(struct report *report, const char *reasons)
{
	char gone[REASONS_SIZE], new[REASONS_SIZE], all[REASONS_SIZE];

	difference(report->reasons, reasons, "", gone);
	difference(reasons, report->reasons, report->before, new);
	difference(reasons, report->before, "", all);
	if (gone[0])
		fprintf(stderr, "STATE: -%s\n", gone);
	if (new[0])
		fprintf(stderr, "STATE: +%s\n", new);
	(void)text_copy(report->reasons, sizeof(report->reasons), all);
}

int report_quote(const char *list, char *buf, size_t size)
{
	char word[MARKERS_SIZE];
	size_t used = 0;

	/* cupsd takes one level away for the line, a second one for the list (2.4.2: a backslash
	 * counts inside quotes in the first, only outside of them in the second). */
	buf[used++] = '\'';
	for (bool first = true; words_next(&list, word, sizeof(word)); first = false) {
		if (!first)
			buf[used++] = ',';
		for (const char *c = word; *c; c++) {
			if (used + 8 > size)
				return -E2BIG;
			if (strchr("\\'\",", *c))
				used += (size_t)sprintf(buf + used, "\\\\");
			if (strchr("\\'", *c))
				buf[used++] = '\\';
			buf[used++] = *c;
		}
		if (used + 8 > size)
			return -E2BIG;
	}
	buf[used++] = '\'';
	buf[used] = '\0';
	return 0;
}

static void report_markers(const struct backend_status *s)
{
	const struct {
		const char *name, *value;
	} lists[] = {
		{"marker-names", s->marker_names},
		{"marker-types", s->marker_types},
		{"marker-colors", s->marker_colors},
		{"marker-low-levels", s->marker_low_levels},
		{"marker-high-levels", s->marker_high_levels},
		{"marker-levels", s->marker_levels},
	};
	char quoted[LINE_SIZE];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (lists[i].value[0] && report_quote(lists[i].value, quoted, sizeof(quoted)) == 0)
			fprintf(stderr, "ATTR: %s=%s\n", lists[i].name, quoted);
}

static bool is_sound(const struct backend_status *s)
{
#define LINE(m) (text_terminated(s->m, sizeof(s->m)) && text_is_line(s->m))
	return LINE(text) && LINE(reasons) && LINE(marker_names) && LINE(marker_types) &&
	       LINE(marker_colors) && LINE(marker_levels) && LINE(marker_low_levels) &&
	       LINE(marker_high_levels) && s->progress <= 100;
#undef LINE
}

bool report_status(struct report *report, const struct backend_status *s)
{
	const struct backend_status *shown = &report->shown;

	if (!is_sound(s))
		return false;
	if (s->text[0] && strcmp(s->text, shown->text) != 0)
		report_line("INFO", s->text);
	report_reasons(report, s->reasons);
	if (s->progress && s->progress != shown->progress)
		fprintf(stderr, "ATTR: job-media-progress=%u\n", s->progress);
	if (s->pages && s->pages != shown->pages)
		fprintf(stderr, "PAGE: total %u\n", s->pages);
	if (memcmp(s->marker_names, shown->marker_names,
		    sizeof(*s) - offsetof(struct backend_status, marker_names)) != 0)
		report_markers(s);
	report->shown = *s;
	return true;
}
