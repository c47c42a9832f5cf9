/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables for people. What a cell holds is escaped for a terminal when it is put in. */
#ifndef PLATEN_CTL_TABLE_H
#define PLATEN_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* How a text is shown where there is colour: SGR of ECMA-48 8.3.117. */
enum tone {
	TONE_PLAIN = 0,
	TONE_GOOD,
	TONE_WARN,
	TONE_BAD,
	TONE_DIM,
	TONE_HEAD,
	TONE_COUNT,
};

struct table;

/* `heads` ends with NULL and stays the caller's. NULL: out of memory; the functions below take it
 * for a table that failed. */
struct table *table_new(const char *const *heads);
struct table *table_free(struct table *table);

/* Puts the next cell, from left to right, row after row. Nothing (NULL or "") shows as "-". */
void table_cell(struct table *table, enum tone tone, const char *untrusted_text);
void table_cell_printf(struct table *table, enum tone tone, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A line of its own under the row that was put last, indented. Nothing shows as nothing. */
void table_note(struct table *table, const char *untrusted_text);

/* Rows that are complete. */
size_t table_rows(const struct table *table);

/* Columns are as wide as their widest cell and two spaces apart; the last one is not padded. A
 * table without a row prints nothing. 0, or -ENOMEM when a cell could not be kept. */
int table_print(const struct table *table, FILE *out, bool colour);

/* Columns of a terminal that a text takes: wide characters two, combining ones none (wcwidth(3);
 * in a locale without UTF-8 each character counts one). */
int text_width(const char *text);

/* Writes `text`, which is safe to write, in a tone. */
void tone_print(FILE *out, bool colour, enum tone tone, const char *text);

/* Writes a text from elsewhere, escaped. */
void tone_print_escaped(FILE *out, bool colour, enum tone tone, const char *untrusted_text);

#endif
