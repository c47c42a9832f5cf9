/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of a backend.
 *
 * cupsd joins all options of a job into one string. libcups has a parser for it, but loading
 * libcups with its TLS and Kerberos costs a small job more than the rest of this program, so this
 * reads the same form. What is not an option by the channel's rules is left out here: it would be
 * refused on the other side, and the whole job with it.
 */
#include "guest/backend/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/message.h"

#define VALUE_SIZE 4096 /* bytes of one option's value */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int args_queue(const char *uri, char *name, size_t size)
{
	size_t used = 0;

	if (strncmp(uri, "platen:", 7) != 0)
		return -EINVAL;
	uri += 7;
	uri += strspn(uri, "/");
	for (; *uri; uri++) {
		char c = *uri;

		if (used + 1 >= size)
			return -EINVAL;
		if (c == '%') {
			if (hex(uri[1]) < 0 || hex(uri[2]) < 0)
				return -EINVAL;
			c = (char)(hex(uri[1]) << 4 | hex(uri[2]));
			uri += 2;
		}
		if (!c)
			return -EINVAL;
		name[used++] = c;
	}
	memset(name + used, 0, size - used);
	return text_is_queue(name) ? 0 : -EINVAL;
}

/* One character, a backslash taken away. */
static void take(const char **text, char *buf, size_t size, size_t *used)
{
	if (**text == '\\' && (*text)[1])
		(*text)++;
	if (*used + 1 < size)
		buf[*used] = **text;
	(*used)++;
	(*text)++;
}

/* A value up to the next blank; quotes are taken away, braces are kept (a collection). */
static bool value_read(const char **text, char *buf, size_t size)
{
	size_t used = 0;
	int depth = 0;
	char quote = 0;

	while (**text && (quote || depth || (**text != ' ' && **text != '\t'))) {
		if (quote && **text == quote) {
			quote = 0;
			(*text)++;
		} else if (!quote && depth == 0 && (**text == '\'' || **text == '"')) {
			quote = *(*text)++;
		} else {
			if (!quote && **text == '{')
				depth++;
			else if (!quote && **text == '}' && depth)
				depth--;
			take(text, buf, size, &used);
		}
	}
	buf[used < size ? used : size - 1] = '\0';
	return used < size;
}

int args_options(const char *text, char *options, size_t capacity, uint32_t *ret_size)
{
	char name[128], value[VALUE_SIZE];
	uint32_t size = 0;
	int left_out = 0;

	memset(options, 0, capacity);
	while (*text) {
		const char *plain = name;
		size_t used = 0;
		bool sound;

		text += strspn(text, " \t");
		if (!*text)
			break;
		while (*text && !strchr("= \t", *text))
			take(&text, name, sizeof(name), &used);
		sound = used && used < sizeof(name);
		name[used < sizeof(name) ? used : sizeof(name) - 1] = '\0';
		if (*text == '=') {
			text++;
			sound &= value_read(&text, value, sizeof(value));
		} else if (strncmp(name, "no", 2) == 0) {
			plain = name + 2;
			strcpy(value, "false");
		} else {
			strcpy(value, "true");
		}
		if (!sound || !text_is_keyword(plain) || !text_is_line(value) ||
			options_add(options, capacity, &size, plain, value) < 0)
			left_out++;
	}
	*ret_size = size;
	return left_out;
}

/* d00091-002: the second document of the job. */
static uint32_t file_index(const char *path)
{
	const char *dash = strrchr(path, '-');
	char *end;
	unsigned long n = dash ? strtoul(dash + 1, &end, 10) : 0;

	return n >= 1 && n <= JOB_FILES_MAX && !*end ? (uint32_t)n : 1;
}

static void take_out(struct backend_open *open, const char *name)
{
	struct backend_open kept = *open;
	const char *n, *v;
	uint32_t pos = 0;

	open->options_size = 0;
	memset(open->options, 0, sizeof(open->options));
	while (options_next(kept.options, kept.options_size, &pos, &n, &v))
		if (strcmp(n, name) != 0)
			(void)options_add(
				open->options, sizeof(open->options), &open->options_size, n, v);
}

int args_read(int argc, char *const *argv, struct backend_open *ret_open, int *ret_left_out,
	char ret_why[static 256])
{
	const char *uri = getenv("DEVICE_URI"), *type = getenv("CONTENT_TYPE"), *uuid;
	long copies = strtol(argv[4], NULL, 10), number = strtol(argv[1], NULL, 10);
	struct backend_open *o = ret_open;

	*o = (struct backend_open){.head = {.type = BACKEND_OPEN, .size = sizeof(*o)}};
	if (args_queue(uri ? uri : argv[0], o->printer, sizeof(o->printer)) < 0) {
		(void)snprintf(ret_why, 256, "the device URI is not platen:/QUEUE");
		return -EINVAL;
	}
	*ret_left_out = args_options(argv[5], o->options, sizeof(o->options), &o->options_size);
	uuid = options_get(o->options, o->options_size, "job-uuid");
	if (!uuid || uuid_parse(uuid, &o->job) < 0) {
		(void)snprintf(
			ret_why, 256, "the spooler gave no job-uuid: CUPS 1.5 or newer is needed");
		return -EINVAL;
	}
	take_out(o, "job-uuid");
	o->file = argc == 7 ? file_index(argv[6]) : 1;
	o->copies = copies >= 1 && copies <= JOB_COPIES_MAX ? (uint32_t)copies : 1;
	o->guest_job = number > 0 ? (uint32_t)number : 0;
	text_copy_line(o->user, sizeof(o->user), argv[2]);
	text_copy_line(o->title, sizeof(o->title), argv[3]);
	(void)text_copy(o->format, sizeof(o->format),
		type && text_is_mime(type) ? type : "application/octet-stream");
	return 0;
}
