/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger on SQLite.
 *
 * One connection, prepared statements, one open transaction that ledger_commit() closes: the
 * caller gathers what happened in one turn of its loop and pays for one sync. A fixed struct goes
 * in and out whole, its fixed text columns by name, so that people can read the file with sqlite3.
 */
#include "host/ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/ledger-file.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PUT,
	SQL_GET,
	SQL_REMOVE,
	SQL_WALK,
	SQL_WALK_UNFINISHED,
	SQL_WALK_ASKED,
	SQL_WALK_DECIDED,
	SQL_FORGET_OPEN,
	SQL_PRUNE_OLD,
	SQL_PRUNE_MANY,
	SQL_PRUNE_OWED,
	SQL_NOTE_PUT,
	SQL_NOTE_GET,
	SQL_DRIVER_PUT,
	SQL_DRIVER_GET,
	SQL_RESTART_PUT,
	SQL_RESTART_GET,
	SQL_COUNT,
};

static const char *const sql[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PUT] = "INSERT OR REPLACE INTO job (" LEDGER_COLUMNS ") VALUES"
		    " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
		    " ?17, ?18, ?19, ?20, ?21, ?22)",
	[SQL_GET] = "SELECT " LEDGER_COLUMNS
		    " FROM job WHERE workspace = ?1 AND job = ?2 AND file = ?3",
	[SQL_REMOVE] = "DELETE FROM job WHERE workspace = ?1 AND job = ?2 AND file = ?3",
	[SQL_WALK] = "SELECT " LEDGER_COLUMNS " FROM job ORDER BY opened DESC LIMIT ?1",
	[SQL_WALK_UNFINISHED] =
		"SELECT " LEDGER_COLUMNS " FROM job WHERE ended = 0 ORDER BY opened DESC LIMIT ?1",
	[SQL_WALK_ASKED] =
		"SELECT " LEDGER_COLUMNS " FROM job WHERE state = 6 ORDER BY opened DESC LIMIT ?1",
	[SQL_WALK_DECIDED] = "SELECT " LEDGER_COLUMNS
			     " FROM job WHERE decided = 1 ORDER BY opened DESC LIMIT ?1",
	/* Nothing of them can have printed, and whoever sends one opens it anew. */
	[SQL_FORGET_OPEN] = "DELETE FROM job WHERE state = 1",
	[SQL_PRUNE_OLD] = "DELETE FROM job WHERE ended > 0 AND heard = 1 AND decided = 0"
			  " AND ended < ?1",
	[SQL_PRUNE_MANY] = "DELETE FROM job WHERE heard = 1 AND decided = 0 AND ended > 0"
			   " AND ended <= (SELECT ended FROM job WHERE ended > 0 AND heard = 1"
			   " AND decided = 0 ORDER BY ended DESC LIMIT 1 OFFSET ?1)",
	[SQL_PRUNE_OWED] = "DELETE FROM job WHERE (workspace, job, file) IN"
			   " (SELECT workspace, job, file FROM (SELECT workspace, job, file,"
			   " row_number() OVER (PARTITION BY workspace ORDER BY opened DESC) AS n"
			   " FROM job WHERE state <> 2 AND (heard = 0 OR decided = 1))"
			   " WHERE n > ?1)",
	[SQL_NOTE_PUT] = "INSERT OR REPLACE INTO note (name, value) VALUES (?1, ?2)",
	[SQL_NOTE_GET] = "SELECT value FROM note WHERE name = ?1",
	[SQL_DRIVER_PUT] = "INSERT OR REPLACE INTO driver (queue, uri, result) VALUES (?1, ?2, ?3)",
	[SQL_DRIVER_GET] = "SELECT result FROM driver WHERE queue = ?1 AND uri = ?2",
	[SQL_RESTART_PUT] = "INSERT OR REPLACE INTO restart (workspace, state) VALUES (?1, ?2)",
	[SQL_RESTART_GET] = "SELECT state FROM restart WHERE workspace = ?1",
};

#define PRUNE_EACH 1000 /* ended jobs from one look for what is past the limits to the next */
#define LATE_MAX   1000 /* rows that may wait for a commit */

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	bool begun;
	bool due;	/* what was put is to be on disk with the next commit */
	uint32_t puts;	/* in the open transaction */
	uint32_t ended; /* since the last prune */
	uint32_t limit_jobs, limit_days;
};

/* What a statement that did not end well means for the caller. */
static int error_of(struct ledger *ledger, int sqlite)
{
	return ledger_error(ledger->db, sqlite) == -ENOSPC ? -ENOSPC : -EIO;
}

/* Runs a statement that returns no row, and readies it for the next time. */
static int run(struct ledger *ledger, enum statement which)
{
	sqlite3_stmt *s = ledger->statements[which];
	int r = sqlite3_step(s);

	r = r == SQLITE_DONE || r == SQLITE_ROW ? 0 : error_of(ledger, r);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

static int begin(struct ledger *ledger)
{
	int r;

	if (ledger->begun)
		return 0;
	r = run(ledger, SQL_BEGIN);
	ledger->begun = r == 0;
	return r;
}

int ledger_open(const char *path, bool *ret_damaged, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r, sqlite = SQLITE_OK;

	if (!ledger)
		return -ENOMEM;
	ledger->limit_jobs = LEDGER_JOBS;
	r = ledger_file_open(path, ret_damaged, &ledger->db);
	for (int i = 0; r == 0 && sqlite == SQLITE_OK && i < SQL_COUNT; i++)
		sqlite = sqlite3_prepare_v2(ledger->db, sql[i], -1, &ledger->statements[i], NULL);
	if (r == 0 && sqlite != SQLITE_OK)
		r = error_of(ledger, sqlite);
	if (r == 0)
		r = run(ledger, SQL_FORGET_OPEN);
	if (r == 0 && *ret_damaged)
		r = ledger_note_put(ledger, LEDGER_DAMAGED, time(NULL));
	if (r == 0)
		r = ledger_commit(ledger);
	if (r == 0 && *ret_damaged)
		r = ledger_file_told(path);
	if (r < 0) {
		(void)ledger_close(ledger);
		return r;
	}
	*ret_ledger = ledger;
	return 0;
}

struct ledger *ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	ledger->due = true;
	if (ledger->db)
		(void)ledger_commit(ledger);
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(ledger->statements[i]);
	(void)sqlite3_close(ledger->db);
	free(ledger);
	return NULL;
}

static void bind_key(sqlite3_stmt *s, const struct ledger_key *key)
{
	(void)sqlite3_bind_blob(s, 1, key->workspace.bytes, UUID_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 2, key->job.bytes, UUID_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 3, key->file);
}

int ledger_put(struct ledger *ledger, const struct ledger_job *job)
{
	int r = ledger_put_late(ledger, job);

	ledger->due = true;
	ledger->ended += job->ended > 0;
	return r;
}

int ledger_put_late(struct ledger *ledger, const struct ledger_job *job)
{
	sqlite3_stmt *s = ledger->statements[SQL_PUT];
	const char *const texts[] = {
		job->workspace_name, job->printer, job->title, job->user, job->owner, job->text};
	int r = begin(ledger);

	if (r < 0)
		return r;
	ledger->puts++;
	bind_key(s, &job->key);
	(void)sqlite3_bind_int(s, 4, (int)job->state);
	(void)sqlite3_bind_int64(s, 5, job->host_job);
	(void)sqlite3_bind_int64(s, 6, job->pages);
	(void)sqlite3_bind_int64(s, 7, job->pool);
	(void)sqlite3_bind_int64(s, 8, (int64_t)job->size);
	(void)sqlite3_bind_int64(s, 9, job->opened);
	(void)sqlite3_bind_int64(s, 10, job->ended);
	for (int i = 0; i < 6; i++)
		(void)sqlite3_bind_text(s, 11 + i, texts[i], -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 17, job->guest_job);
	(void)sqlite3_bind_int64(s, 18, job->ask);
	(void)sqlite3_bind_int64(s, 19, job->decided);
	(void)sqlite3_bind_int64(s, 20, job->heard);
	(void)sqlite3_bind_int64(s, 21, job->sheets);
	(void)sqlite3_bind_int64(s, 22, job->released);
	return run(ledger, SQL_PUT);
}

static void column_text(sqlite3_stmt *s, int column, char *buf, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	text_copy_line(buf, size, text ? (const char *)text : "");
}

static bool column_uuid(sqlite3_stmt *s, int column, struct uuid *uuid)
{
	const void *blob = sqlite3_column_blob(s, column);

	if (sqlite3_column_bytes(s, column) != UUID_SIZE)
		return false;
	memcpy(uuid->bytes, blob, UUID_SIZE);
	return true;
}

static bool row_read(sqlite3_stmt *s, struct ledger_job *job)
{
	int64_t state = sqlite3_column_int64(s, 3);

	memset(job, 0, sizeof(*job));
	if (!column_uuid(s, 0, &job->key.workspace) || !column_uuid(s, 1, &job->key.job) ||
		state < LEDGER_OPEN || state > LEDGER_RETRY)
		return false;
	job->key.file = (uint32_t)sqlite3_column_int64(s, 2);
	job->state = (enum ledger_state)state;
	job->host_job = (uint32_t)sqlite3_column_int64(s, 4);
	job->pages = (uint32_t)sqlite3_column_int64(s, 5);
	job->pool = (uint32_t)sqlite3_column_int64(s, 6);
	job->size = (uint64_t)sqlite3_column_int64(s, 7);
	job->opened = sqlite3_column_int64(s, 8);
	job->ended = sqlite3_column_int64(s, 9);
	column_text(s, 10, job->workspace_name, sizeof(job->workspace_name));
	column_text(s, 11, job->printer, sizeof(job->printer));
	column_text(s, 12, job->title, sizeof(job->title));
	column_text(s, 13, job->user, sizeof(job->user));
	column_text(s, 14, job->owner, sizeof(job->owner));
	column_text(s, 15, job->text, sizeof(job->text));
	job->guest_job = (uint32_t)sqlite3_column_int64(s, 16);
	job->ask = (uint32_t)sqlite3_column_int64(s, 17);
	job->decided = (uint32_t)sqlite3_column_int64(s, 18);
	job->heard = (uint32_t)sqlite3_column_int64(s, 19);
	job->sheets = (uint32_t)sqlite3_column_int64(s, 20);
	job->released = sqlite3_column_int64(s, 21);
	return true;
}

int ledger_get(struct ledger *ledger, const struct ledger_key *key, struct ledger_job *ret_job)
{
	sqlite3_stmt *s = ledger->statements[SQL_GET];
	int r, step;

	bind_key(s, key);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		r = row_read(s, ret_job) ? 0 : -EIO;
	else
		r = step == SQLITE_DONE ? -ENOENT : error_of(ledger, step);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

int ledger_remove(struct ledger *ledger, const struct ledger_key *key)
{
	int r = begin(ledger);

	ledger->due = true;
	if (r < 0)
		return r;
	bind_key(ledger->statements[SQL_REMOVE], key);
	return run(ledger, SQL_REMOVE);
}

/* Takes out what is past the limits. */
static int prune(struct ledger *ledger)
{
	sqlite3_stmt *old = ledger->statements[SQL_PRUNE_OLD];
	int r = 0;

	ledger->ended = 0;
	if (ledger->limit_days) {
		(void)sqlite3_bind_int64(old, 1, time(NULL) - ledger->limit_days * 86400LL);
		r = run(ledger, SQL_PRUNE_OLD);
	}
	if (r == 0 && ledger->limit_jobs) {
		(void)sqlite3_bind_int64(ledger->statements[SQL_PRUNE_MANY], 1, ledger->limit_jobs);
		r = run(ledger, SQL_PRUNE_MANY);
	}
	(void)sqlite3_bind_int64(ledger->statements[SQL_PRUNE_OWED], 1, LEDGER_OWED_MAX);
	return r == 0 ? run(ledger, SQL_PRUNE_OWED) : r;
}

int ledger_limit(struct ledger *ledger, uint32_t jobs, uint32_t days)
{
	int r = begin(ledger);

	ledger->limit_jobs = jobs;
	ledger->limit_days = days;
	ledger->due = true;
	return r == 0 ? prune(ledger) : r;
}

bool ledger_is_due(const struct ledger *ledger)
{
	return ledger->begun && (ledger->due || ledger->puts >= LATE_MAX);
}

int ledger_commit(struct ledger *ledger)
{
	int r;

	if (!ledger_is_due(ledger))
		return 0;
	if (ledger->ended >= PRUNE_EACH)
		(void)prune(ledger); /* the next time will do */
	r = run(ledger, SQL_COMMIT);
	if (r < 0 && !sqlite3_get_autocommit(ledger->db))
		(void)run(ledger, SQL_ROLLBACK);
	ledger->begun = ledger->due = false;
	ledger->puts = 0;
	return r;
}

static const char *note_name(enum ledger_note note)
{
	static const char *const names[] = {
		[LEDGER_WHOLE] = "whole",
		[LEDGER_DAMAGED] = "damaged",
		[LEDGER_NUMBER] = "number",
	};

	return names[note];
}

int ledger_note_put(struct ledger *ledger, enum ledger_note note, int64_t value)
{
	sqlite3_stmt *s = ledger->statements[SQL_NOTE_PUT];
	int r = begin(ledger);

	if (r < 0)
		return r;
	ledger->due = true;
	(void)sqlite3_bind_text(s, 1, note_name(note), -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 2, value);
	return run(ledger, SQL_NOTE_PUT);
}

int64_t ledger_note(struct ledger *ledger, enum ledger_note note)
{
	sqlite3_stmt *s = ledger->statements[SQL_NOTE_GET];
	int64_t value = 0;

	(void)sqlite3_bind_text(s, 1, note_name(note), -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return value;
}

int ledger_walk(struct ledger *ledger, enum ledger_which which, uint32_t limit,
	ledger_visit_fn *visit, void *userdata)
{
	static const enum statement walks[] = {
		[LEDGER_ALL] = SQL_WALK,
		[LEDGER_UNFINISHED] = SQL_WALK_UNFINISHED,
		[LEDGER_ASKED] = SQL_WALK_ASKED,
		[LEDGER_DECIDED] = SQL_WALK_DECIDED,
	};
	sqlite3_stmt *s = ledger->statements[walks[which]];
	struct ledger_job job;
	int r = 0, step;

	(void)sqlite3_bind_int64(s, 1, limit);
	while (r == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		if (row_read(s, &job))
			r = visit(&job, userdata);
	if (r == 0 && step != SQLITE_DONE)
		r = error_of(ledger, step);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

int ledger_driver_put(struct ledger *ledger, const char *queue, const char *uri,
	const struct fetch_result *result)
{
	sqlite3_stmt *s = ledger->statements[SQL_DRIVER_PUT];
	int r = begin(ledger);

	ledger->due = true;
	if (r < 0)
		return r;
	(void)sqlite3_bind_text(s, 1, queue, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 2, uri, -1, SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 3, result, sizeof(*result), SQLITE_STATIC);
	return run(ledger, SQL_DRIVER_PUT);
}

int ledger_driver_get(
	struct ledger *ledger, const char *queue, const char *uri, struct fetch_result *ret_result)
{
	sqlite3_stmt *s = ledger->statements[SQL_DRIVER_GET];
	int r = -ENOENT;

	(void)sqlite3_bind_text(s, 1, queue, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 2, uri, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW &&
		(size_t)sqlite3_column_bytes(s, 0) >= offsetof(struct fetch_result, device_id) &&
		(size_t)sqlite3_column_bytes(s, 0) <= sizeof(*ret_result)) {
		*ret_result = (struct fetch_result){0};
		memcpy(ret_result, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
		r = 0;
	}
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

int ledger_restart_put(
	struct ledger *ledger, const struct uuid *workspace, const void *state, size_t size)
{
	sqlite3_stmt *s = ledger->statements[SQL_RESTART_PUT];
	int r = begin(ledger);

	ledger->due = true;
	if (r < 0)
		return r;
	(void)sqlite3_bind_blob(s, 1, workspace->bytes, UUID_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 2, state, (int)size, SQLITE_STATIC);
	return run(ledger, SQL_RESTART_PUT);
}

int ledger_restart_get(
	struct ledger *ledger, const struct uuid *workspace, void *ret_state, size_t size)
{
	sqlite3_stmt *s = ledger->statements[SQL_RESTART_GET];
	int r = -ENOENT;

	(void)sqlite3_bind_blob(s, 1, workspace->bytes, UUID_SIZE, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_bytes(s, 0) == (int)size) {
		memcpy(ret_state, sqlite3_column_blob(s, 0), size);
		r = 0;
	}
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}
