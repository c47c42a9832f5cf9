/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which jobs may be another host's: those that were handed over whole while another ledger was in
 * force, and no others.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/origin.h"

static char dir[] = "/tmp/platen-origin-XXXXXX";
static const struct uuid accounting = {{1}}, clone = {{2}}, none;

static struct ledger *open_it(const char *name)
{
	struct ledger *ledger;
	char path[96];
	bool damaged;

	(void)snprintf(path, sizeof(path), "%s/%s.db", dir, name);
	ck_assert_int_eq(ledger_open(path, &damaged, &ledger), 0);
	ck_assert_int_eq(origin_begin(ledger), 0);
	return ledger;
}

static struct uuid name_of(struct ledger *ledger, const struct uuid *workspace)
{
	struct uuid name;

	origin_name(ledger, workspace, &name);
	ck_assert(!uuid_is_null(&name));
	return name;
}

/* A ledger has one name for each workspace, and keeps it over a restart. */
START_TEST(test_names)
{
	struct ledger *ledger = open_it("a"), *other = open_it("b");
	struct uuid was = name_of(ledger, &accounting), is;

	is = name_of(ledger, &clone);
	ck_assert(!uuid_equal(&was, &is));
	is = name_of(other, &accounting);
	ck_assert(!uuid_equal(&was, &is));
	ledger = ledger_close(ledger);
	ledger = open_it("a");
	is = name_of(ledger, &accounting);
	ck_assert(uuid_equal(&was, &is));
	(void)ledger_close(ledger);
	(void)ledger_close(other);
}
END_TEST

START_TEST(test_other)
{
	struct ledger *ledger = open_it("a"), *old = open_it("b");
	struct uuid ours = name_of(ledger, &accounting), theirs = name_of(old, &accounting),
		    before = name_of(ledger, &clone);
	const struct {
		const char *what;
		uint32_t sealed;
		struct uuid by;
		bool other;
	} rows[] = {
		{"never handed over", 0, none, false},
		{"taken back by a host that did not take it", 0, theirs, false},
		{"handed over by an older agent, or to an older host", 1, none, false},
		{"handed over to us", 1, ours, false},
		{"handed over to another host", 1, theirs, true},
		{"handed over to us by the workspace that this is a clone of", 1, before, true},
		{"whatever the guest makes of it", 1, {{0xFF}}, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct message m;

		message_init(&m, MESSAGE_JOB_OPEN);
		m.job_open.sealed = rows[i].sealed;
		m.job_open.sealed_by = rows[i].by;
		ck_assert_msg(origin_is_other(ledger, &accounting, &m.job_open) == rows[i].other,
			"%s", rows[i].what);
	}
	(void)ledger_close(ledger);
	(void)ledger_close(old);
}
END_TEST

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

int main(void)
{
	Suite *suite = suite_create("origin");
	TCase *tc = tcase_create("origin");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_other);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
