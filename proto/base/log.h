/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of every Platen program: to stderr, with the priority prefix of sd-daemon(3), from
 * where the journal or a terminal takes them. Only the object that owns a piece of work logs, once.
 */
#ifndef PLATEN_BASE_LOG_H
#define PLATEN_BASE_LOG_H

#include <syslog.h>

#include "proto/base/log-ids.h"

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

/* The same for an event that log-ids.h names; `id` may be NULL. */
void log_event(const char *id, int priority, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * From now on lines go to the journal itself, with fields: MESSAGE_ID, PLATEN_WORKSPACE,
 * PLATEN_JOB, PLATEN_PRINTER; if standard error is the journal's (JOURNAL_STREAM, systemd.exec(5))
 * and its socket can be had, otherwise nothing changes. It is for programs that live on: of a
 * process that has ended the journal cannot tell any more which unit it was.
 */
void log_journal(void);

#endif
