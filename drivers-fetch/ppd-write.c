/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of PPD statements, and the writer of the clean PPD.
 *
 * Those statements pass that a row of the table or a declared option accounts for. Each kind of
 * value has one rule of what it may hold, and is written by one line of code, so that what comes
 * out is our own text with their words in it.
 */
#include "drivers-fetch/ppd-model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-fetch/ppd-whole.h"
#include "proto/base/device-id.h"
#include "proto/base/text.h"

enum rule {
	RULE_TEXT,	   /* "one line of text" */
	RULE_BARE_TEXT,	   /* one line of text without quotes */
	RULE_WORD,	   /* one word, no quotes */
	RULE_WORDS,	   /* words, no quotes: constraints, parameters, fonts */
	RULE_NUMBERS,	   /* "numbers" */
	RULE_BARE_NUMBERS, /* numbers without quotes */
	RULE_DEVICE_ID,	   /* "MFG:maker;MDL:model;" */
	RULE_CODE,	   /* "" whatever stood there */
};

static const struct {
	const char *keyword;
	enum rule rule;
} known[] = {
	{"FormatVersion", RULE_TEXT},
	{"FileVersion", RULE_TEXT},
	{"LanguageVersion", RULE_BARE_TEXT},
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
	{"1284DeviceID", RULE_DEVICE_ID},
	{"Translation", RULE_CODE},
};

/* What is ours in every clean PPD: the guest's spooler runs no filter, adds no banner, asks no
 * supplies, and hands over one file at a time (measured, see the project's design). */
static const char head[] = "*cupsFilter: \"*/* 0 -\"\n"
			   "*cupsSingleFile: True\n"
			   "*APRemoteQueueID: \"\"\n"
			   "*cupsManualCopies: False\n"
			   "*cupsSNMPSupplies: False\n";

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

static bool drop(struct cleaning *c, const struct ppd_statement *s, const char *reason)
{
	char keyword[64];

	c->report->dropped++;
	if (c->on_dropped)
		c->on_dropped(text_escape(s->keyword, keyword, sizeof(keyword)), s->line, reason,
			c->userdata);
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_option(const struct cleaning *c, const char *keyword)
{
	return bsearch(&keyword, c->options, c->option_count, sizeof(char *), compare) != NULL;
}

/* The keyword without a locale before it ("de.", "pt_BR.": a language of two or three letters, and
 * perhaps a country or script); NULL if what stands there is none. */
static const char *without_locale(const char *keyword)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *dot = strchr(keyword, '.');
	size_t n = strspn(keyword, letters);

	if (!dot)
		return keyword;
	if (n < 2 || n > 3)
		return NULL;
	if (keyword[n] == '_' || keyword[n] == '-')
		n += 1 + strspn(keyword + n + 1, letters);
	return keyword + n == dot && n <= 10 ? dot + 1 : NULL;
}

/* `option/text` as we write it, with the blank before it; false when it is not sound. */
static bool option_write(struct cleaning *c, const struct ppd_statement *s, char *buf, size_t size)
{
	char text[PPD_TEXT_MAX + 1];
	const char *word = s->option;

	buf[0] = '\0';
	if (!word)
		return true;
	if (!ppd_is_word(word[0] == '*' ? word + 1 : word))
		return false;
	if (s->text && ppd_text_take(c->encoding, s->text, text, sizeof(text)))
		(void)snprintf(buf, size, " %s/%s", word, text);
	else
		(void)snprintf(buf, size, " %s", word);
	return true;
}

/* Ends the option that is open. */
static void close_ui(struct cleaning *c)
{
	if (c->ui[0])
		put(c, "*%sCloseUI: *%s\n", c->jcl ? "JCL" : "", c->ui);
	c->ui[0] = '\0';
}

static void close_sub_group(struct cleaning *c)
{
	close_ui(c);
	if (c->sub_group[0])
		put(c, "*CloseSubGroup: %s\n", c->sub_group);
	c->sub_group[0] = '\0';
}

static void close_group(struct cleaning *c)
{
	close_sub_group(c);
	if (c->group[0])
		put(c, "*CloseGroup: %s\n", c->group);
	c->group[0] = '\0';
}

bool ppd_declares(const struct ppd_statement *s)
{
	static const char *const kinds[] = {"PickOne", "PickMany", "Boolean"};

	if (strcmp(s->keyword, "OpenUI") != 0 && strcmp(s->keyword, "JCLOpenUI") != 0)
		return false;
	if (!s->option || s->option[0] != '*' || !ppd_is_word(s->option + 1) || !s->value ||
		!ppd_may_be_option(s->option + 1))
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(s->value, kinds[i]) == 0)
			return true;
	return false;
}

static bool open_ui(struct cleaning *c, const struct ppd_statement *s)
{
	char option[PPD_WORD_MAX + PPD_TEXT_MAX + 8];

	if (!ppd_declares(s) || !option_write(c, s, option, sizeof(option)))
		return drop(c, s, "it declares no option");
	close_ui(c);
	c->jcl = s->keyword[0] == 'J';
	(void)text_copy(c->ui, sizeof(c->ui), s->option + 1);
	put(c, "*%s%s: %s\n", s->keyword, option, s->value);
	return true;
}

/* `Name/Text` as a value: the name, which may have blanks, to `name`. */
static bool open_group(
	struct cleaning *c, const struct ppd_statement *s, char name[static PPD_WORD_MAX + 1])
{
	char text[PPD_TEXT_MAX + 1], raw[PPD_WORD_MAX + 1];
	const char *value = s->value ? s->value : "", *slash = strchr(value, '/');
	size_t n = slash ? (size_t)(slash - value) : strlen(value);

	if (n > PPD_WORD_MAX)
		n = 0;
	memcpy(raw, value, n);
	raw[n] = '\0';
	if (!ppd_text_take(c->encoding, raw, name, PPD_WORD_MAX + 1))
		return drop(c, s, "a group without a proper name");
	if (slash && ppd_text_take(c->encoding, slash + 1, text, sizeof(text)))
		put(c, "*%s: %s/%s\n", s->keyword, name, text);
	else
		put(c, "*%s: %s\n", s->keyword, name);
	return true;
}

/* Groups and options open and close in order, whatever order they came in: a spooler refuses a
 * driver of which a piece is missing. */
static bool structure_write(struct cleaning *c, const struct ppd_statement *s, bool *ret_passed)
{
	const char *k = s->keyword, *v = s->value ? s->value : "";

	if (strcmp(k, "OpenUI") == 0 || strcmp(k, "JCLOpenUI") == 0) {
		*ret_passed = open_ui(c, s);
	} else if (strcmp(k, "CloseUI") == 0 || strcmp(k, "JCLCloseUI") == 0) {
		*ret_passed = (c->ui[0] && strcmp(v[0] == '*' ? v + 1 : v, c->ui) == 0) ||
			      drop(c, s, "that option is not open");
		if (*ret_passed)
			close_ui(c);
	} else if (strcmp(k, "OpenGroup") == 0) {
		close_group(c);
		*ret_passed = open_group(c, s, c->group);
	} else if (strcmp(k, "CloseGroup") == 0) {
		*ret_passed = c->group[0] || drop(c, s, "no group is open");
		close_group(c);
	} else if (strcmp(k, "OpenSubGroup") == 0) {
		close_sub_group(c);
		*ret_passed = c->group[0] ? open_group(c, s, c->sub_group)
					  : drop(c, s, "no group is open");
	} else if (strcmp(k, "CloseSubGroup") == 0) {
		*ret_passed = c->sub_group[0] || drop(c, s, "no group is open");
		close_sub_group(c);
	} else {
		return false;
	}
	return true;
}

/* cupstestppd(1) wants a driver with translations (*cupsLanguages) to be ISOLatin1 apart from them,
 * which are UTF-8 in any case; CUPS reads it so. Texts of ASCII alone are both. */
static void name_encoding(struct cleaning *c)
{
	static const char ours[] = "UTF-8", theirs[] = "ISOLatin1";
	char *at = strstr(c->out, ours);
	size_t more = sizeof(theirs) - sizeof(ours);

	if (!c->translated || c->beyond_ascii || !at || c->out_full)
		return;
	if (c->out_used + more >= c->out_size) {
		c->out_full = true;
		return;
	}
	memmove(at + more, at, c->out_used - (size_t)(at - c->out) + 1);
	memcpy(at, theirs, sizeof(theirs) - 1);
	c->out_used += more;
}

void ppd_write_end(struct cleaning *c)
{
	close_group(c);
	name_encoding(c);
}

void ppd_write_head(struct cleaning *c)
{
	put(c,
		"*PPD-Adobe: \"4.3\"\n*%% Written by Platen from a driver that it has cleaned.\n"
		"*LanguageEncoding: UTF-8\n%s",
		c->whole ? ppd_whole_head : head);
}

/* Words as we write them: one blank between two, whatever stood there. */
static bool blanks_take(const char *value, char words[static PPD_WORDS_MAX + 1])
{
	size_t used = 0;

	for (; *value && used < PPD_WORDS_MAX; value++) {
		bool blank = *value == ' ' || *value == '\t';

		if (!blank || (used && words[used - 1] != ' '))
			words[used++] = blank ? ' ' : *value;
	}
	while (used && words[used - 1] == ' ')
		used--;
	words[used] = '\0';
	return *value == '\0';
}

/* Writes a statement that the model knows, by the rule for its value. */
static bool write_by_rule(struct cleaning *c, const struct ppd_statement *s, enum rule rule)
{
	char option[PPD_WORD_MAX + PPD_TEXT_MAX + 8], text[PPD_TEXT_MAX + 1],
		words[PPD_WORDS_MAX + 1];
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
		(void)ppd_text_take(c->encoding, value, text, sizeof(text));
		put(c, "*%s%s: \"%s\"\n", s->keyword, option, text);
		return true;
	case RULE_DEVICE_ID:
		if (!blanks_take(value, words) || !device_id_is_sound(words))
			break;
		if (!c->report->device_id[0])
			(void)text_copy(c->report->device_id, sizeof(c->report->device_id), words);
		put(c, "*%s%s: \"%s\"\n", s->keyword, option, words);
		return true;
	case RULE_BARE_TEXT:
		if (!ppd_text_take(c->encoding, value, text, sizeof(text)))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, text);
		return true;
	case RULE_WORD:
		if (!ppd_is_word(value))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, value);
		return true;
	case RULE_WORDS:
		if (!blanks_take(value, words) || !ppd_is_words(words))
			break;
		put(c, "*%s%s: %s\n", s->keyword, option, words);
		return true;
	case RULE_NUMBERS:
	case RULE_BARE_NUMBERS:
		if (!blanks_take(value, words) || !ppd_is_numbers(words))
			break;
		put(c, rule == RULE_NUMBERS ? "*%s%s: \"%s\"\n" : "*%s%s: %s\n", s->keyword, option,
			words);
		return true;
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
	if (!ppd_is_word(word))
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
		"cupsManualCopies", "cupsSNMPSupplies", "LanguageEncoding", "platenRendering"};

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
		if (!strstr(ppd_whole_head, line)) /* else it is there */
			put(c, "%s", line);
		return true;
	}
	if (!ppd_attribute_passes(s->keyword, value, &why))
		return drop(c, s, why);
	if (!option_write(c, s, option, sizeof(option)))
		return drop(c, s, "its option is not a word");
	if (!s->quoted && !ppd_is_words(value))
		return drop(c, s, "its value is not of its kind");
	put(c, s->quoted ? "*%s%s: \"%s\"\n" : "*%s%s: %s\n", s->keyword, option, value);
	if (strchr(value, '\n'))
		put(c, "*End\n");
	return true;
}

/* Judges one statement and writes it if it passes. */
static bool judge(struct cleaning *c, const struct ppd_statement *s)
{
	const char *keyword = without_locale(s->keyword);
	bool localized = keyword && keyword != s->keyword, passed;

	if (!keyword || !ppd_is_word(s->keyword))
		return drop(c, s, "its keyword is not a word");
	if (structure_write(c, s, &passed))
		return passed;
	if (is_option(c, keyword))
		return s->option ? write_by_rule(c, s, RULE_CODE)
				 : drop(c, s, "a choice without a name");
	if (localized)
		return strcmp(keyword, "Translation") == 0 ||
				       is_custom(c, keyword, "ParamCustom") ||
				       is_custom(c, keyword, "Custom")
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

/* libcups lets a quote anywhere on a line begin a string that goes on over the lines that follow:
 * with one too many, what is a string here would be statements there, and the other way round. */
static bool quotes_are_pairs(const char *text, size_t size)
{
	bool open = false;

	for (size_t i = 0; i < size; i++)
		open ^= text[i] == '"';
	return !open;
}

bool ppd_write_statement(struct cleaning *c, const struct ppd_statement *s)
{
	size_t before = c->out_used;
	const char *keyword = without_locale(s->keyword);

	if (!judge(c, s))
		return false;
	if (!quotes_are_pairs(c->out + before, c->out_used - before)) {
		c->out_used = before;
		return drop(c, s, "its quotes are not in pairs");
	}
	if (strcmp(s->keyword, "cupsLanguages") == 0)
		c->translated = true;
	for (size_t i = before; keyword == s->keyword && i < c->out_used; i++)
		c->beyond_ascii |= (c->out[i] & 0x80) != 0;
	return true;
}
