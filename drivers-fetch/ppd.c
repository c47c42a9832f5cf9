/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleaning a driver, in two passes: the first learns which options the file declares (OpenUI) and
 * in which encoding it is; the second goes through the statements and has those written that pass.
 */
#include "drivers-fetch/ppd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "drivers-fetch/ppd-model.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

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

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
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
		else if (strcmp(s.keyword, "NickName") == 0 && !s.option)
			(void)text_copy(nick, sizeof(nick), value);
		else if (strcmp(s.keyword, "ModelName") == 0 && !s.option)
			(void)text_copy(model, sizeof(model), value);
		if (!ppd_declares(&s))
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
	qsort(c->options, c->option_count, sizeof(char *), compare);
	c->encoding = ppd_encoding_open(encoding);
	if (c->encoding == (iconv_t)-1)
		return -ENOMEM;
	if (!ppd_text_take(c->encoding, nick, c->report->model, sizeof(c->report->model)))
		(void)ppd_text_take(c->encoding, model, c->report->model, sizeof(c->report->model));
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

	ppd_write_head(c);
	while ((r = ppd_parse_next(text, size, &pos, &line, &s, &why)) > 0) {
		if (strcmp(s.keyword, "PPD-Adobe") == 0)
			continue;
		if (ppd_write_statement(c, &s))
			c->report->kept++;
		if (c->out_full)
			return refuse(c, s.line, "the driver is too large");
	}
	ppd_write_end(c);
	if (c->out_full)
		return refuse(c, line, "the driver is too large");
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

int ppd_clean(const uint8_t *untrusted_bytes, size_t size, ppd_dropped_fn *on_dropped,
	void *userdata, struct ppd_report *report, char **ret_text, size_t *ret_size)
{
	_cleanup_free_ uint8_t *unpacked = NULL;
	struct cleaning c = {.encoding = (iconv_t)-1,
		.on_dropped = on_dropped,
		.userdata = userdata,
		.report = report,
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
