/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workspace this is: what is learnt, kept over a restart, and concluded about jobs when the
 * disk was copied.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "guest/identity.h"
#include "tests/unit/kept.h"

static struct identity *identity;
static const struct uuid box = {{1}}, copy = {{2}}, first_boot = {{3}}, second_boot = {{4}};

static void restart(void)
{
	identity = identity_free(identity);
	ck_assert_int_eq(identity_new(dir, &identity), 0);
}

static void setup(void)
{
	kept_begin("identity");
	ck_assert_int_eq(identity_new(dir, &identity), 0);
}

static void teardown(void)
{
	identity = identity_free(identity);
	kept_end();
}

static bool learn(const struct uuid *workspace, const struct uuid *boot)
{
	bool copied;

	ck_assert_int_eq(identity_learn(identity, workspace, boot, &copied), 0);
	return copied;
}

/* The first word, the same again, and none, make no copy. */
START_TEST(test_no_copy)
{
	static const struct uuid none;

	ck_assert(!learn(&none, &first_boot));
	ck_assert_int_ne(access(file, F_OK), 0);
	ck_assert(!learn(&box, &first_boot));
	ck_assert(!learn(&box, &first_boot));
	restart();
	ck_assert(!learn(&box, &second_boot));
	ck_assert(!learn(&none, &second_boot)); /* an older host */
	ck_assert(!identity_is_of_another(identity, 0));
	ck_assert(!identity_is_of_another(identity, 1));
}
END_TEST

/* A copied disk: what is older than its boot; still so after further boots. */
START_TEST(test_copied_disk)
{
	uint64_t now = (uint64_t)time(NULL);

	(void)learn(&box, &first_boot);
	restart();
	ck_assert(learn(&copy, &second_boot));
	for (int i = 0; i < 2; i++) {
		ck_assert(identity_is_of_another(identity, 0));
		ck_assert(identity_is_of_another(identity, 1000));
		ck_assert(!identity_is_of_another(identity, now + 1)); /* this system is up */
		restart();
		ck_assert(!learn(&copy, &first_boot));
	}
}
END_TEST

/* Copied with its memory: what is older than now. */
START_TEST(test_copied_memory)
{
	uint64_t now = (uint64_t)time(NULL);

	(void)learn(&box, &first_boot);
	ck_assert(learn(&copy, &first_boot));
	ck_assert(identity_is_of_another(identity, now));
	ck_assert(!identity_is_of_another(identity, now + 60));
}
END_TEST

/* A file that is none counts as none; one that cannot be written is told. */
START_TEST(test_damaged)
{
	static const char *const rows[] = {"", "nonsense", "00000000-0000-0000-0000-000000000001",
		"x 00000000-0000-0000-0000-000000000001 99999999999",
		"00000000-0000-0000-0000-000000000001 x 99999999999"};
	bool copied;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *out = fopen(file, "we");

		ck_assert_ptr_nonnull(out);
		(void)fputs(rows[i], out);
		(void)fclose(out);
		restart();
		ck_assert(!identity_is_of_another(identity, 1));
		ck_assert(!learn(&box, &first_boot));
	}
	(void)unlink(file);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(identity_learn(identity, &copy, &second_boot, &copied), -ENOENT);
	ck_assert(copied && identity_is_of_another(identity, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("identity");
	TCase *tc = tcase_create("identity");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_no_copy);
	tcase_add_test(tc, test_copied_disk);
	tcase_add_test(tc, test_copied_memory);
	tcase_add_test(tc, test_damaged);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
