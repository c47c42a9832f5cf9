/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading PPD statements, and nothing but reading.
 *
 * A line that begins with '*' is a statement; a quoted value goes on over lines to its closing
 * quote. Line ends may be LF, CR or CRLF. The reader works in place in a buffer that it may cut
 * up, keeps no state but its position, and leaves every judgement of content to ppd.c.
 */
#include "drivers-fetch/ppd-model.h"

#include <errno.h>
#include <string.h>

#include "drivers-fetch/ppd.h"

static bool is_end(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Steps over one line end at pos, CRLF as one. */
static size_t step_line(const char *text, size_t size, size_t pos, unsigned int *line)
{
	if (pos < size && text[pos] == '\r' && pos + 1 < size && text[pos + 1] == '\n')
		pos++;
	if (pos < size)
		pos++;
	(*line)++;
	return pos;
}

static size_t line_end(const char *text, size_t size, size_t pos)
{
	while (pos < size && !is_end(text[pos]))
		pos++;
	return pos;
}

static void trim_end(char *start, char *end)
{
	while (end > start && is_blank(end[-1]))
		end--;
	*end = '\0';
}

/* `keyword option/text` before the colon. */
static void split_head(char *head, struct ppd_statement *s)
{
	char *p = head + strcspn(head, " \t");

	s->keyword = head;
	if (!*p)
		return;
	*p++ = '\0';
	p += strspn(p, " \t");
	if (!*p)
		return;
	s->option = p;
	p = strchr(p, '/');
	if (p) {
		*p++ = '\0';
		s->text = p;
	}
	trim_end(s->option, s->option + strlen(s->option));
}

/* A value in quotes that begins at pos (behind the quote). Returns where the next line begins, 0
 * when the quote never closes. */
static size_t quoted_value(
	char *text, size_t size, size_t pos, unsigned int *line, struct ppd_statement *s)
{
	size_t start = pos, end;

	while (pos < size && text[pos] != '"') {
		if (is_end(text[pos]))
			pos = step_line(text, size, pos, line);
		else
			pos++;
	}
	if (pos == size)
		return 0;
	end = line_end(text, size, pos);
	text[pos] = '\0';
	s->value = text + start;
	s->quoted = true;
	return end == size ? size : step_line(text, size, end, line);
}

int ppd_parse_next(char *text, size_t size, size_t *pos, unsigned int *line,
	struct ppd_statement *ret_statement, const char **ret_why)
{
	struct ppd_statement s = {.line = *line};
	size_t start = *pos, end, value;
	char *colon;

	for (;;) { /* to the next statement */
		if (start >= size)
			return 0;
		end = line_end(text, size, start);
		if (end - start > PPD_LINE_MAX) {
			*ret_why = "a line is too long";
			return -EBADMSG;
		}
		if (text[start] == '*' && end - start > 1 && text[start + 1] != '%')
			break;
		start = end == size ? size : step_line(text, size, end, line);
	}
	s.line = *line;
	colon = memchr(text + start, ':', end - start);
	if (!colon) { /* `*End` and the like: a head without a value */
		*pos = end == size ? size : step_line(text, size, end, line);
		text[end] = '\0';
		split_head(text + start + 1, &s);
		*ret_statement = s;
		return 1;
	}
	value = (size_t)(colon + 1 - text);
	while (value < end && is_blank(text[value]))
		value++;
	if (value < end && text[value] == '"') {
		*pos = quoted_value(text, size, value + 1, line, &s);
		if (*pos == 0) {
			*ret_why = "a quoted value never ends: the file is cut";
			return -EBADMSG;
		}
	} else {
		*pos = end == size ? size : step_line(text, size, end, line);
		s.value = text + value;
		trim_end(text + value, text + end);
	}
	*colon = '\0';
	split_head(text + start + 1, &s);
	*ret_statement = s;
	return 1;
}
