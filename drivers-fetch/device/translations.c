/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Languages of a PPD that is made for one at a time.
 *
 * libcupsfilters writes the texts of one catalogue into a PPD. The same device with another
 * catalogue gives the same PPD with other texts; of that one each option's and choice's text
 * becomes a translation in the first. All of them, also those that are alike: a language with a
 * part of its texts is a fault to cupstestppd(1).
 */
#include "drivers-fetch/device/translations.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_SIZE 128 /* bytes */

/* "zh-tw" as PPDs have it: "zh_TW". */
static void tag_of(const char *language, char tag[static 16])
{
	size_t i = 0;

	for (; language[i] && language[i] != '-' && i < 15; i++)
		tag[i] = language[i];
	if (language[i] == '-' && i < 14) {
		tag[i++] = '_';
		for (; language[i] && i < 15; i++)
			tag[i] = (char)toupper((unsigned char)language[i]);
	}
	tag[i] = '\0';
}

/* `*KEYWORD WORD/Text:` in parts, without a text the word is it; false when the line is not that.
 */
static bool split(const char *line, const char *keyword, char word[static WORD_SIZE],
	const char **ret_text, size_t *ret_size)
{
	size_t n = strlen(keyword), w;

	if (line[0] != '*' || strncmp(line + 1, keyword, n) != 0 || line[n + 1] != ' ')
		return false;
	line += n + 2;
	w = strcspn(line, "/:\n");
	if (w == 0 || w >= WORD_SIZE || !line[w] || line[w] == '\n')
		return false;
	memcpy(word, line, w);
	word[w] = '\0';
	*ret_text = line[w] == '/' ? line + w + 1 : line;
	*ret_size = strcspn(*ret_text, ":\n");
	return *ret_size > 0 && (*ret_text)[*ret_size] == ':';
}

static void write_one(const struct translation *t, FILE *out)
{
	char tag[16], option[WORD_SIZE] = "", word[WORD_SIZE];
	const char *text;
	size_t n;

	tag_of(t->language, tag);
	for (const char *line = t->ppd; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (split(line, "OpenUI", word, &text, &n) && word[0] == '*') {
			(void)memmove(option, word + 1, strlen(word));
			fprintf(out, "*%s.Translation %s/%.*s: \"\"\n", tag, option, (int)n, text);
		} else if (option[0] && split(line, option, word, &text, &n)) {
			fprintf(out, "*%s.%s %s/%.*s: \"\"\n", tag, option, word, (int)n, text);
		}
	}
}

void translations_write(
	const char *ppd, const struct translation *translations, size_t count, FILE *out)
{
	static const char languages[] = "*cupsLanguages:";
	char tag[16];

	for (size_t n; *ppd; ppd += n) {
		n = strcspn(ppd, "\n");
		n += ppd[n] == '\n';
		if (strncmp(ppd, languages, sizeof(languages) - 1) != 0) {
			(void)fwrite(ppd, 1, n, out);
			continue;
		}
		fprintf(out, "%s \"en", languages);
		for (size_t i = 0; i < count; i++) {
			tag_of(translations[i].language, tag);
			if (strcmp(tag, "en") != 0)
				fprintf(out, " %s", tag);
		}
		fputs("\"\n", out);
	}
	for (size_t i = 0; i < count; i++)
		write_one(&translations[i], out);
}
