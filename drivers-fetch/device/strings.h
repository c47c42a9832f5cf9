/* SPDX-License-Identifier: Apache-2.0 */
/* A device's own names for its options and choices: the message catalogue of PWG 5100.13 5.6.22
 * (printer-strings-uri), lines of `"option.choice" = "text";`. */
#ifndef PLATEN_DEVICE_STRINGS_H
#define PLATEN_DEVICE_STRINGS_H

#include <stdbool.h>
#include <stdio.h>

#define STRINGS_LINES_MAX 5000
#define STRINGS_LINE_MAX  1024 /* bytes; a longer one is left out */

/* Reads one line into a key of IPP words and a text that attributes_text() has gone over (arrays of
 * STRINGS_LINE_MAX). False: it is no such line. */
bool strings_line(char *untrusted_line, char *key, char *text);

/* Writes what is in order of `in` to `out`, up to the mark of another catalogue, whose language
 * goes to `next` (of FETCH_LANGUAGE_SIZE; empty: that was all). Returns the lines written. */
unsigned int strings_take(FILE *in, FILE *out, char *next);

/* The last text of a key in the file `path` that strings_take() wrote; `text` of STRINGS_LINE_MAX.
 */
bool strings_find(const char *path, const char *key, char *text);

#endif
