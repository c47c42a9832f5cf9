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
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/message.h"

#define SCHEME		 "platen:"
#define RENDERED_HERE	 "\n*platenRendering: Guest" /* in the head of a whole driver */
#define NAME_MOST	 127  /* bytes of an option's name, text_is_keyword() */
#define VALUE_SIZE	 4096 /* bytes of one option's value */
#define PRIORITY_DEFAULT "50" /* which cupsd gives a job that comes without one */

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

	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return -EINVAL;
	uri += strlen(SCHEME);
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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Bytes of a value that is whole in quotes or braces, both included, or 0. */
static size_t enclosed(const char *s)
{
	const char *at = s + 1;
	int depth = *s == '{';

	if (*s != '{' && *s != '"' && *s != '\'')
		return 0;
	for (; *at; at++) {
		if (*at == '\\' && at[1])
			at++;
		else if (*s == '{' && *at == '{')
			depth++;
		else if (*s == '{' ? *at == '}' && --depth == 0 : *at == *s)
			break;
	}
	return *at && (!at[1] || is_blank(at[1])) ? (size_t)(at - s) + 1 : 0;
}

/* Takes a value. False when it does not fit. */
static bool value_read(const char **text, char *buf, size_t size)
{
	size_t used = 0, whole = enclosed(*text), quote = whole && **text != '{';
	const char *s = *text + quote, *end = whole ? *text + whole - quote : NULL;

	for (; end ? s < end : *s && !is_blank(*s); s++) {
		if (*s == '\\' && s[1])
			s++;
		if (used + 1 < size)
			buf[used] = *s;
		used++;
	}
	buf[used < size ? used : size - 1] = '\0';
	*text = end ? end + quote : s;
	return used < size;
}

/* Takes one option. False when it is none. */
static bool option_read(const char **text, char *name, char *value)
{
	size_t len = strcspn(*text, "= \t\n");
	bool sound = len >= 1 && len <= NAME_MOST;

	memcpy(name, *text, sound ? len : 0);
	name[sound ? len : 0] = '\0';
	*text += len;
	if (**text == '=') {
		(*text)++;
		return value_read(text, value, VALUE_SIZE) && sound;
	}
	strcpy(value, "true");
	if (len > 2 && strncmp(name, "no", 2) == 0) {
		memmove(name, name + 2, len - 1);
		strcpy(value, "false");
	}
	return sound;
}

/* Marks of our own that cupsd takes for defaults of the queue, and so for options of its jobs. */
static bool is_ours(const char *name, const char *value)
{
	return strncmp(name, "platen-", 7) == 0 ||
	       (strcmp(name, "job-cancel-after") == 0 && strtol(value, NULL, 10) == JOB_PATIENCE);
}

/* What cupsd says of each job, beside what it was asked to do with it (RFC 8011 5.3; CUPS 2.4.2,
 * get_options(), add_job(), send_document()): nothing that anybody has chosen. */
static bool is_of_spooler(const char *name, const char *value)
{
	static const char *const told[] = {"date-time-at-", "document-name-supplied",
		"job-impressions-completed", "job-media-progress", "job-originating-",
		"job-printer-", "time-at-"};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (strncmp(name, told[i], strlen(told[i])) == 0)
			return true;
	return strcmp(name, "job-priority") == 0 && strcmp(value, PRIORITY_DEFAULT) == 0;
}

int args_options(const char *text, char *options, size_t capacity, uint32_t *ret_size)
{
	char name[NAME_MOST + 1], value[VALUE_SIZE];
	uint32_t size = 0;
	int left_out = 0, count = 0;
	bool sound;

	memset(options, 0, capacity);
	for (;;) {
		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		sound = option_read(&text, name, value);
		if (is_ours(name, value) || is_of_spooler(name, value))
			continue;
		if (sound && text_is_keyword(name) && text_is_line(value) &&
			count < JOB_OPTIONS_MAX &&
			options_add(options, capacity, &size, name, value) == 0)
			count++;
		else
			left_out++;
	}
	*ret_size = size;
	return left_out;
}

/* The last number that has this name among the options, to `most`, or 0. */
static uint64_t number_of(const char *text, const char *wanted, uint64_t most)
{
	char name[NAME_MOST + 1], value[VALUE_SIZE], *end;
	uint64_t number = 0;

	for (;;) {
		while (is_blank(*text))
			text++;
		if (!*text)
			return number;
		if (!option_read(&text, name, value) || strcmp(name, wanted) != 0)
			continue;
		number = strtoull(value, &end, 10);
		if (*end || number > most)
			number = 0;
	}
}

uint32_t args_answer(const char *text)
{
	return (uint32_t)number_of(text, BACKEND_ASKED, JOB_ASK_MAX);
}

uint64_t args_created(const char *text)
{
	return number_of(text, "time-at-creation", INT32_MAX);
}

/* d00091-002: the second document of the job. */
static uint32_t file_index(const char *path)
{
	const char *dash = strrchr(path, '-');
	char *end;
	unsigned long n = dash ? strtoul(dash + 1, &end, 10) : 0;

	return n >= 1 && n <= JOB_FILES_MAX && !*end ? (uint32_t)n : 1;
}

/* Whether cupsd has a file of the job behind this one: d00091-002 behind d00091-001. */
static bool has_next(const char *path)
{
	const char *dash = strrchr(path, '-');
	char next[PATH_MAX];

	return dash &&
	       text_printf(next, sizeof(next), "%.*s-%03u", (int)(dash - path), path,
		       file_index(path) + 1) >= 0 &&
	       access(next, F_OK) == 0;
}

/* Takes the job's UUID out of the options. 0, or -EINVAL: there is none, or more than one, which
 * only a job attribute with blanks in its name can bring about. */
static int uuid_take(struct backend_open *open)
{
	struct backend_open kept = *open;
	const char *name, *value;
	uint32_t pos = 0;
	int found = 0;

	open->options_size = 0;
	memset(open->options, 0, sizeof(open->options));
	while (options_next(kept.options, kept.options_size, &pos, &name, &value)) {
		if (strcmp(name, "job-uuid") != 0)
			(void)options_add(open->options, sizeof(open->options), &open->options_size,
				name, value);
		else if (found++ || uuid_parse(value, &open->job) < 0)
			return -EINVAL;
	}
	return found && !uuid_is_null(&open->job) ? 0 : -EINVAL;
}

/* Whether the queue's driver is one whose filters run here: a mark near its beginning. */
static bool is_rendered_here(void)
{
	const char *ppd = getenv("PPD");
	_cleanup_close_ int fd = ppd ? open(ppd, O_RDONLY | O_CLOEXEC) : -1;
	char start[1024];
	ssize_t n = fd >= 0 ? read(fd, start, sizeof(start)) : 0;

	return n > 0 && memmem(start, (size_t)n, RENDERED_HERE, strlen(RENDERED_HERE));
}

enum backend_exit args_read(int argc, char *const *argv, struct backend_open *ret_open,
	int *ret_left_out, char ret_why[static ARGS_WHY_SIZE])
{
	const char *uri = getenv("DEVICE_URI"), *type = getenv("CONTENT_TYPE");
	long copies = strtol(argv[4], NULL, 10), number = strtol(argv[1], NULL, 10);
	struct backend_open *o = ret_open;

	*o = (struct backend_open){.head = {.type = BACKEND_OPEN, .size = sizeof(*o)}};
	if (args_queue(uri ? uri : argv[0], o->printer, sizeof(o->printer)) < 0) {
		(void)snprintf(ret_why, ARGS_WHY_SIZE,
			"The device URI is not platen:/QUEUE: delete the queue, platen-agent makes "
			"it anew");
		return BACKEND_EXIT_STOP;
	}
	*ret_left_out = args_options(argv[5], o->options, sizeof(o->options), &o->options_size);
	if (uuid_take(o) < 0) {
		(void)snprintf(ret_why, ARGS_WHY_SIZE,
			"The job has no job-uuid of its own, so it could be printed twice: print "
			"the document anew");
		return BACKEND_EXIT_HOLD;
	}
	o->answer = args_answer(argv[5]);
	o->created = args_created(argv[5]);
	o->more = argc == 7 && has_next(argv[6]);
	o->file = argc == 7 ? file_index(argv[6]) : 1;
	/* A pipe instead of a file: filters have run, and where they are the printer's own, they
	 * have made the copies too (backend(7)). Others only unpacked it. */
	o->rendered = argc == 6 && is_rendered_here();
	o->copies = o->rendered				      ? 1
		    : copies >= 1 && copies <= JOB_COPIES_MAX ? (uint32_t)copies
							      : 1;
	o->guest_job = number > 0 ? (uint32_t)number : 0;
	text_copy_line(o->user, sizeof(o->user), argv[2]);
	text_copy_line(o->title, sizeof(o->title), argv[3]);
	(void)text_copy(o->format, sizeof(o->format),
		type && text_is_mime(type) ? type : "application/octet-stream");
	return BACKEND_EXIT_OK;
}
