/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that a device gives its trays and finishings, gone over line by line.
 *
 * libcupsfilters reads such a file by itself, but unbounded, and unescapes what it reads. So it
 * gets one that we wrote: keys are IPP words, texts are one line in which nothing has a meaning.
 */
#include "drivers-fetch/device/strings.h"

#include <string.h>

#include "drivers-fetch/device/attributes.h"
#include "proto/base/fetch.h"
#include "proto/base/text.h"

/* Steps over `"…"` with escapes. Returns what follows, NULL when it never ends. */
static char *quoted(char *p, char **ret_start)
{
	if (*p != '"')
		return NULL;
	*ret_start = ++p;
	for (; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	if (!*p)
		return NULL;
	*p = '\0';
	return p + 1;
}

bool strings_line(char *untrusted_line, char *key, char *text)
{
	char *p = untrusted_line + strspn(untrusted_line, " \t"), *word, *said;
	size_t n;

	p = quoted(p, &word);
	if (!p)
		return false;
	p += strspn(p, " \t");
	if (*p++ != '=')
		return false;
	p += strspn(p, " \t");
	if (!quoted(p, &said))
		return false;
	n = strlen(word);
	if (n == 0 || n > 127 || strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n ||
		!text_is_utf8(said, strlen(said)))
		return false;
	memcpy(key, word, n + 1);
	return attributes_text(said, text, ATTRIBUTES_TEXT_MAX + 1);
}

/* "\x01de\n" */
static bool is_mark(const char *line, char *next)
{
	char word[FETCH_LANGUAGE_SIZE], sound[FETCH_LANGUAGE_SIZE];

	if (line[0] != NAMES_MARK[0] || sscanf(line + 1, "%15[a-z-]", word) != 1 ||
		!fetch_languages_parse(word, sound, sizeof(sound)))
		return false;
	memcpy(next, sound, sizeof(sound));
	return true;
}

unsigned int strings_take(FILE *in, FILE *out, char *next)
{
	char line[STRINGS_LINE_MAX], key[STRINGS_LINE_MAX], text[STRINGS_LINE_MAX];
	unsigned int written = 0;
	bool whole = true;

	next[0] = '\0';
	for (unsigned int i = 0; fgets(line, sizeof(line), in); i++) {
		bool begins = whole;

		whole = strchr(line, '\n') != NULL;
		if (begins && is_mark(line, next))
			return written;
		if (!begins || i >= STRINGS_LINES_MAX || !strings_line(line, key, text))
			continue;
		fprintf(out, "\"%s\" = \"%s\";\n", key, text);
		written++;
	}
	return written;
}

bool strings_find(const char *path, const char *key, char *text)
{
	char line[STRINGS_LINE_MAX * 2], is[STRINGS_LINE_MAX], said[STRINGS_LINE_MAX];
	FILE *in = fopen(path, "re");
	bool found = false;

	while (in && fgets(line, sizeof(line), in)) {
		if (!strings_line(line, is, said) || strcmp(is, key) != 0)
			continue;
		memcpy(text, said, sizeof(said));
		found = true;
	}
	if (in)
		(void)fclose(in);
	return found;
}
