/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated lists, read by the grammar that cupsd has for the values of ATTR: lines.
 *
 * A quote may open anywhere in a word and hides commas until it closes; a backslash takes the next
 * character as it is. An unclosed quote ends with the list. Writers escape for themselves, for how
 * often a value is parsed is theirs to know.
 */
#include "proto/base/words.h"

#include <errno.h>
#include <string.h>

#include "proto/base/text.h"

#define WORD_SIZE 512 /* bytes: the longest list of reasons is one such word */

bool words_next(const char **list, char *buf, size_t size)
{
	const char *s = *list;
	char word[WORD_SIZE];
	size_t used = 0;
	char quote = 0;

	if (!*s)
		return false;
	for (; *s && (quote || *s != ','); s++) {
		if (quote && *s == quote) {
			quote = 0;
			continue;
		}
		if (!quote && (*s == '"' || *s == '\'')) {
			quote = *s;
			continue;
		}
		if (*s == '\\' && s[1])
			s++;
		if (used + 1 < sizeof(word))
			word[used++] = *s;
	}
	word[used] = '\0';
	(void)text_copy(buf, size, word);
	*list = *s ? s + 1 : s;
	return true;
}

bool words_have(const char *list, const char *word)
{
	char one[WORD_SIZE];

	while (words_next(&list, one, sizeof(one)))
		if (strcmp(one, word) == 0)
			return true;
	return false;
}

int words_add(char *list, size_t size, const char *word)
{
	size_t used = strlen(list), len = strlen(word);

	if (used + len + 2 > size)
		return -E2BIG;
	if (used)
		list[used++] = ',';
	memcpy(list + used, word, len + 1);
	return 0;
}
