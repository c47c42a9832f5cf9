/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is decided about a restart outlives platend, and a ledger from before there were restarts
 * keeps its jobs when it learns of them.
 */
#include <check.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/ledger.h"

static char dir[] = "/tmp/platen-ledger-XXXXXX";
static char path[64];

static struct ledger *open_it(void)
{
	struct ledger *ledger;
	bool damaged;

	ck_assert_int_eq(ledger_open(path, &damaged, &ledger), 0);
	ck_assert(!damaged);
	return ledger;
}

START_TEST(test_kept)
{
	struct uuid workspace = {{1}}, other = {{2}};
	struct ledger_job job = {
		.key = {.workspace = {{1}}, .job = {{3}}, .file = 1}, .state = LEDGER_RELEASE};
	char was[64] = "deferred by anna", is[64], longer[65];
	struct ledger *ledger = open_it();
	sqlite3 *db;

	ck_assert_int_eq(ledger_put(ledger, &job), 0);
	ledger = ledger_close(ledger);
	/* As an earlier version left it. */
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "DROP TABLE restart", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);

	ledger = open_it();
	ck_assert_int_eq(ledger_get(ledger, &job.key, &job), 0);
	ck_assert_int_eq(ledger_restart_get(ledger, &workspace, is, sizeof(is)), -ENOENT);
	ck_assert_int_eq(ledger_restart_put(ledger, &workspace, was, sizeof(was)), 0);
	ck_assert_int_eq(ledger_commit(ledger), 0);
	ledger = ledger_close(ledger);

	ledger = open_it();
	ck_assert_int_eq(ledger_restart_get(ledger, &workspace, is, sizeof(is)), 0);
	ck_assert_mem_eq(is, was, sizeof(was));
	ck_assert_int_eq(ledger_restart_get(ledger, &other, is, sizeof(is)), -ENOENT);
	ck_assert_int_eq(ledger_restart_get(ledger, &workspace, longer, sizeof(longer)), -ENOENT);
	(void)ledger_close(ledger);
}
END_TEST

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
}

static void teardown(void)
{
	char side[80];

	(void)unlink(path);
	(void)snprintf(side, sizeof(side), "%s-wal", path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-shm", path);
	(void)unlink(side);
	(void)rmdir(dir);
}

int main(void)
{
	Suite *suite = suite_create("ledger-restart");
	TCase *tc = tcase_create("ledger-restart");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_kept);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
