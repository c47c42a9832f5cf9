/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restart must know: the jobs of all workspaces, and which driver each printer had.
 *
 * A row is written and synced before the release that it records, so that a job whose release may
 * have happened is never sent again. SQLite keeps it (WAL, synchronous=FULL): writes gather in one
 * transaction until ledger_commit(), so that many jobs at once cost one sync.
 */
#ifndef PLATEN_LEDGER_H
#define PLATEN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/fetch.h"
#include "proto/base/uuid.h"
#include "proto/message.h"

struct ledger;

enum ledger_state {
	LEDGER_OPEN = 1, /* a held job may exist; nothing can have printed */
	LEDGER_RELEASE,	 /* its release is asked for: it may print from here on */
	LEDGER_COMPLETED,
	LEDGER_CANCELED,
	LEDGER_ABORTED,
	LEDGER_ASK,   /* it cannot be known; a person decides */
	LEDGER_RETRY, /* a person said that no paper came out: it is taken once more */
};

struct ledger_key {
	struct uuid workspace;
	struct uuid job;
	uint32_t file;
};

struct ledger_job {
	struct ledger_key key;
	enum ledger_state state;
	uint32_t host_job;  /* 0: not known */
	uint32_t pages;	    /* sides with something on them, of all copies; 0: not told */
	uint32_t sheets;    /* of paper; 0: not told */
	uint32_t pool;	    /* bool: a pool's job, final when released */
	uint32_t guest_job; /* in the guest's spooler */
	uint32_t ask;	    /* with LEDGER_ASK: what the guest was asked with, see JobState */
	uint32_t decided;   /* bool: a person has decided, and the guest has not come for it */
	uint32_t heard;	    /* bool: the guest knows how it ended, and does not ask again */
	uint64_t size;	    /* bytes */
	int64_t opened, released, ended; /* seconds since the epoch; 0: not yet, or not known */
	char workspace_name[TEXT_SIZE];
	char printer[NAME_SIZE];
	char title[TEXT_SIZE];
	char user[USER_SIZE];  /* the guest's */
	char owner[USER_SIZE]; /* whose job it is on the host */
	char text[MESSAGE_SIZE];
};

#define LEDGER_JOBS	100000 /* ended jobs that are kept, unless ledger_limit() says otherwise */
#define LEDGER_OWED_MAX 10000  /* ended jobs of one workspace whose end it has not heard */

/* Opens or makes `path`. A file that is damaged, or of another schema, is set aside as PATH.damaged
 * and begun anew, which ret_damaged tells. 0 or -errno. */
int ledger_open(const char *path, bool *ret_damaged, struct ledger **ret_ledger);
struct ledger *ledger_close(struct ledger *ledger);

/* Inserts or replaces the row of job->key. In force for readers at once, on disk with the next
 * ledger_commit(). 0 or -EIO/-ENOSPC. */
int ledger_put(struct ledger *ledger, const struct ledger_job *job);

/* The same, for what may be lost with a crash: it waits until something else is synced. */
int ledger_put_late(struct ledger *ledger, const struct ledger_job *job);

/* How many ended jobs are kept at most, and for how many days (0: no limit): the oldest go, now and
 * as others end. A job whose end its guest has not heard stays, up to LEDGER_OWED_MAX of each
 * workspace: it could come again. 0 or -errno. */
int ledger_limit(struct ledger *ledger, uint32_t jobs, uint32_t days);

enum ledger_note {
	LEDGER_WHOLE,	/* bool: it has all that the spooler has of Platen's jobs */
	LEDGER_DAMAGED, /* seconds since the epoch: when it was begun anew for a damage; 0: never */
	LEDGER_NUMBER,	/* random, not 0: tells it from all others, see origin.h */
};

int ledger_note_put(struct ledger *ledger, enum ledger_note note, int64_t value);
int64_t ledger_note(struct ledger *ledger, enum ledger_note note);

/* 0; -ENOENT; -EIO. */
int ledger_get(struct ledger *ledger, const struct ledger_key *key, struct ledger_job *ret_job);

/* Takes a row out: a job that was refused before anything could print. */
int ledger_remove(struct ledger *ledger, const struct ledger_key *key);

/* Whether ledger_commit() has something to do. */
bool ledger_is_due(const struct ledger *ledger);

/* Syncs everything that was put. 0 or -EIO/-ENOSPC (nothing of it is then kept). */
int ledger_commit(struct ledger *ledger);

enum ledger_which {
	LEDGER_ALL,
	LEDGER_UNFINISHED,
	LEDGER_ASKED,	/* a person is asked */
	LEDGER_DECIDED, /* a person has decided, and the guest does not know yet */
};

/* Walks rows, newest first, at most `limit`. `visit` changes none. A non-zero result of it ends the
 * walk and is returned. */
typedef int ledger_visit_fn(const struct ledger_job *job, void *userdata);
int ledger_walk(struct ledger *ledger, enum ledger_which which, uint32_t limit,
	ledger_visit_fn *visit, void *userdata);

/* Which driver a printer had, by queue name and device URI, so that a restart offers it at once. */
int ledger_driver_put(struct ledger *ledger, const char *queue, const char *uri,
	const struct fetch_result *result);
int ledger_driver_get(
	struct ledger *ledger, const char *queue, const char *uri, struct fetch_result *ret_result);

/* What is decided about a workspace's restart, as restarts.c keeps it. -ENOENT: nothing, or nothing
 * of this size. */
int ledger_restart_put(
	struct ledger *ledger, const struct uuid *workspace, const void *state, size_t size);
int ledger_restart_get(
	struct ledger *ledger, const struct uuid *workspace, void *ret_state, size_t size);

#endif
