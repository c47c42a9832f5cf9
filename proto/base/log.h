/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of every Platen program: to stderr, with the priority prefix of sd-daemon(3), from
 * where the journal or a terminal takes them. Only the object that owns a piece of work logs, once.
 */
#ifndef PLATEN_BASE_LOG_H
#define PLATEN_BASE_LOG_H

#include <syslog.h>

/* What a line is about; any member may be NULL. Values are escaped when written. */
struct log_about {
	const char *workspace; /* the domain's name */
	const char *job;       /* the job's UUID */
	const char *printer;   /* the host's queue name */
};

/* Sets the program's name and the least urgent priority that is written (LOG_INFO at start).
 * `name` is kept, not copied. */
void log_open(const char *name, int max_priority);

/* Writes one line: `<P>name: text workspace=… job=… printer=…`; the prefix <P> only when stderr is
 * not a terminal. Control characters in the formatted text are escaped. `about` may be NULL. */
void log_line(int priority, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
