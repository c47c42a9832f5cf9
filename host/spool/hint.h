/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the notifier says to `platen-spool watch`: that something happened. Only a hint: what it is
 * now is read from cupsd, so a hint that is forged, lost or late does no harm.
 */
#ifndef PLATEN_SPOOL_HINT_H
#define PLATEN_SPOOL_HINT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/limits.h"

#define HINT_SCHEME "platen" /* of notify-recipient-uri: the notifier's file name */
#define HINT_SOCKET "events" /* in the run folder: SOCK_DGRAM */
#define HINT_RUNDIR "/run/cups/platen"
#define HINT_ENV    "PLATEN_RUNDIR" /* another run folder, by cupsd's SetEnv */

struct spool_hint {
	uint32_t host_job;	 /* 0: not about a job */
	uint32_t job_state;	 /* as the event had it; for a job that is purged already */
	uint32_t printers;	 /* bool: printers came or went */
	uint32_t lost;		 /* bool: hints did not get through before this one */
	uint32_t given_up;	 /* bool: the job was cancelled, and by nobody */
	char printer[NAME_SIZE]; /* empty: not about one printer; of a class's job: a member's */
};

/* Whether the same is to be read for both. */
static inline bool hint_same(const struct spool_hint *a, const struct spool_hint *b)
{
	return a->host_job == b->host_job && a->printers == b->printers && a->lost == b->lost &&
	       (a->host_job || strcmp(a->printer, b->printer) == 0);
}

/* What a job was last, by two hints of it (job-state, RFC 8011 5.3.7: 7 is canceled). A printer
 * that is deleted has also those of its jobs cancelled that have ended (CUPS 2.4.2,
 * cupsdCancelJobs()). */
static inline uint32_t hint_last(uint32_t before, uint32_t state)
{
	if (state == 0 || (state == 7 && before > 7))
		return before;
	return state;
}

#endif
