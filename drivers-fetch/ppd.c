/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of PPD statements, and the writer of the clean PPD.
 *
 * Two passes: the first learns which options the file declares (OpenUI), the second goes through
 * the statements and keeps those that a row of the table or a declared option accounts for. Each
 * kind of value has one rule of what it may hold, and is written by one line of code, so that what
 * comes out is our own text with their words in it.
 */
#include "drivers-fetch/ppd.h"

#include <errno.h>
#include <iconv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "drivers-fetch/ppd-model.h"
#include "drivers-fetch/ppd-whole.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

enum rule {
	RULE_TEXT,	   /* "one line of text" */
	RULE_WORD,	   /* one word, no quotes */
	RULE_WORDS,	   /* words, no quotes: constraints, parameters, fonts */
	RULE_NUMBERS,	   /* "numbers" */
	RULE_BARE_NUMBERS, /* numbers without quotes */
	RULE_CODE,	   /* "" whatever stood there */
	RULE_GROUP,	   /* Name/Text as the value */
	RULE_STAR,	   /* *Keyword as the value */
};

static const struct {
	const char *keyword;
	enum rule rule;
} known[] = {
	{"FormatVersion", RULE_TEXT},
	{"FileVersion", RULE_TEXT},
	{"LanguageVersion", RULE_WORD},
	{"PCFileName", RULE_TEXT},
	{"Manufacturer", RULE_TEXT},
	{"Product", RULE_TEXT},
	{"PSVersion", RULE_TEXT},
	{"ModelName", RULE_TEXT},
	{"ShortNickName", RULE_TEXT},
	{"NickName", RULE_TEXT},
	{"LanguageLevel", RULE_NUMBERS},
	{"ColorDevice", RULE_WORD},
	{"FileSystem", RULE_WORD},
	{"Throughput", RULE_NUMBERS},
	{"VariablePaperSize", RULE_WORD},
	{"LandscapeOrientation", RULE_WORD},
	{"TTRasterizer", RULE_WORD},
	{"MaxMediaWidth", RULE_NUMBERS},
	{"MaxMediaHeight", RULE_NUMBERS},
	{"HWMargins", RULE_BARE_NUMBERS},
	{"ImageableArea", RULE_NUMBERS},
	{"PaperDimension", RULE_NUMBERS},
	{"RequiresPageRegion", RULE_WORD},
	{"OpenUI", RULE_WORD},
	{"CloseUI", RULE_STAR},
	{"JCLOpenUI", RULE_WORD},
	{"JCLCloseUI", RULE_STAR},
	{"OpenGroup", RULE_GROUP},
	{"CloseGroup", RULE_GROUP},
	{"OpenSubGroup", RULE_GROUP},
	{"CloseSubGroup", RULE_GROUP},
	{"OrderDependency", RULE_WORDS},
	{"NonUIOrderDependency", RULE_WORDS},
	{"UIConstraints", RULE_WORDS},
	{"NonUIConstraints", RULE_WORDS},
	{"cupsUIConstraints", RULE_TEXT},
	{"cupsUIResolver", RULE_TEXT},
	{"Font", RULE_WORDS},
	{"cupsVersion", RULE_BARE_NUMBERS},
	{"cupsModelNumber", RULE_BARE_NUMBERS},
	{"cupsLanguages", RULE_TEXT},
	{"cupsBackSide", RULE_WORD},
	{"cupsFlipDuplex", RULE_WORD},
	{"cupsEvenDuplex", RULE_WORD},
	{"cupsMinSize", RULE_NUMBERS},
	{"cupsMaxSize", RULE_NUMBERS},
	{"cupsPageSizeCategory", RULE_TEXT},
	{"cupsMediaQualifier2", RULE_TEXT},
	{"cupsMediaQualifier3", RULE_TEXT},
	{"cupsIPPFinishings", RULE_TEXT},
	{"1284DeviceID", RULE_TEXT},
	{"Translation", RULE_CODE},
};

/* What is ours in every clean PPD: the guest's spooler runs no filter, adds no banner, asks no
 * supplies, and hands over one file at a time (measured, see the project's design). */
static const char head[] = "*cupsFilter: \"*/* 0 -\"\n"
			   "*cupsSingleFile: True\n"
			   "*APRemoteQueueID: \"\"\n"
			   "*cupsManualCopies: False\n"
			   "*cupsSNMPSupplies: False\n";

struct cleaning {
	char **options; /* keywords of OpenUI */
	size_t option_count;
	iconv_t encoding;
	char *out;
	size_t out_used, out_size;
	bool out_full;
	bool has_format, has_language;
	bool whole; /* ppd_clean_whole() */
	ppd_dropped_fn *on_dropped;
	void *userdata;
	struct ppd_report *report;
};

int ppd_gunzip(const uint8_t *untrusted_bytes, size_t size, size_t max, uint8_t **ret_bytes,
	size_t *ret_size)
{
	_cleanup_free_ uint8_t *out = malloc(max + 1);
	z_stream z = {.next_in = (Bytef *)(uintptr_t)untrusted_bytes, .avail_in = (uInt)size};
	int r;

	if (!out)
		return -ENOMEM;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_out = out;
	z.avail_out = (uInt)max + 1;
	r = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z);
	if (z.total_out > max)
		return -EFBIG;
	if (r != Z_STREAM_END)
		return -EBADMSG;
	*ret_size = z.total_out;
	*ret_bytes = steal_ptr(out);
	return 0;
}

static void put(struct cleaning *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct cleaning *c, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(c->out + c->out_used, c->out_size - c->out_used, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= c->out_size - c->out_used)
		c->out_full = true;
	else
		c->out_used += (size_t)n;
}

static bool is_word(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > PPD_WORD_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7F || strchr(":/\"\\<>`", *s))
			return false;
	return true;
}

static bool is_words(const char *s)
{
	if (strlen(s) > PPD_LINE_MAX / 16)
		return false;
	for (; *s; s++)
		if (*s < ' ' || *s >= 0x7F || strchr("`\\<>;|$", *s))
			return false;
	return true;
}

static bool is_numbers(const char *s)
{
	return *s && strlen(s) <= PPD_TEXT_MAX && strspn(s, "0123456789+-.eE \t") == strlen(s);
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

/* Makes a text of theirs one line of ours: UTF-8, or taken for the file's encoding; control
 * characters and what could end a statement become spaces. Returns whether there is any. */
static bool text_take(struct cleaning *c, const char *from, char *buf, size_t size)
{
	char raw[PPD_TEXT_MAX * 4], wide[PPD_TEXT_MAX * 4];

	if (text_copy(raw, sizeof(raw), from) < 0)
		raw[sizeof(raw) - 1] = '\0';
	decode_hex(raw);
	if (!text_is_utf8(raw, strlen(raw))) {
		char *in = raw, *out = wide;
		size_t in_left = strlen(raw), out_left = sizeof(wide) - 1;

		(void)iconv(c->encoding, NULL, NULL, NULL, NULL);
		(void)iconv(c->encoding, &in, &in_left, &out, &out_left);
		*out = '\0';
		text_copy_line(buf, size, wide);
	} else {
		text_copy_line(buf, size, raw);
	}
	for (char *p = buf; *p; p++)
		if (strchr("\":<>\\`", *p))
			*p = ' ';
	return buf[strspn(buf, " ")] != '\0';
}

static bool drop(struct cleaning *c, const struct ppd_statement *s, const char *reason)
{
	char keyword[64];

	c->report->dropped++;
	if (c->on_dropped)
		c->on_dropped(text_escape(s->keyword, keyword, sizeof(keyword)), s->line, reason,
			c->userdata);
	return false;
}

static bool is_option(const struct cleaning *c, const char *keyword)
{
	for (size_t i = 0; i < c->option_count; i++)
		if (strcmp(c->options[i], keyword) == 0)
			return true;
	return false;
}

/* The keyword without a locale before it ("de.", "pt_BR."); NULL if what stands there is none. */
static const char *without_locale(const char *keyword)
{
	const char *dot = strchr(keyword, '.');
	size_t n = dot ? (size_t)(dot - keyword) : 0;

	if (!dot)
		return keyword;
	if (n < 2 || n > 10 ||
		strspn(keyword, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") < n)
		return NULL;
	return dot + 1;
}

/* `option/text` as we write it, with the blank before it; false when it is not sound. */
static bool option_write(struct cleaning *c, const struct ppd_statement *s, char *buf, size_t size)
{
	char text[PPD_TEXT_MAX + 1];
	const char *word = s->option;

	buf[0] = '\0';
	if (!word)
		return true;
	if (!is_word(word[0] == '*' ? word + 1 : word))
		return false;
	if (s->text && text_take(c, s->text, text, sizeof(text)))
		(void)snprintf(buf, size, " %s/%s", word, text);
	else
		(void)snprintf(buf, size, " %s", word);
	return true;
}

static bool group_write(struct cleaning *c, const struct ppd_statement *s)
{
	char text[PPD_TEXT_MAX + 1], name[PPD_WORD_MAX + 2];
	size_t n = strcspn(s->value, "/");

	if (n == 0 || n > PPD_WORD_MAX)
		return false;
	memcpy(name, s->value, n);
	name[n] = '\0';
	while (n && name[n - 1] == ' ')
		name[--n] = '\0';
	if (!is_word(name))
		return false;
	if (s->value[strcspn(s->value, "/")] &&
		text_take(c, strchr(s->value, '/') + 1, text, sizeof(text)))
		put(c, "*%s: %s/%s\n", s->keyword, name, text);
	else
		put(c, "*%s: %s\n", s->keyword, name);
	return true;
}

/* Writes a statement that the model knows, by the rule for its value. */
static bool write_by_rule(struct cleaning *c, const struct ppd_statement *s, enum rule rule)
{
	char option[PPD_WORD_MAX + PPD_TEXT_MAX + 8], text[PPD_TEXT_MAX + 1];
	const char *value = s->value ? s->value : "";

	if (!option_write(c, s, option, sizeof(option)))
		return drop(c, s, "its option is not a word");
	switch (rule) {
	case RULE_CODE:
		if (!c->whole || !ppd_code_is_sound(value))
			value = "";
		put(c, "*%s%s: \"%s\"\n%s", s->keyword, option, value,
			strchr(value, '\n') ? "*End\n" : "");
		return true;
	case RULE_TEXT:
		(void)text_take(c, value, text, sizeof(text));
		put(c, "*%s%s: \"%s\"\n", s->keyword, option, text);
		return true;
	case RULE_WORD:
		if (!is_word(value))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, value);
		return true;
	case RULE_WORDS:
		if (!is_words(value))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, value);
		return true;
	case RULE_NUMBERS:
		if (!is_numbers(value))
			break;
		put(c, "*%s%s: \"%s\"\n", s->keyword, option, value);
		return true;
	case RULE_BARE_NUMBERS:
		if (!is_numbers(value))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, value);
		return true;
	case RULE_STAR:
		if (value[0] != '*' || !is_word(value + 1))
			break;
		put(c, "*%s: %s\n", s->keyword, value);
		return true;
	case RULE_GROUP:
		if (group_write(c, s))
			return true;
		break;
	}
	return drop(c, s, "its value is not of its kind");
}

/* *DefaultX: the choice that is meant, or a few other words of the format. */
static bool default_write(struct cleaning *c, const struct ppd_statement *s)
{
	char word[PPD_WORD_MAX + 1];
	const char *value = s->value ? s->value : "";
	size_t n = strcspn(value, "/");

	/* Some files write the text behind the choice here too: it says nothing. */
	if (n > PPD_WORD_MAX)
		return drop(c, s, "its value is not a word");
	memcpy(word, value, n);
	word[n] = '\0';
	while (n && word[n - 1] == ' ')
		word[--n] = '\0';
	if (!is_word(word))
		return drop(c, s, "its value is not a word");
	put(c, "*%s: %s\n", s->keyword, word);
	return true;
}

/* Whether the keyword is *Custom… or *ParamCustom… of an option that the file declares. */
static bool is_custom(const struct cleaning *c, const char *keyword, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(keyword, prefix, n) == 0 &&
	       (is_option(c, keyword + n) || strcmp(keyword + n, "PageSize") == 0);
}

static bool is_ours(const char *keyword)
{
	static const char *const names[] = {"cupsFilter", "cupsSingleFile", "APRemoteQueueID",
		"cupsManualCopies", "cupsSNMPSupplies", "LanguageEncoding"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], keyword) == 0)
			return true;
	return false;
}

/* What passes only in a whole driver: filter lines, and what its filters read. */
static bool whole_write(struct cleaning *c, const struct ppd_statement *s)
{
	char line[PPD_TEXT_MAX * 3], option[PPD_WORD_MAX + PPD_TEXT_MAX + 8];
	const char *why = NULL, *value = s->value ? s->value : "";

	if (ppd_is_filter(s->keyword)) {
		if (!ppd_filter_write(
			    s->keyword, value, line, sizeof(line), c->report->filters, &why))
			return drop(c, s, why);
		put(c, "%s", line);
		return true;
	}
	if (!ppd_attribute_passes(s->keyword, value, &why))
		return drop(c, s, why);
	if (!option_write(c, s, option, sizeof(option)))
		return drop(c, s, "its option is not a word");
	if (!s->quoted && !is_words(value))
		return drop(c, s, "its value is not of its kind");
	put(c, s->quoted ? "*%s%s: \"%s\"\n" : "*%s%s: %s\n", s->keyword, option, value);
	if (strchr(value, '\n'))
		put(c, "*End\n");
	return true;
}

/* Judges one statement and writes it if it passes. */
static bool statement_write(struct cleaning *c, const struct ppd_statement *s)
{
	const char *keyword = without_locale(s->keyword);
	bool localized = keyword && keyword != s->keyword;

	if (!keyword || !is_word(s->keyword))
		return drop(c, s, "its keyword is not a word");
	if (is_option(c, keyword))
		return s->option ? write_by_rule(c, s, RULE_CODE)
				 : drop(c, s, "a choice without a name");
	if (localized)
		return strcmp(keyword, "Translation") == 0
			       ? write_by_rule(c, s, RULE_CODE)
			       : drop(c, s, "a text for something that is not known");
	if (strncmp(keyword, "Default", 7) == 0)
		return default_write(c, s);
	if (is_custom(c, keyword, "ParamCustom"))
		return write_by_rule(c, s, RULE_WORDS);
	if (is_custom(c, keyword, "Custom"))
		return write_by_rule(c, s, RULE_CODE);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].keyword, keyword) == 0)
			return write_by_rule(c, s, known[i].rule);
	if (c->whole &&
		(!is_ours(keyword) || ppd_is_filter(keyword) ||
			strcmp(keyword, "cupsManualCopies") == 0) &&
		strcmp(keyword, "End") != 0)
		return whole_write(c, s);
	if (is_ours(keyword) || strcmp(keyword, "End") == 0)
		return false;
	return drop(c, s, "not known to the model");
}

static iconv_t encoding_open(const char *name)
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

static int refuse(struct cleaning *c, unsigned int line, const char *why)
{
	(void)snprintf(c->report->why, sizeof(c->report->why), "line %u: %s", line, why);
	return -EBADMSG;
}

/* First pass: which options there are, and in which encoding texts are. */
static int learn(struct cleaning *c, char *text, size_t size)
{
	char encoding[64] = "", nick[PPD_TEXT_MAX * 2] = "", model[PPD_TEXT_MAX * 2] = "";
	struct ppd_statement s;
	unsigned int line = 1, count = 0;
	const char *why;
	size_t pos = 0;
	int r;

	while ((r = ppd_parse_next(text, size, &pos, &line, &s, &why)) > 0) {
		const char *value = s.value ? s.value : "";

		if (++count > PPD_STATEMENT_MAX)
			return refuse(c, s.line, "more statements than any driver has");
		if (strcmp(s.keyword, "LanguageEncoding") == 0)
			(void)text_copy(encoding, sizeof(encoding), value);
		else if (strcmp(s.keyword, "NickName") == 0)
			(void)text_copy(nick, sizeof(nick), value);
		else if (strcmp(s.keyword, "ModelName") == 0)
			(void)text_copy(model, sizeof(model), value);
		if (strcmp(s.keyword, "OpenUI") != 0 && strcmp(s.keyword, "JCLOpenUI") != 0)
			continue;
		if (!s.option || s.option[0] != '*' || !is_word(s.option + 1))
			return refuse(c, s.line, "an option without a proper name");
		if (is_option(c, s.option + 1))
			continue;
		if (c->option_count == PPD_OPTIONS_MAX)
			return refuse(c, s.line, "more options than any driver has");
		c->options[c->option_count] = strdup(s.option + 1);
		if (!c->options[c->option_count])
			return -ENOMEM;
		c->option_count++;
	}
	if (r < 0)
		return refuse(c, line, why);
	c->encoding = encoding_open(encoding);
	if (c->encoding == (iconv_t)-1)
		return -ENOMEM;
	(void)text_take(c, nick[0] ? nick : model, c->report->model, sizeof(c->report->model));
	return 0;
}

/* Second pass: writes the clean PPD. */
static int write_all(struct cleaning *c, char *text, size_t size)
{
	struct ppd_statement s;
	unsigned int line = 1;
	const char *why;
	size_t pos = 0;
	int r;

	put(c,
		"*PPD-Adobe: \"4.3\"\n*%% Written by Platen from a driver that it has cleaned.\n"
		"*LanguageEncoding: UTF-8\n%s",
		c->whole ? ppd_whole_head : head);
	while ((r = ppd_parse_next(text, size, &pos, &line, &s, &why)) > 0) {
		if (strcmp(s.keyword, "PPD-Adobe") == 0)
			continue;
		if (statement_write(c, &s))
			c->report->kept++;
		if (c->out_full)
			return refuse(c, s.line, "the driver is too large");
	}
	return r < 0 ? refuse(c, line, why) : 0;
}

static int clean_plain(struct cleaning *c, const uint8_t *bytes, size_t size)
{
	_cleanup_free_ char *copy = NULL;
	int r;

	if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
		bytes += 3;
		size -= 3;
	}
	if (size < 11 || memcmp(bytes, "*PPD-Adobe:", 11) != 0)
		return refuse(c, 1, "this is no PPD: it does not begin with *PPD-Adobe:");
	if (memchr(bytes, 0, size))
		return refuse(c, 1, "there are NUL bytes in it");
	copy = malloc(size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	r = learn(c, copy, size);
	if (r < 0)
		return r;
	memcpy(copy, bytes, size); /* the first pass has cut it up */
	copy[size] = '\0';
	r = write_all(c, copy, size);
	if (r == 0 && (c->option_count == 0 || c->report->kept < 5))
		return refuse(c, 1, "there is not one option in it");
	return r;
}

static int clean(const uint8_t *untrusted_bytes, size_t size, bool whole,
	ppd_dropped_fn *on_dropped, void *userdata, struct ppd_report *report, char **ret_text,
	size_t *ret_size)
{
	_cleanup_free_ uint8_t *unpacked = NULL;
	struct cleaning c = {.encoding = (iconv_t)-1,
		.on_dropped = on_dropped,
		.userdata = userdata,
		.report = report,
		.whole = whole,
		.out_size = PPD_SIZE_MAX,
		.options = calloc(PPD_OPTIONS_MAX, sizeof(char *)),
		.out = malloc(PPD_SIZE_MAX)};
	int r = 0;

	*report = (struct ppd_report){0};
	if (!c.options || !c.out)
		r = -ENOMEM;
	if (r == 0 && size >= 2 && untrusted_bytes[0] == 0x1F && untrusted_bytes[1] == 0x8B) {
		r = ppd_gunzip(untrusted_bytes, size, PPD_SIZE_MAX, &unpacked, &size);
		if (r == -EFBIG)
			r = refuse(&c, 1, "unpacked it is larger than 4 MiB");
		else if (r == -EBADMSG)
			r = refuse(&c, 1, "its compression is damaged or cut");
		untrusted_bytes = unpacked;
	}
	if (r == 0 && size > PPD_SIZE_MAX)
		r = refuse(&c, 1, "it is larger than 4 MiB");
	if (r == 0)
		r = clean_plain(&c, untrusted_bytes, size);
	for (size_t i = 0; i < c.option_count; i++)
		free(c.options[i]);
	free(c.options);
	if (c.encoding != (iconv_t)-1)
		(void)iconv_close(c.encoding);
	if (r < 0) {
		free(c.out);
		return r;
	}
	c.out[c.out_used] = '\0';
	*ret_text = c.out;
	*ret_size = c.out_used;
	return 0;
}

int ppd_clean(const uint8_t *untrusted_bytes, size_t size, ppd_dropped_fn *on_dropped,
	void *userdata, struct ppd_report *report, char **ret_text, size_t *ret_size)
{
	return clean(
		untrusted_bytes, size, false, on_dropped, userdata, report, ret_text, ret_size);
}

int ppd_clean_whole(const uint8_t *untrusted_bytes, size_t size, ppd_dropped_fn *on_dropped,
	void *userdata, struct ppd_report *report, char **ret_text, size_t *ret_size)
{
	return clean(untrusted_bytes, size, true, on_dropped, userdata, report, ret_text, ret_size);
}
