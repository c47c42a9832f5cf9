/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of this workspace's jobs the host was given, and what it said: STATE/handed. Leaf code.
 */
#ifndef PLATEN_AGENT_HANDED_H
#define PLATEN_AGENT_HANDED_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/cancels.h"
#include "proto/base/uuid.h"

#define HANDED_MOST  2048 /* the oldest go first; cupsd keeps 500 jobs (MaxJobs, cupsd.conf(5)) */
#define HANDED_TIMES 9	  /* the most that are counted */

/* A letter of the file. */
enum handed_kind {
	HANDED_NOT = 0,
	HANDED_SEALED = 'S', /* the host may have it whole; what became of it is not known here */
	HANDED_DONE = 'D',   /* the host said how it ended, and so did its backend */
	HANDED_ALL = 'A',    /* the same, of all files of its job: they were one document */
	HANDED_AGAIN = 'R',  /* file 0: the spooler was made to run the job again, so many times */
	HANDED_LOST = 'L',   /* file 0: the spooler cannot, which was said */
};

struct handed;

/* Reads the file, if there is one; lines that are none are left out. 0 or -errno. */
int handed_new(const char *state_dir, struct handed **ret_handed);
struct handed *handed_free(struct handed *handed);

/*
 * Notes something of a file of a job that has this number in the spooler, instead of what was noted
 * before. HANDED_SEALED is on disk when this returns; the others are written, and only what a loss
 * of power takes of them is lost. 0 or -errno; what was not written holds for this run, and is
 * written when the same is noted once more.
 */
int handed_note(
	struct handed *handed, const struct cancel *id, uint32_t number, enum handed_kind kind);

/* HANDED_SEALED, and the ledger that was in force then (Welcome's, or null). It stays noted with
 * what is noted of the job afterwards. */
int handed_seal(
	struct handed *handed, const struct cancel *id, uint32_t number, const struct uuid *by);
struct uuid handed_by(const struct handed *handed, const struct cancel *id);

/* The host does not have it: nothing is known. 0 or -errno. */
int handed_forget(struct handed *handed, const struct cancel *id);

enum handed_kind handed_look(const struct handed *handed, const struct cancel *id);

/* How often HANDED_AGAIN was noted of a job. */
uint32_t handed_times(const struct handed *handed, const struct uuid *job);

/* Whether all of a job's files are done, or HANDED_LOST was noted. */
bool handed_is_done(const struct handed *handed, const struct uuid *job, uint32_t files);

/* Jobs of up to this number in the spooler are older than what is noted. False: nothing was said
 * of that yet. */
bool handed_floor(const struct handed *handed, uint32_t *ret_number);
int handed_set_floor(struct handed *handed, uint32_t number);

#endif
