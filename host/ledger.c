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

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS job ("
	" workspace BLOB NOT NULL, job BLOB NOT NULL, file INTEGER NOT NULL,"
	" state INTEGER NOT NULL, host_job INTEGER NOT NULL, pages INTEGER NOT NULL,"
	" pool INTEGER NOT NULL, size INTEGER NOT NULL, opened INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, workspace_name TEXT NOT NULL, printer TEXT NOT NULL,"
	" title TEXT NOT NULL, user TEXT NOT NULL, owner TEXT NOT NULL, text TEXT NOT NULL,"
	" PRIMARY KEY (workspace, job, file)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS job_ended ON job (ended);"
	"CREATE INDEX IF NOT EXISTS job_opened ON job (opened);"
	"CREATE TABLE IF NOT EXISTS driver ("
	" queue TEXT NOT NULL PRIMARY KEY, uri TEXT NOT NULL, result BLOB NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS restart ("
	" workspace BLOB NOT NULL PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 1;";

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PUT,
	SQL_GET,
	SQL_REMOVE,
	SQL_WALK,
	SQL_WALK_UNFINISHED,
	SQL_PRUNE,
	SQL_DRIVER_PUT,
	SQL_DRIVER_GET,
	SQL_RESTART_PUT,
	SQL_RESTART_GET,
	SQL_COUNT,
};

#define COLUMNS                                                                                    \
	"workspace, job, file, state, host_job, pages, pool, size, opened, ended,"                 \
	" workspace_name, printer, title, user, owner, text"

static const char *const sql[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PUT] = "INSERT OR REPLACE INTO job (" COLUMNS ") VALUES"
		    " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[SQL_GET] = "SELECT " COLUMNS " FROM job WHERE workspace = ?1 AND job = ?2 AND file = ?3",
	[SQL_REMOVE] = "DELETE FROM job WHERE workspace = ?1 AND job = ?2 AND file = ?3",
	[SQL_WALK] = "SELECT " COLUMNS " FROM job ORDER BY opened DESC LIMIT ?1",
	[SQL_WALK_UNFINISHED] =
		"SELECT " COLUMNS " FROM job WHERE ended = 0 ORDER BY opened DESC LIMIT ?1",
	[SQL_PRUNE] = "DELETE FROM job WHERE ended > 0 AND ended <"
		      " (SELECT ended FROM job WHERE ended > 0 ORDER BY ended DESC"
		      " LIMIT 1 OFFSET ?1)",
	[SQL_DRIVER_PUT] = "INSERT OR REPLACE INTO driver (queue, uri, result) VALUES (?1, ?2, ?3)",
	[SQL_DRIVER_GET] = "SELECT result FROM driver WHERE queue = ?1 AND uri = ?2",
	[SQL_RESTART_PUT] = "INSERT OR REPLACE INTO restart (workspace, state) VALUES (?1, ?2)",
	[SQL_RESTART_GET] = "SELECT state FROM restart WHERE workspace = ?1",
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	bool begun;
	uint32_t puts; /* since the last prune */
};

static int error_of(int sqlite)
{
	return (sqlite & 0xFF) == SQLITE_FULL ? -ENOSPC : -EIO;
}

/* Runs a statement that returns no row, and readies it for the next time. */
static int run(struct ledger *ledger, enum statement which)
{
	sqlite3_stmt *s = ledger->statements[which];
	int r = sqlite3_step(s);

	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r == SQLITE_DONE || r == SQLITE_ROW ? 0 : error_of(r);
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

static int try_open(const char *path, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	if (!ledger)
		return -ENOMEM;
	r = sqlite3_open_v2(path, &ledger->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(ledger->db,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			"PRAGMA cache_size = -512; PRAGMA locking_mode = EXCLUSIVE;",
			NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(ledger->db, schema, NULL, NULL, NULL);
	for (int i = 0; r == SQLITE_OK && i < SQL_COUNT; i++)
		r = sqlite3_prepare_v2(ledger->db, sql[i], -1, &ledger->statements[i], NULL);
	if (r != SQLITE_OK) {
		bool damaged = r == SQLITE_CORRUPT || r == SQLITE_NOTADB;

		(void)ledger_close(ledger);
		return damaged ? -EUCLEAN : r == SQLITE_CANTOPEN ? -EACCES : error_of(r);
	}
	*ret_ledger = ledger;
	return 0;
}

int ledger_open(const char *path, bool *ret_damaged, struct ledger **ret_ledger)
{
	char aside[512];
	int r = try_open(path, ret_ledger);

	*ret_damaged = false;
	if (r != -EUCLEAN)
		return r;
	if (text_printf(aside, sizeof(aside), "%s.damaged", path) < 0)
		return -ENAMETOOLONG;
	if (rename(path, aside) < 0)
		return -errno;
	*ret_damaged = true;
	return try_open(path, ret_ledger);
}

struct ledger *ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	if (ledger->begun)
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
	sqlite3_stmt *s = ledger->statements[SQL_PUT];
	const char *const texts[] = {
		job->workspace_name, job->printer, job->title, job->user, job->owner, job->text};
	int r = begin(ledger);

	if (r < 0)
		return r;
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
		state < LEDGER_OPEN || state > LEDGER_ASK)
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
		r = step == SQLITE_DONE ? -ENOENT : error_of(step);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

int ledger_remove(struct ledger *ledger, const struct ledger_key *key)
{
	int r = begin(ledger);

	if (r < 0)
		return r;
	bind_key(ledger->statements[SQL_REMOVE], key);
	return run(ledger, SQL_REMOVE);
}

int ledger_commit(struct ledger *ledger)
{
	int r;

	if (!ledger->begun)
		return 0;
	if (++ledger->puts >= 1000) {
		ledger->puts = 0;
		(void)sqlite3_bind_int(ledger->statements[SQL_PRUNE], 1, LEDGER_ENDED_MAX);
		(void)run(ledger, SQL_PRUNE); /* the next time will do */
	}
	r = run(ledger, SQL_COMMIT);
	if (r < 0 && !sqlite3_get_autocommit(ledger->db))
		(void)run(ledger, SQL_ROLLBACK);
	ledger->begun = false;
	return r;
}

int ledger_walk(struct ledger *ledger, bool unfinished, uint32_t limit, ledger_visit_fn *visit,
	void *userdata)
{
	sqlite3_stmt *s = ledger->statements[unfinished ? SQL_WALK_UNFINISHED : SQL_WALK];
	struct ledger_job job;
	int r = 0, step;

	(void)sqlite3_bind_int64(s, 1, limit);
	while (r == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		if (row_read(s, &job))
			r = visit(&job, userdata);
	if (r == 0 && step != SQLITE_DONE)
		r = error_of(step);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return r;
}

int ledger_driver_put(struct ledger *ledger, const char *queue, const char *uri,
	const struct fetch_result *result)
{
	sqlite3_stmt *s = ledger->statements[SQL_DRIVER_PUT];
	int r = begin(ledger);

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
