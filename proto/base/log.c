/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event, written with one write(2).
 *
 * The design keeps logging out of leaf code; this is only the pen that the owners share, so that
 * all programs, on both sides, write the same form. The whole text is escaped once more here: a
 * line can never become two, whatever a caller passed, and neither can a field of the journal's.
 */
#include "proto/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LINE_MAX_BYTES	1024
#define ENTRY_MAX_BYTES (LINE_MAX_BYTES + 4 * 200) /* a line, and its fields */

static const char *log_name = "platen";
static int log_max = LOG_INFO;
static int log_socket = -1; /* the journal's, if lines go there themselves */
static int log_prefix = -1; /* whether lines bear <P>; asked once, for a sandbox may forbid it */

void log_open(const char *name, int max_priority)
{
	log_name = name;
	log_max = max_priority;
	log_prefix = !isatty(STDERR_FILENO);
}

static size_t add(char *line, size_t used, const char *key, const char *value)
{
	char escaped[160];

	if (!value || used >= LINE_MAX_BYTES)
		return used;
	used += (size_t)snprintf(line + used, LINE_MAX_BYTES - used, " %s=%s", key,
		text_escape(value, escaped, sizeof(escaped)));
	return used < LINE_MAX_BYTES ? used : LINE_MAX_BYTES - 1;
}

/* Whether standard error is the stream of the journal's that systemd gave us. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_journal(void)
{
	static const struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
	int fd;

	if (log_socket >= 0 || !is_journal())
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fd = close_fd(fd);
	log_socket = fd;
}

static size_t add_field(char *entry, size_t used, const char *key, const char *value)
{
	char escaped[160];

	return value ? used + (size_t)snprintf(entry + used, ENTRY_MAX_BYTES - used, "%s=%s\n", key,
				      text_escape(value, escaped, sizeof(escaped)))
		     : used;
}

/* One datagram of fields (systemd.io/JOURNAL_NATIVE_PROTOCOL). False: it did not go. */
static bool to_journal(
	const char *id, int priority, const struct log_about *about, const char *text)
{
	char entry[ENTRY_MAX_BYTES];
	size_t used;

	if (log_socket < 0)
		return false;
	used = (size_t)snprintf(entry, sizeof(entry),
		"MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", text, priority, log_name);
	used = add_field(entry, used, "MESSAGE_ID", id);
	if (about) {
		used = add_field(entry, used, "PLATEN_WORKSPACE", about->workspace);
		used = add_field(entry, used, "PLATEN_JOB", about->job);
		used = add_field(entry, used, "PLATEN_PRINTER", about->printer);
	}
	return write(log_socket, entry, used) == (ssize_t)used;
}

__attribute__((format(printf, 4, 0))) static void put(
	const char *id, int priority, const struct log_about *about, const char *format, va_list ap)
{
	char text[512], escaped[600], line[LINE_MAX_BYTES + 1];
	size_t used = 0, name;

	if (priority > log_max)
		return;
	(void)vsnprintf(text, sizeof(text), format, ap);
	if (log_prefix < 0)
		log_prefix = !isatty(STDERR_FILENO);
	if (log_prefix)
		used += (size_t)snprintf(line, LINE_MAX_BYTES, "<%d>", priority);
	used += (size_t)snprintf(line + used, LINE_MAX_BYTES - used, "%s: ", log_name);
	name = used;
	used += (size_t)snprintf(line + used, LINE_MAX_BYTES - used, "%s",
		text_escape(text, escaped, sizeof(escaped)));
	if (about) {
		used = add(line, used, "workspace", about->workspace);
		used = add(line, used, "job", about->job);
		used = add(line, used, "printer", about->printer);
	}
	if (to_journal(id, priority, about, line + name))
		return;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody reads: there is nowhere to say so */
}

void log_line(int priority, const struct log_about *about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(NULL, priority, about, format, ap);
	va_end(ap);
}

void log_event(const char *id, int priority, const struct log_about *about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(id, priority, about, format, ap);
	va_end(ap);
}
