/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PPD as a list of statements: ppd-parse.c reads them, ppd-text.c knows words and texts,
 * ppd-reserved.c names, ppd-write.c judges and writes, ppd.c leads.
 */
#ifndef PLATEN_PPD_MODEL_H
#define PLATEN_PPD_MODEL_H

#include <iconv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers-fetch/ppd.h"

/* `*locale.keyword option/text: value`, the value quoted or not. NULL: not there. All texts are
 * terminated, but otherwise as they came. */
struct ppd_statement {
	char *keyword, *option, *text, *value;
	bool quoted;
	unsigned int line;
};

/* Reads the next statement of `text`, which it cuts up in place; `*pos` starts at 0, `*line` at 1.
 * 1; 0 at the end; -EBADMSG with a reason. */
int ppd_parse_next(char *text, size_t size, size_t *pos, unsigned int *line,
	struct ppd_statement *ret_statement, const char **ret_why);

/* One word without quotes; words; numbers. Each within the bounds of ppd.h. */
bool ppd_is_word(const char *text);
bool ppd_is_words(const char *text);
bool ppd_is_numbers(const char *text);

/* Makes a text of theirs one line of ours: UTF-8, or taken for `encoding`; hex pairs decoded,
 * control characters and what could end a value made blanks. Whether anything is left. */
bool ppd_text_take(iconv_t encoding, const char *from, char *buf, size_t size);

/* For a *LanguageEncoding; Latin-1 for one that is not known. (iconv_t)-1: there is no memory. */
iconv_t ppd_encoding_open(const char *name);

/* The cleaning of one driver. */
struct cleaning {
	char **options; /* keywords of OpenUI, sorted by strcmp() */
	size_t option_count;
	iconv_t encoding;
	char *out;
	size_t out_used, out_size;
	bool out_full;
	bool whole;		       /* ppd_clean_whole() */
	bool translated, beyond_ascii; /* *cupsLanguages was there; a text that is none of its */
	/* What is open where we write; "" when nothing is. */
	char ui[PPD_WORD_MAX + 1], group[PPD_WORD_MAX + 1], sub_group[PPD_WORD_MAX + 1];
	bool jcl; /* the open option began with JCLOpenUI */
	ppd_dropped_fn *on_dropped;
	void *userdata;
	struct ppd_report *report;
};

/* Whether an option may have this name: ppd-reserved.c. */
bool ppd_may_be_option(const char *keyword);

/* Whether this statement declares an option that will be written. */
bool ppd_declares(const struct ppd_statement *statement);

/* Writes what every clean PPD begins with; judges a statement, and writes it if it passes (whether
 * it did); closes what is open. */
void ppd_write_head(struct cleaning *cleaning);
bool ppd_write_statement(struct cleaning *cleaning, const struct ppd_statement *statement);
void ppd_write_end(struct cleaning *cleaning);

#endif
