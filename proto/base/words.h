/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated lists: state reasons, and the values of filter(7)'s ATTR: lines, whose words may
 * stand in quotes or have a backslash before a character that is meant itself.
 */
#ifndef PLATEN_BASE_WORDS_H
#define PLATEN_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Takes the next word from *list, unquoted, and moves *list behind it and its comma. A word that
 * does not fit is cut at a character's border. False at the end; the empty list has no word. */
bool words_next(const char **list, char *buf, size_t size);

/* Whether `word` is in a list. */
bool words_have(const char *list, const char *word);

/* Appends a word as it is, with a comma before it unless the list is empty. 0, or -E2BIG (nothing
 * is appended). */
int words_add(char *list, size_t size, const char *word);

#endif
