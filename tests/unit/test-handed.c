/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host was given, over a restart of the agent, and what may stand in its file.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/handed.h"
#include "proto/limits.h"
#include "tests/unit/kept.h"

#define LINE 128

static struct handed *handed;

static void note(uint32_t n, uint32_t of, enum handed_kind kind)
{
	struct cancel c = kept_job(n, of);

	ck_assert_int_eq(handed_note(handed, &c, n, kind), 0);
}

static enum handed_kind look(uint32_t n, uint32_t of)
{
	struct cancel c = kept_job(n, of);

	return handed_look(handed, &c);
}

static bool is_done(uint32_t n, uint32_t files)
{
	struct cancel c = kept_job(n, 1);

	return handed_is_done(handed, &c.job, files);
}

static void restart(void)
{
	handed = handed_free(handed);
	ck_assert_int_eq(handed_new(dir, &handed), 0);
}

static void setup(void)
{
	kept_begin("handed");
	ck_assert_int_eq(handed_new(dir, &handed), 0);
}

static void teardown(void)
{
	handed = handed_free(handed);
	kept_end();
}

START_TEST(test_kept)
{
	struct cancel c = kept_job(1, 1);
	struct stat before, after;

	ck_assert_int_eq(look(1, 1), HANDED_NOT);
	note(1, 1, HANDED_SEALED);
	note(1, 2, HANDED_SEALED);
	ck_assert_int_eq(stat(file, &before), 0);
	note(1, 1, HANDED_DONE);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_DONE);
	ck_assert_int_eq(look(1, 2), HANDED_SEALED);
	ck_assert_int_eq(look(2, 1), HANDED_NOT);
	ck_assert_int_eq(handed_forget(handed, &c), 0);
	ck_assert_int_eq(handed_forget(handed, &c), 0); /* it is not there */
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_NOT);
	ck_assert_int_eq(look(1, 2), HANDED_SEALED);
	ck_assert_int_eq(stat(file, &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
}
END_TEST

/* Which ledger it was sealed with is kept with what is heard of it later, and forgotten with it. */
START_TEST(test_by)
{
	const struct uuid none = {{0}}, first = {{1}}, second = {{2, [15] = 0xFF}};
	struct cancel c = kept_job(1, 1), other = kept_job(1, 2);
	struct uuid by;

	ck_assert_int_eq(handed_seal(handed, &c, 1, &first), 0);
	ck_assert_int_eq(handed_seal(handed, &c, 1, &second), 0);
	ck_assert_int_eq(handed_seal(handed, &other, 1, &none), 0);
	restart();
	by = handed_by(handed, &c);
	ck_assert(uuid_equal(&by, &second));
	by = handed_by(handed, &other);
	ck_assert(uuid_is_null(&by));
	note(1, 1, HANDED_DONE);
	restart();
	by = handed_by(handed, &c);
	ck_assert(uuid_equal(&by, &second));
	ck_assert_int_eq(handed_forget(handed, &c), 0);
	by = handed_by(handed, &c);
	ck_assert(uuid_is_null(&by));
}
END_TEST

/* A job is done when each of its files is, or all were one document. */
START_TEST(test_done)
{
	note(1, 1, HANDED_DONE);
	ck_assert(is_done(1, 1));
	ck_assert(is_done(1, 0)); /* its files are gone */
	ck_assert(!is_done(1, 2));
	note(1, 2, HANDED_SEALED);
	ck_assert(!is_done(1, 2));
	note(1, 2, HANDED_DONE);
	ck_assert(is_done(1, 2));
	note(2, 1, HANDED_ALL);
	ck_assert(is_done(2, JOB_FILES_MAX));
	ck_assert(!is_done(3, 1));
	ck_assert(!is_done(3, 0));
	note(3, 0, HANDED_AGAIN);
	ck_assert(!is_done(3, 1));
	note(3, 0, HANDED_LOST);
	ck_assert(is_done(3, 1));
}
END_TEST

START_TEST(test_times)
{
	struct cancel c = kept_job(1, 0);

	for (uint32_t i = 0; i < HANDED_TIMES + 3; i++) {
		ck_assert_uint_eq(
			handed_times(handed, &c.job), i < HANDED_TIMES ? i : HANDED_TIMES);
		note(1, 0, HANDED_AGAIN);
		restart();
	}
}
END_TEST

/* There is a bound: the oldest go, but of those that are not done none before the others; and the
 * jobs that went are known to be old. */
START_TEST(test_most)
{
	uint32_t floor;

	ck_assert(!handed_floor(handed, &floor));
	ck_assert_int_eq(handed_set_floor(handed, 0), 0);
	note(1, 1, HANDED_SEALED);
	for (uint32_t n = 2; n < HANDED_MOST + 5; n++)
		note(n, 1, HANDED_DONE);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_SEALED);
	ck_assert_int_eq(look(5, 1), HANDED_NOT);
	ck_assert_int_eq(look(6, 1), HANDED_DONE);
	ck_assert(handed_floor(handed, &floor));
	ck_assert_uint_eq(floor, 5);
	for (uint32_t n = 0; n < HANDED_MOST + 1; n++)
		note(10000 + n, 1, HANDED_SEALED);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_NOT);
	ck_assert_int_eq(look(10000, 1), HANDED_NOT);
	ck_assert_int_eq(look(10001, 1), HANDED_SEALED);
	ck_assert(handed_floor(handed, &floor));
	ck_assert_uint_eq(floor, 10000);
}
END_TEST

/* A file that a disk or a person has damaged: what is sound in it counts. */
START_TEST(test_damaged)
{
	uint32_t floor;
	FILE *out;

	ck_assert_int_eq(handed_set_floor(handed, 7), 0);
	for (uint32_t n = 1; n < 6; n++)
		note(n, 1, HANDED_DONE);
	out = fopen(file, "r+e");
	ck_assert_ptr_nonnull(out);
	(void)fseek(out, 2 * LINE + 20, SEEK_SET);
	(void)fwrite("\0\0\0xyz", 1, 6, out);
	(void)fseek(out, 3 * LINE, SEEK_SET);
	(void)fputc('X', out);
	(void)fseek(out, 4 * LINE + 48, SEEK_SET);
	(void)fputs("1000", out);
	(void)fclose(out);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_DONE);
	for (uint32_t n = 2; n < 5; n++)
		ck_assert_int_eq(look(n, 1), HANDED_NOT);
	ck_assert_int_eq(look(5, 1), HANDED_DONE);
	ck_assert(handed_floor(handed, &floor));
	ck_assert_uint_eq(floor, 7);
	ck_assert_int_eq(truncate(file, 5 * LINE + 10), 0);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_DONE);
	ck_assert_int_eq(look(5, 1), HANDED_NOT);
	ck_assert_int_eq(truncate(file, 0), 0);
	restart();
	ck_assert(!handed_floor(handed, &floor));
	ck_assert_int_eq(look(1, 1), HANDED_NOT);
}
END_TEST

/* Where it cannot be written it holds for this run, and is written as soon as it can be. */
START_TEST(test_unwritable)
{
	struct cancel c = kept_job(1, 1);

	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(handed_note(handed, &c, 1, HANDED_SEALED), -ENOENT);
	ck_assert_int_eq(look(1, 1), HANDED_SEALED);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	note(2, 1, HANDED_DONE);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_SEALED);
	ck_assert_int_eq(look(2, 1), HANDED_DONE);
}
END_TEST

/* A line that could not be written is not taken for one that is there when it is noted again. */
START_TEST(test_unwritten_line)
{
	const struct rlimit none = {0, RLIM_INFINITY}, any = {RLIM_INFINITY, RLIM_INFINITY};
	struct cancel c = kept_job(2, 1);
	int r;

	note(1, 1, HANDED_SEALED);
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	r = handed_note(handed, &c, 2, HANDED_SEALED);
	(void)setrlimit(RLIMIT_FSIZE, &any);
	ck_assert_int_eq(r, -EFBIG);
	note(2, 1, HANDED_SEALED);
	restart();
	ck_assert_int_eq(look(1, 1), HANDED_SEALED);
	ck_assert_int_eq(look(2, 1), HANDED_SEALED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handed");
	TCase *tc = tcase_create("handed");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60); /* thousands of syncs */
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_by);
	tcase_add_test(tc, test_done);
	tcase_add_test(tc, test_times);
	tcase_add_test(tc, test_most);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_unwritable);
	tcase_add_test(tc, test_unwritten_line);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
