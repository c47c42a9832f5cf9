/* SPDX-License-Identifier: Apache-2.0 */
/* The state of `platen-spool watch`, shared by its two files. */
#ifndef PLATEN_SPOOL_WATCH_H
#define PLATEN_SPOOL_WATCH_H

#include <stdbool.h>

#include "host/spool/hint.h"
#include "host/spool/spooler-ipp.h"

struct watch_printer {
	struct spool_printer is;
	bool seen; /* in the listing under way */
	bool is_class;
};

#define GIVEN_UP 64 /* jobs; one that was forgotten is as one that a person has cancelled */

struct watch {
	const char *socket, *run_dir;
	http_t *http; /* NULL: cupsd does not answer */
	int events;   /* the notifier's hints */
	int subscription;
	bool polling;	 /* nothing comes from the notifier: look again and again */
	bool heard;	 /* the notifier has hinted at something, so it can */
	bool unheard;	 /* there were events of which it said nothing, when last looked */
	bool blind;	 /* it was said that cupsd hides jobs */
	uint64_t next;	 /* CLOCK_MONOTONIC msec of the next look */
	bool keep_first; /* the default printer is read once, for all hints that came at once */
	char first[NAME_SIZE]; /* its name; empty: not read yet, or there is none */
	uint32_t failures;
	struct watch_printer *printers;
	size_t count, size;
	uint64_t printers_read;	       /* seconds since the epoch, before all were read last */
	const struct spool_hint *hint; /* for which a job is read; or NULL */
	uint32_t given_up[GIVEN_UP];   /* the last jobs that a hint said that of; 0: none */
	size_t given_up_count;	       /* of all that did */
	struct spool_job *jobs;	       /* told and not ended */
	size_t job_count, job_size;
};

/* list.c: reads all printers, or one, and tells what is new. 1 if all were read, which may be for
 * one's sake; 0 or -errno. */
int watch_list_printers(struct watch *watch, const char *only);
/* Reads all of Platen's jobs, or one, and tells what is new. 0 or -errno; -ENOENT: that one is not
 * there (any more). */
int watch_list_jobs(struct watch *watch, uint32_t only);
/* A job is purged: tells a state that it was in before, and whether it was being printed. */
void watch_job_purged(struct watch *watch, uint32_t host_job, uint32_t state, bool began);
/* What was told of this job is told again when it is read next. */
void watch_forget_job(struct watch *watch, uint32_t host_job);
void watch_forget(struct watch *watch);

/* watch.c: cupsd answers for one of our jobs, and says nothing of it. It is said once. */
void watch_blind(struct watch *watch, uint32_t host_job);

#endif
