/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as a file that bad things happen to, and that must not grow for ever.
 *
 * Whatever is done to the file, the next start has a ledger: the old one if it is sound, else a new
 * one, and then it says so and keeps the old one aside.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/ledger.h"
#include "proto/base/cleanup.h"

/* Calls that change what is on the disk, which a process may die before. */
static int calls_left = -1; /* so many are made yet; -1: all */

static void call(void)
{
	if (calls_left == 0)
		_exit(9);
	if (calls_left > 0)
		calls_left--;
}

#define COUNTED(name, number, parameters, ...)                                                     \
	int name parameters                                                                        \
	{                                                                                          \
		call();                                                                            \
		return (int)syscall(number, __VA_ARGS__);                                          \
	}

COUNTED(rename, SYS_rename, (const char *from, const char *to), from, to)
COUNTED(unlink, SYS_unlink, (const char *file), file)
COUNTED(fsync, SYS_fsync, (int fd), fd)
COUNTED(fdatasync, SYS_fdatasync, (int fd), fd)

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	call();
	return syscall(SYS_pwrite64, fd, bytes, size, at);
}

static char dir[] = "/tmp/platen-ledger-XXXXXX";
static char path[64], aside[80];

static struct ledger *open_it(bool damaged)
{
	struct ledger *ledger;
	bool was;

	ck_assert_int_eq(ledger_open(path, &was, &ledger), 0);
	ck_assert_int_eq(was, damaged);
	return ledger;
}

static struct ledger_job row(uint32_t number, enum ledger_state state, int64_t ended)
{
	struct ledger_job job = {.key = {.workspace = {{1}}, .file = 1},
		.state = state,
		.opened = 1000 + number,
		.ended = ended,
		.title = "a title",
		.heard = 1};

	memcpy(job.key.job.bytes, &number, sizeof(number));
	return job;
}

static void put(struct ledger *ledger, const struct ledger_job *job)
{
	ck_assert_int_eq(ledger_put(ledger, job), 0);
}

static int count_one(const struct ledger_job *job, void *userdata)
{
	(void)job;
	(*(int *)userdata)++;
	return 0;
}

static int count(struct ledger *ledger, enum ledger_which which)
{
	int n = 0;

	ck_assert_int_eq(ledger_walk(ledger, which, UINT32_MAX, count_one, &n), 0);
	return n;
}

static bool has(struct ledger *ledger, uint32_t number)
{
	struct ledger_job job = row(number, LEDGER_OPEN, 0), found;

	return ledger_get(ledger, &job.key, &found) == 0;
}

static void fill(void)
{
	struct ledger *ledger = open_it(false);

	for (uint32_t i = 0; i < 2000; i++) {
		struct ledger_job job = row(i, LEDGER_COMPLETED, time(NULL));

		put(ledger, &job);
	}
	ck_assert_int_eq(ledger_note_put(ledger, LEDGER_WHOLE, 1), 0);
	(void)ledger_close(ledger);
}

/* Overwrites a part of the file. */
static void spoil(off_t at, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY);
	char junk[4096];

	ck_assert_int_ge(fd, 0);
	memset(junk, 0xA5, sizeof(junk));
	for (size_t done = 0; done < size; done += sizeof(junk))
		ck_assert_int_gt(
			pwrite(fd, junk, size - done < sizeof(junk) ? size - done : sizeof(junk),
				at + (off_t)done),
			0);
}

static void exec(const char *statements)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, statements, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static off_t size_of(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

/* The next start has a new one, that can be used, and the one after it has that. */
static void is_set_aside(void)
{
	struct ledger_job job = row(7777777, LEDGER_RELEASE, 0);
	struct ledger *ledger = open_it(true);

	ck_assert_int_eq(access(aside, F_OK), 0);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), 0);
	ck_assert_int_eq(ledger_note(ledger, LEDGER_WHOLE), 0);
	ck_assert_int_ge(ledger_note(ledger, LEDGER_DAMAGED), time(NULL) - 10);
	put(ledger, &job);
	ck_assert_int_eq(ledger_commit(ledger), 0);
	(void)ledger_close(ledger);
	ledger = open_it(false);
	ck_assert(has(ledger, 7777777));
	ck_assert_int_gt(ledger_note(ledger, LEDGER_DAMAGED), 0);
	(void)ledger_close(ledger);
}

START_TEST(test_garbage)
{
	fill();
	spoil(0, (size_t)size_of());
	is_set_aside();
	spoil(0, 100); /* once more: the one before goes */
	is_set_aside();
}
END_TEST

/* One page in the midst, which nobody reads until a job needs it. */
START_TEST(test_a_page)
{
	fill();
	ck_assert_int_gt(size_of(), 100000);
	spoil(size_of() / 2 / 4096 * 4096, 4096);
	is_set_aside();
}
END_TEST

START_TEST(test_truncated)
{
	fill();
	ck_assert_int_eq(truncate(path, size_of() / 3), 0);
	is_set_aside();
	fill();
	ck_assert_int_eq(truncate(path, 10), 0);
	is_set_aside();
}
END_TEST

/* Nothing is left of it: that is a new one, which the spooler's jobs fill. */
START_TEST(test_empty)
{
	struct ledger *ledger;

	fill();
	ck_assert_int_eq(truncate(path, 0), 0);
	ledger = open_it(false);
	ck_assert_int_eq(ledger_note(ledger, LEDGER_WHOLE), 0);
	(void)ledger_close(ledger);
}
END_TEST

START_TEST(test_other_schema)
{
	exec("CREATE TABLE job (a, b)");
	is_set_aside();
	exec("PRAGMA user_version = 99");
	is_set_aside();
	exec("DROP TABLE job; PRAGMA user_version = 2");
	is_set_aside();
	exec("ALTER TABLE restart RENAME COLUMN state TO other");
	is_set_aside();
}
END_TEST

/* A log that is left by a platend that was killed goes along: it is not taken for the new one's. */
START_TEST(test_log_goes_along)
{
	struct ledger_job job = row(1, LEDGER_RELEASE, 0);
	struct ledger *ledger = open_it(false);
	char command[320];

	put(ledger, &job);
	ck_assert_int_eq(ledger_commit(ledger), 0);
	(void)snprintf(command, sizeof(command), "cp %s-wal %s/kept", path, dir);
	ck_assert_int_eq(system(command), 0);
	(void)ledger_close(ledger);
	(void)snprintf(command, sizeof(command), "mv %s/kept %s-wal", dir, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(truncate(path, 0), 0);
	spoil(0, 8192);
	ledger = NULL;
	if (ledger_open(path, &(bool){false}, &ledger) == 0)
		ck_assert(has(ledger, 1) || ledger_note(ledger, LEDGER_DAMAGED));
	ck_assert_ptr_nonnull(ledger);
	(void)ledger_close(ledger);
}
END_TEST

static void copy(const char *from_end, const char *to_end)
{
	char command[320];

	(void)snprintf(command, sizeof(command), "cp %s%s %s%s", path, from_end, path, to_end);
	ck_assert_int_eq(system(command), 0);
}

/* What a database and its log are together the work of. */
static int version_of(const char *file)
{
	sqlite3_stmt *s;
	sqlite3 *db;
	int version;

	ck_assert_int_eq(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	version = sqlite3_column_int(s, 0);
	(void)sqlite3_finalize(s);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	return version;
}

/* A database that is sound and old without its log, and another's with it. */
static void fill_two(void)
{
	sqlite3 *db;

	fill();
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db,
				 "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
				 "PRAGMA user_version = 99",
				 NULL, NULL, NULL),
		SQLITE_OK);
	copy("", ".kept");
	copy("-wal", ".kept-wal");
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	copy(".kept", "");
	copy(".kept-wal", "-wal");
}

/* Opens it in a process that dies before its call number `calls`. Whether it came to its end. */
static bool open_and_die(int calls)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct ledger *ledger;

		calls_left = calls;
		_exit(ledger_open(path, &(bool){false}, &ledger) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status) == 0;
}

/* Whenever it dies while it sets the file aside, the next one knows, and nothing is lost of it. */
START_TEST(test_dies_while_it_is_set_aside)
{
	bool ended = false;
	int calls;

	fill_two();
	for (calls = 0; !ended; calls++) {
		struct ledger *ledger;

		copy(".kept", "");
		copy(".kept-wal", "-wal");
		ended = open_and_die(calls);
		ck_assert_int_eq(ledger_open(path, &(bool){false}, &ledger), 0);
		ck_assert_msg(
			ledger_note(ledger, LEDGER_DAMAGED) > 0, "died before call %d", calls);
		ck_assert(!has(ledger, 1));
		(void)ledger_close(ledger);
		ck_assert_msg(version_of(aside) == 99, "died before call %d", calls);
		(void)ledger_close(open_it(false));
	}
	ck_assert_int_gt(calls, 10);
}
END_TEST

/* As the versions before left it. */
START_TEST(test_earlier_schemas)
{
	static const char *const before[] = {
		"ALTER TABLE job DROP COLUMN sheets; ALTER TABLE job DROP COLUMN released;",
		"PRAGMA user_version = 3",
		"ALTER TABLE job DROP COLUMN heard; DROP TABLE note; PRAGMA user_version = 2",
		"DROP INDEX job_decided; ALTER TABLE job DROP COLUMN decided;"
		"ALTER TABLE job DROP COLUMN ask; ALTER TABLE job DROP COLUMN guest_job;"
		"PRAGMA user_version = 1",
	};

	for (size_t i = 1; i < sizeof(before) / sizeof(before[0]); i++) {
		struct ledger_job job = row((uint32_t)i, LEDGER_RELEASE, 0), back;
		struct ledger *ledger = open_it(false);

		put(ledger, &job);
		(void)ledger_close(ledger);
		for (size_t step = 0; step <= i; step++) /* each takes away what its next brought */
			exec(before[step]);
		ledger = open_it(false);
		ck_assert_int_eq(ledger_get(ledger, &job.key, &back), 0);
		ck_assert_str_eq(back.title, job.title);
		ck_assert_uint_eq(back.heard, i == 1);
		ck_assert_int_eq(ledger_note(ledger, LEDGER_WHOLE), i > 1);
		(void)ledger_close(ledger);
	}
}
END_TEST

START_TEST(test_bounded)
{
	struct ledger *ledger = open_it(false);
	int64_t now = time(NULL), day = 86400;

	ck_assert_int_eq(ledger_limit(ledger, 1000, 100), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		struct ledger_job job = row(i, LEDGER_COMPLETED, now - 5000 + i);

		put(ledger, &job);
		if (i % 100)
			continue;
		ck_assert_int_eq(ledger_commit(ledger), 0);
		ck_assert_int_le(count(ledger, LEDGER_ALL), 2200);
	}
	ck_assert_int_eq(ledger_limit(ledger, 1000, 100), 0);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), 1000);
	ck_assert(!has(ledger, 3999) && has(ledger, 4000) && has(ledger, 4999));
	ck_assert_int_eq(ledger_limit(ledger, 0, 0), 0);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), 1000);
	for (uint32_t i = 0; i < 5; i++) { /* by age; never what goes on or is owed */
		static const enum ledger_state states[] = {LEDGER_COMPLETED, LEDGER_RELEASE,
			LEDGER_ASK, LEDGER_RETRY, LEDGER_CANCELED};
		struct ledger_job job = row(10000 + i, states[i], now - 200 * day);

		job.heard = states[i] == LEDGER_COMPLETED;
		job.decided = states[i] == LEDGER_RETRY;
		if (states[i] == LEDGER_RELEASE || states[i] == LEDGER_RETRY)
			job.ended = 0;
		put(ledger, &job);
	}
	ck_assert_int_eq(ledger_limit(ledger, 10, 100), 0);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), 14);
	ck_assert(!has(ledger, 10000));
	for (uint32_t i = 1; i < 5; i++)
		ck_assert(has(ledger, 10000 + i));
	ck_assert_int_eq(count(ledger, LEDGER_ASKED), 1);
	ck_assert_int_eq(count(ledger, LEDGER_DECIDED), 1);
	(void)ledger_close(ledger);
}
END_TEST

/* A workspace that never hears is bounded by itself, and another loses nothing by it. */
START_TEST(test_owed_is_bounded)
{
	struct ledger *ledger = open_it(false);
	struct ledger_job other = row(1, LEDGER_COMPLETED, 5);

	other.key.workspace.bytes[0] = 9;
	other.heard = 0;
	put(ledger, &other);
	for (uint32_t i = 0; i < LEDGER_OWED_MAX + 100; i++) {
		struct ledger_job job = row(i, LEDGER_COMPLETED, 10 + i);

		job.heard = 0;
		put(ledger, &job);
	}
	ck_assert_int_eq(ledger_limit(ledger, 100, 1), 0);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), LEDGER_OWED_MAX + 1);
	ck_assert_int_eq(ledger_get(ledger, &other.key, &other), 0);
	ck_assert(!has(ledger, 99) && has(ledger, 100));
	(void)ledger_close(ledger);
}
END_TEST

/* What may come late waits for what may not, or for the end. */
START_TEST(test_late)
{
	struct ledger_job one = row(1, LEDGER_RELEASE, 0), two = row(2, LEDGER_COMPLETED, 3);
	struct ledger *ledger = open_it(false);

	put(ledger, &one);
	ck_assert_int_eq(ledger_commit(ledger), 0);
	ck_assert_int_eq(ledger_put_late(ledger, &two), 0);
	ck_assert_int_eq(ledger_commit(ledger), 0);
	ck_assert(has(ledger, 2)); /* for us; whether on disk, nobody asks */
	(void)ledger_close(ledger);
	ledger = open_it(false);
	ck_assert(has(ledger, 1) && has(ledger, 2));
	(void)ledger_close(ledger);
}
END_TEST

/* An attempt that broke off with platend leaves no row for ever. */
START_TEST(test_open_is_forgotten)
{
	struct ledger_job job = row(1, LEDGER_OPEN, 0);
	struct ledger *ledger = open_it(false);

	put(ledger, &job);
	ledger = ledger_close(ledger);
	ledger = open_it(false);
	ck_assert_int_eq(count(ledger, LEDGER_ALL), 0);
	(void)ledger_close(ledger);
}
END_TEST

static void setup(void)
{
	(void)strcpy(dir, "/tmp/platen-ledger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
	(void)snprintf(aside, sizeof(aside), "%s.damaged", path);
}

static void teardown(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".damaged", ".damaged-wal",
		".damaged-shm", ".kept", ".kept-wal", ".setting-aside"};
	char file[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		(void)unlink(file);
	}
	(void)rmdir(dir);
}

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tc = tcase_create("ledger");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_a_page);
	tcase_add_test(tc, test_truncated);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_other_schema);
	tcase_add_test(tc, test_log_goes_along);
	tcase_add_test(tc, test_dies_while_it_is_set_aside);
	tcase_add_test(tc, test_earlier_schemas);
	tcase_add_test(tc, test_bounded);
	tcase_add_test(tc, test_owed_is_bounded);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_open_is_forgotten);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
