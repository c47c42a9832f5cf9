/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words and texts of a PPD: what may be one, and how a text of theirs becomes one of ours.
 *
 * A file says in which encoding its texts are, and may be wrong: what is UTF-8 is taken for that,
 * anything else for what was said. Control characters, and what could end a value or begin another
 * statement, become blanks.
 */
#include "drivers-fetch/ppd-model.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "drivers-fetch/ppd.h"
#include "proto/base/text.h"

bool ppd_is_word(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > PPD_WORD_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7F || strchr(":/\"\\<>`", *s))
			return false;
	return true;
}

bool ppd_is_words(const char *s)
{
	if (strlen(s) > PPD_WORDS_MAX)
		return false;
	for (; *s; s++)
		if (*s < ' ' || *s >= 0x7F || strchr("\"`\\<>;|$", *s))
			return false;
	return true;
}

bool ppd_is_numbers(const char *s)
{
	return *s && strlen(s) <= PPD_TEXT_MAX && strspn(s, "0123456789+-.eE ") == strlen(s);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Replaces <hex pairs> by the bytes they stand for (PPD 4.3, 3.6), in place. */
static void decode_hex(char *s)
{
	char *to = s;

	while (*s) {
		char *p = s + 1;

		while (*s == '<' && hex(p[0]) >= 0 && hex(p[1]) >= 0)
			p += 2;
		if (*s != '<' || *p != '>' || p == s + 1) {
			*to++ = *s++;
			continue;
		}
		for (s++; s < p; s += 2)
			*to++ = (char)(hex(s[0]) << 4 | hex(s[1]));
		s++;
	}
	*to = '\0';
}

/* Blanks at the ends say nothing, and a reader may or may not keep them. */
static void trim(char *buf)
{
	size_t lead = strspn(buf, " "), n = strlen(buf);

	while (n > lead && buf[n - 1] == ' ')
		n--;
	memmove(buf, buf + lead, n - lead);
	buf[n - lead] = '\0';
}

bool ppd_text_take(iconv_t encoding, const char *from, char *buf, size_t size)
{
	char raw[PPD_TEXT_MAX * 4], wide[PPD_TEXT_MAX * 4];

	if (text_copy(raw, sizeof(raw), from) < 0)
		raw[sizeof(raw) - 1] = '\0';
	decode_hex(raw);
	if (!text_is_utf8(raw, strlen(raw))) {
		char *in = raw, *out = wide;
		size_t in_left = strlen(raw), out_left = sizeof(wide) - 1;

		(void)iconv(encoding, NULL, NULL, NULL, NULL);
		(void)iconv(encoding, &in, &in_left, &out, &out_left);
		*out = '\0';
		text_copy_line(buf, size, wide);
	} else {
		text_copy_line(buf, size, raw);
	}
	for (char *p = buf; *p; p++)
		if (strchr("\":<>\\`", *p))
			*p = ' ';
	trim(buf);
	return buf[0] != '\0';
}

iconv_t ppd_encoding_open(const char *name)
{
	static const struct {
		const char *ppd, *iconv;
	} names[] = {{"WindowsANSI", "CP1252"}, {"ISOLatin2", "ISO-8859-2"},
		{"ISOLatin5", "ISO-8859-9"}, {"MacStandard", "MACINTOSH"},
		{"JIS83-RKSJ", "SHIFT_JIS"}, {"UTF-8", "ISO-8859-1"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		iconv_t cd;

		if (strcasecmp(names[i].ppd, name) != 0)
			continue;
		cd = iconv_open("UTF-8", names[i].iconv);
		if (cd != (iconv_t)-1)
			return cd;
	}
	return iconv_open("UTF-8", "ISO-8859-1");
}
