/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's file.
 *
 * It is looked through at each start: a page that a broken disk or a careless hand has changed is
 * better found then than in the midst of a job. What cannot be trusted is not repaired but set
 * aside, with its write-ahead log, for whoever wants to look; the caller builds a new one from the
 * spooler's jobs.
 */
#include "host/ledger-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define SCHEMA_VERSION 4
#define MARK	       ".setting-aside" /* beside the file, from before it is moved until that is told */

static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			      "PRAGMA cache_size = -512; PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA journal_size_limit = 4194304;";

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS job ("
	" workspace BLOB NOT NULL, job BLOB NOT NULL, file INTEGER NOT NULL,"
	" state INTEGER NOT NULL, host_job INTEGER NOT NULL, pages INTEGER NOT NULL,"
	" pool INTEGER NOT NULL, size INTEGER NOT NULL, opened INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, workspace_name TEXT NOT NULL, printer TEXT NOT NULL,"
	" title TEXT NOT NULL, user TEXT NOT NULL, owner TEXT NOT NULL, text TEXT NOT NULL,"
	" guest_job INTEGER NOT NULL, ask INTEGER NOT NULL, decided INTEGER NOT NULL,"
	" heard INTEGER NOT NULL, sheets INTEGER NOT NULL, released INTEGER NOT NULL,"
	" PRIMARY KEY (workspace, job, file)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS job_ended ON job (ended);"
	"CREATE INDEX IF NOT EXISTS job_opened ON job (opened);"
	"CREATE INDEX IF NOT EXISTS job_asked ON job (state) WHERE state = 6;"
	"CREATE INDEX IF NOT EXISTS job_decided ON job (decided) WHERE decided = 1;"
	"CREATE TABLE IF NOT EXISTS driver ("
	" queue TEXT NOT NULL PRIMARY KEY, uri TEXT NOT NULL, result BLOB NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS restart ("
	" workspace BLOB NOT NULL PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS note ("
	" name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 4;";

/* From the schemas before: one that was in use needs no spooler to tell what it had. */
static const char from_1[] = "ALTER TABLE job ADD COLUMN guest_job INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE job ADD COLUMN ask INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE job ADD COLUMN decided INTEGER NOT NULL DEFAULT 0;";
static const char from_2[] = "ALTER TABLE job ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;";
static const char from_3[] = "ALTER TABLE job ADD COLUMN sheets INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE job ADD COLUMN released INTEGER NOT NULL DEFAULT 0;";
static const char was_used[] = "INSERT OR REPLACE INTO note VALUES ('whole', 1)";

/* Statements that only make sense of the tables that we mean. */
static const char *const probes[] = {
	"SELECT " LEDGER_COLUMNS " FROM job LIMIT 0",
	"SELECT queue, uri, result FROM driver LIMIT 0",
	"SELECT workspace, state FROM restart LIMIT 0",
	"SELECT name, value FROM note LIMIT 0",
};

int ledger_error(sqlite3 *db, int sqlite)
{
	const char *path = db ? sqlite3_db_filename(db, "main") : NULL;
	struct statvfs room;

	switch (sqlite & 0xFF) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_IOERR: /* as it calls a full disk in some places */
		if (db &&
			(sqlite3_system_errno(db) == ENOSPC || sqlite3_system_errno(db) == EDQUOT))
			return -ENOSPC;
		return path && statvfs(path, &room) == 0 && room.f_bavail == 0 ? -ENOSPC : -EIO;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY: return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* another schema */ return -EUCLEAN;
	default: return -EIO;
	}
}

static int run(sqlite3 *db, const char *statements)
{
	return sqlite3_exec(db, statements, NULL, NULL, NULL);
}

/* The first column of a statement's first row, as text. */
static int ask(sqlite3 *db, const char *statement, char *buf, size_t size)
{
	sqlite3_stmt *s;
	int r = sqlite3_prepare_v2(db, statement, -1, &s, NULL);

	if (r != SQLITE_OK)
		return r;
	r = sqlite3_step(s);
	text_copy_line(buf, size, r == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "");
	(void)sqlite3_finalize(s);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

/* Makes the tables, or brings those of an earlier Platen up to date. */
static int set_schema(sqlite3 *db)
{
	char text[32];
	int version, r = ask(db, "PRAGMA user_version", text, sizeof(text));

	version = r == SQLITE_OK ? atoi(text) : 0;
	if (r == SQLITE_OK && (version < 0 || version > SCHEMA_VERSION))
		return SQLITE_NOTADB; /* not one that we could read */
	if (r == SQLITE_OK)
		r = run(db, "BEGIN IMMEDIATE");
	if (r == SQLITE_OK && version == 1)
		r = run(db, from_1);
	if (r == SQLITE_OK && (version == 1 || version == 2))
		r = run(db, from_2);
	if (r == SQLITE_OK && version >= 1 && version <= 3)
		r = run(db, from_3);
	if (r == SQLITE_OK)
		r = run(db, schema);
	if (r == SQLITE_OK && (version == 1 || version == 2))
		r = run(db, was_used);
	return r == SQLITE_OK ? run(db, "COMMIT") : r;
}

static int look_through(sqlite3 *db)
{
	sqlite3_stmt *s;
	char text[32];
	int r = ask(db, "PRAGMA quick_check(1)", text, sizeof(text));

	if (r == SQLITE_OK && strcmp(text, "ok") != 0)
		r = SQLITE_CORRUPT;
	for (size_t i = 0; r == SQLITE_OK && i < sizeof(probes) / sizeof(probes[0]); i++) {
		r = sqlite3_prepare_v2(db, probes[i], -1, &s, NULL);
		(void)sqlite3_finalize(s);
	}
	return r;
}

static int try_open(const char *path, sqlite3 **ret_db)
{
	sqlite3 *db;
	int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (r == SQLITE_OK)
		r = run(db, pragmas);
	if (r == SQLITE_OK)
		r = set_schema(db);
	if (r == SQLITE_OK)
		r = look_through(db);
	if (r != SQLITE_OK) {
		r = sqlite3_extended_errcode(db) == SQLITE_IOERR_SHORT_READ ? SQLITE_CORRUPT : r;
		r = ledger_error(db, r);
		(void)sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

/* What is synced of a folder is which files are in it, and under which names. */
static int sync_folder(const char *path)
{
	char folder[512], *slash;
	_cleanup_close_ int fd = -1;

	if (text_copy(folder, sizeof(folder), path) < 0)
		return -ENAMETOOLONG;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The database last: with it in its place of rest, all of it is there. */
static const char *const parts[] = {"-wal", "-shm", ""};

/* One that is set aside comes in the place of an earlier one, which goes before, as a whole: the
 * log of one must not lie beside the other. */
static int begin_aside(const char *path, const char *mark)
{
	_cleanup_close_ int fd = -1;
	char old[512];

	for (size_t i = sizeof(parts) / sizeof(parts[0]); i-- > 0;) {
		if (text_printf(old, sizeof(old), "%s.damaged%s", path, parts[i]) < 0)
			return -ENAMETOOLONG;
		if (unlink(old) < 0 && errno != ENOENT)
			return -errno;
	}
	fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : sync_folder(path);
}

/* As far as it is not done yet: what begins anew in its place is not damaged. */
static int set_aside(const char *path)
{
	char from[512], to[512];

	if (text_printf(to, sizeof(to), "%s.damaged", path) < 0)
		return -ENAMETOOLONG;
	if (access(to, F_OK) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (text_printf(from, sizeof(from), "%s%s", path, parts[i]) < 0 ||
			text_printf(to, sizeof(to), "%s.damaged%s", path, parts[i]) < 0)
			return -ENAMETOOLONG;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return sync_folder(path);
}

/* A crash on the way leaves a mark: without its log a database may well look sound, and be an
 * earlier one, and a new one must not pass for one that was never anything else. */
int ledger_file_open(const char *path, bool *ret_damaged, sqlite3 **ret_db)
{
	char mark[512];
	int r;

	*ret_damaged = false;
	if (text_printf(mark, sizeof(mark), "%s" MARK, path) < 0)
		return -ENAMETOOLONG;
	if (access(mark, F_OK) < 0) {
		r = try_open(path, ret_db);
		if (r != -EUCLEAN)
			return r;
		r = begin_aside(path, mark);
		if (r < 0)
			return r;
	}
	*ret_damaged = true;
	r = set_aside(path);
	if (r == 0)
		r = try_open(path, ret_db);
	if (r == -EUCLEAN) { /* the new one is, by now */
		r = begin_aside(path, mark);
		if (r == 0)
			r = set_aside(path);
		if (r == 0)
			r = try_open(path, ret_db);
	}
	return r == -EUCLEAN ? -EIO : r;
}

int ledger_file_told(const char *path)
{
	char mark[512];

	if (text_printf(mark, sizeof(mark), "%s" MARK, path) < 0)
		return -ENAMETOOLONG;
	return unlink(mark) < 0 ? -errno : sync_folder(path);
}
