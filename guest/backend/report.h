/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's backend tells cupsd, on its stderr (backend(7), filter(7)). */
#ifndef PLATEN_BACKEND_REPORT_H
#define PLATEN_BACKEND_REPORT_H

#include "guest/backend/backend.h"

struct report {
	char before[REASONS_SIZE];  /* reasons that the queue had: never ours to take away */
	char reasons[REASONS_SIZE]; /* those that we have set */
	struct backend_status shown;
};

/* `before`: the environment's PRINTER_STATE_REASONS, or NULL. */
void report_init(struct report *report, const char *before);

/* One line `PREFIX: text`: whatever `text` carries, it cannot become another. */
void report_line(const char *prefix, const char *text);

/* Makes `reasons` those that we have set, adding and taking away what differs. */
void report_reasons(struct report *report, const char *reasons);

/* Writes what is new in a status. False, and nothing written, when it is not sound. */
bool report_status(struct report *report, const struct backend_status *status);

/* A marker-* list for an ATTR: line, quoted for the two times that cupsd parses it. 0, or -E2BIG:
 * it would not fit a line of cupsd's (CUPS_MAX_MESSAGE). */
int report_quote(const char *list, char *buf, size_t size);

#endif
