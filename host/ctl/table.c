/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables whose columns line up, whatever the cells hold.
 *
 * Names of printers and titles of jobs come from elsewhere: a cell is escaped when it is put in, so
 * that nothing of it can steer a terminal, and measured in columns, not in bytes, so that Ü and 漢
 * do not shift what follows. Colour is put around a cell at the end, outside of its width.
 */
#include "host/ctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define GAP 2 /* spaces between columns */

struct cell {
	char *text;
	int width;
	enum tone tone;
	char *note; /* under its row, at the row's last cell */
};

struct table {
	const char *const *heads;
	size_t columns;
	struct cell *cells; /* row after row */
	size_t count, size;
	bool failed;
};

/* A text from elsewhere, made fit for a terminal. The caller frees it. NULL: out of memory. */
static char *escaped(const char *untrusted_text)
{
	size_t size = 4 * strlen(untrusted_text) + 4;
	char *text = malloc(size);

	return text ? text_escape(untrusted_text, text, size) : NULL;
}

int text_width(const char *text)
{
	mbstate_t state = {0};
	size_t left = strlen(text);
	int width = 0;

	while (left) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		int columns = 1;

		if (n == 0 || n > left) {
			/* No UTF-8 here: a byte that begins a character counts, others do not. */
			memset(&state, 0, sizeof(state));
			columns = ((unsigned char)*text & 0xC0) != 0x80;
			n = 1;
		} else if (wcwidth(c) >= 0) {
			columns = wcwidth(c);
		}
		width += columns;
		text += n;
		left -= n;
	}
	return width;
}

struct table *table_new(const char *const *heads)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->heads = heads;
	while (heads[table->columns])
		table->columns++;
	return table;
}

struct table *table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->count; i++) {
		free(table->cells[i].text);
		free(table->cells[i].note);
	}
	free(table->cells);
	free(table);
	return NULL;
}

void table_cell(struct table *table, enum tone tone, const char *untrusted_text)
{
	struct cell cell = {.tone = tone};

	if (!table || table->failed)
		return;
	if (table->count == table->size) {
		size_t size = table->size ? 2 * table->size : 64;
		struct cell *grown = reallocarray(table->cells, size, sizeof(*grown));

		if (!grown) {
			table->failed = true;
			return;
		}
		table->cells = grown;
		table->size = size;
	}
	cell.text = escaped(untrusted_text && untrusted_text[0] ? untrusted_text : "-");
	if (!cell.text) {
		table->failed = true;
		return;
	}
	cell.width = text_width(cell.text);
	table->cells[table->count++] = cell;
}

void table_cell_printf(struct table *table, enum tone tone, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		if (table)
			table->failed = true;
		return;
	}
	table_cell(table, tone, text);
}

void table_note(struct table *table, const char *untrusted_text)
{
	struct cell *last;

	if (!table || table->failed || table->count == 0 || !untrusted_text || !untrusted_text[0])
		return;
	last = &table->cells[table->count - 1];
	free(last->note);
	last->note = escaped(untrusted_text);
	table->failed = !last->note;
}

size_t table_rows(const struct table *table)
{
	return table ? table->count / table->columns : 0;
}

void tone_print(FILE *out, bool colour, enum tone tone, const char *text)
{
	static const char *const sgr[TONE_COUNT] = {
		[TONE_GOOD] = "32",
		[TONE_WARN] = "33",
		[TONE_BAD] = "31",
		[TONE_DIM] = "2",
		[TONE_HEAD] = "1",
	};

	if (colour && sgr[tone])
		fprintf(out, "\033[%sm%s\033[0m", sgr[tone], text);
	else
		fputs(text, out);
}

void tone_print_escaped(FILE *out, bool colour, enum tone tone, const char *untrusted_text)
{
	_cleanup_free_ char *text = escaped(untrusted_text ? untrusted_text : "");

	tone_print(out, colour, tone, text ? text : "(out of memory)");
}

static void put(FILE *out, bool colour, enum tone tone, const char *text, int pad)
{
	tone_print(out, colour, tone, text);
	fprintf(out, "%*s", pad, "");
}

int table_print(const struct table *table, FILE *out, bool colour)
{
	_cleanup_free_ int *widths = NULL;
	size_t last;

	if (!table || table->failed)
		return -ENOMEM;
	if (table->count == 0)
		return 0;
	widths = calloc(table->columns, sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	last = table->columns - 1;
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = text_width(table->heads[i]);
	for (size_t i = 0; i < table->count; i++)
		if (widths[i % table->columns] < table->cells[i].width)
			widths[i % table->columns] = table->cells[i].width;
	for (size_t i = 0; i <= last; i++)
		put(out, colour, TONE_HEAD, table->heads[i],
			i == last ? 0 : widths[i] - text_width(table->heads[i]) + GAP);
	fputc('\n', out);
	for (size_t i = 0; i < table->count; i++) {
		const struct cell *cell = &table->cells[i];
		bool ends = i % table->columns == last;

		put(out, colour, cell->tone, cell->text,
			ends ? 0 : widths[i % table->columns] - cell->width + GAP);
		if (!ends)
			continue;
		fputc('\n', out);
		if (cell->note)
			fprintf(out, "    %s\n", cell->note);
	}
	return 0;
}
