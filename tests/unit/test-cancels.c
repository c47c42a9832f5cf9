/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancels that are owed to the host, over a restart, and what may stand in their file.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/cancels.h"
#include "proto/limits.h"
#include "tests/unit/kept.h"

static struct cancels *cancels;

static struct cancel cancel(uint32_t n)
{
	return kept_job(n, n % JOB_FILES_MAX + 1);
}

static void restart(void)
{
	cancels = cancels_free(cancels);
	ck_assert_int_eq(cancels_new(dir, &cancels), 0);
}

static void setup(void)
{
	kept_begin("cancels");
	ck_assert_int_eq(cancels_new(dir, &cancels), 0);
}

static void teardown(void)
{
	cancels = cancels_free(cancels);
	kept_end();
}

START_TEST(test_kept)
{
	struct cancel a = cancel(1), b = cancel(2);

	ck_assert_uint_eq(cancels_count(cancels), 0);
	ck_assert_int_eq(cancels_add(cancels, &a), 0);
	ck_assert_int_eq(cancels_add(cancels, &b), 0);
	ck_assert_int_eq(cancels_add(cancels, &a), 0); /* once is enough */
	restart();
	ck_assert_uint_eq(cancels_count(cancels), 2);
	ck_assert(uuid_equal(&cancels_at(cancels, 0)->job, &a.job));
	ck_assert_uint_eq(cancels_at(cancels, 0)->file, a.file);
	ck_assert_int_eq(cancels_remove(cancels, &a), 0);
	ck_assert_int_eq(cancels_remove(cancels, &a), 0); /* it is not there */
	restart();
	ck_assert_uint_eq(cancels_count(cancels), 1);
	ck_assert(uuid_equal(&cancels_at(cancels, 0)->job, &b.job));
	ck_assert_int_eq(cancels_remove(cancels, &b), 0);
	ck_assert_int_ne(access(file, F_OK), 0);
}
END_TEST

/* Two files of one job are two. */
START_TEST(test_files)
{
	struct cancel a = cancel(1), b = cancel(1);

	b.file = a.file + 1;
	ck_assert_int_eq(cancels_add(cancels, &a), 0);
	ck_assert_int_eq(cancels_add(cancels, &b), 0);
	ck_assert_uint_eq(cancels_count(cancels), 2);
	ck_assert_int_eq(cancels_remove(cancels, &a), 0);
	ck_assert_uint_eq(cancels_at(cancels, 0)->file, b.file);
}
END_TEST

/* There is a bound, and the newest are kept. */
START_TEST(test_most)
{
	struct cancel c;

	for (uint32_t i = 0; i < CANCELS_MOST + 3; i++) {
		c = cancel(i);
		ck_assert_int_eq(cancels_add(cancels, &c), 0);
	}
	restart();
	ck_assert_uint_eq(cancels_count(cancels), CANCELS_MOST);
	ck_assert(uuid_equal(&cancels_at(cancels, CANCELS_MOST - 1)->job, &c.job));
	c = cancel(3);
	ck_assert(uuid_equal(&cancels_at(cancels, 0)->job, &c.job));
}
END_TEST

/* A file that a disk or a person has damaged: what is sound in it counts. */
START_TEST(test_damaged)
{
	FILE *out = fopen(file, "we");

	ck_assert_ptr_nonnull(out);
	(void)fprintf(out,
		"nonsense\n\n"
		"00000000-0000-0000-0000-000000000001 1\n"
		"00000000-0000-0000-0000-000000000001 1\n"
		"00000000-0000-0000-0000-000000000002 0\n"
		"00000000-0000-0000-0000-000000000003 1000\n"
		"00000000-0000-0000-0000-00000000000g 1\n"
		"00000000-0000-0000-0000-000000000004\n"
		"00000000-0000-0000-0000-000000000005 999\n"
		"%0500d\n00000000-0000-0000-0000-000000000006 1",
		0);
	(void)fclose(out);
	restart();
	ck_assert_uint_eq(cancels_count(cancels), 3);
	ck_assert_uint_eq(cancels_at(cancels, 0)->job.bytes[15], 1);
	ck_assert_uint_eq(cancels_at(cancels, 1)->job.bytes[15], 5);
	ck_assert_uint_eq(cancels_at(cancels, 2)->job.bytes[15], 6);
}
END_TEST

/* Where it cannot be written it holds for this run, and is written when it is owed once more. */
START_TEST(test_unwritable)
{
	struct cancel c = cancel(1);

	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(cancels_add(cancels, &c), -ENOENT);
	ck_assert_uint_eq(cancels_count(cancels), 1);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(cancels_add(cancels, &c), 0);
	restart();
	ck_assert_uint_eq(cancels_count(cancels), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cancels");
	TCase *tc = tcase_create("cancels");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60); /* a thousand syncs */
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_files);
	tcase_add_test(tc, test_most);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_unwritable);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
