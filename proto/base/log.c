/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event, written with one write(2).
 *
 * The design keeps logging out of leaf code; this is only the pen that the owners share, so that
 * all programs, on both sides, write the same form. The whole text is escaped once more here: a
 * line can never become two, whatever a caller passed.
 */
#include "proto/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/text.h"

#define LINE_MAX_BYTES 1024

static const char *log_name = "platen";
static int log_max = LOG_INFO;
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

void log_line(int priority, const struct log_about *about, const char *format, ...)
{
	char text[512], escaped[600], line[LINE_MAX_BYTES + 1];
	size_t used = 0;
	va_list ap;

	if (priority > log_max)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (log_prefix < 0)
		log_prefix = !isatty(STDERR_FILENO);
	if (log_prefix)
		used += (size_t)snprintf(line, LINE_MAX_BYTES, "<%d>", priority);
	used += (size_t)snprintf(line + used, LINE_MAX_BYTES - used, "%s: %s", log_name,
		text_escape(text, escaped, sizeof(escaped)));
	if (about) {
		used = add(line, used, "workspace", about->workspace);
		used = add(line, used, "job", about->job);
		used = add(line, used, "printer", about->printer);
	}
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody reads: there is nowhere to say so */
}
