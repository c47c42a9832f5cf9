/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of its job a document is, that came without its name. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/backend/files.h"
#include "proto/base/cleanup.h"

#define BIG 200000

static char dir[] = "/tmp/platen-files-XXXXXX";
static char big[BIG];

static void put(uint32_t file, const char *data, size_t size)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/d00042-%03u", dir, file);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

static bool find(const char *data, size_t size, struct backend_open *open)
{
	_cleanup_close_ int fd = memfd_create("document", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	*open = (struct backend_open){.guest_job = 42, .file = 1};
	return files_find(fd, files_count(42), open);
}

static bool is_same(const struct backend_open *open, uint32_t file)
{
	return open->same[file / 8] & 1U << (file % 8);
}

START_TEST(test_find)
{
	static struct backend_open open;

	ck_assert_uint_eq(files_count(42), 0);
	put(1, "one", 3);
	put(2, "two", 3);
	put(3, big, BIG);
	put(4, "two", 3);
	put(5, "", 0);
	put(7, "behind a gap", 12);
	ck_assert_uint_eq(files_count(42), 5);
	ck_assert_uint_eq(files_count(43), 0);
	ck_assert(find("one", 3, &open));
	ck_assert(open.file == 1 && open.more && !is_same(&open, 4));
	ck_assert(find("two", 3, &open));
	ck_assert(open.file == 2 && open.more && is_same(&open, 4) && !is_same(&open, 2));
	ck_assert(find(big, BIG, &open));
	ck_assert(open.file == 3 && open.more);
	ck_assert(find("", 0, &open));
	ck_assert(open.file == 5 && !open.more);
	ck_assert(!find("twO", 3, &open));
	ck_assert(!find("behind a gap", 12, &open));
	big[BIG - 1] = 'x';
	ck_assert(!find(big, BIG, &open));
	(void)unsetenv("CUPS_REQUESTROOT");
	ck_assert_uint_eq(files_count(42), 0);
}
END_TEST

/* As many as there can be: the last has its bit. */
START_TEST(test_many)
{
	static struct backend_open open;

	for (uint32_t file = 1; file <= JOB_FILES_MAX; file++)
		put(file, "the same", 8);
	ck_assert_uint_eq(files_count(42), JOB_FILES_MAX);
	ck_assert(find("the same", 8, &open));
	ck_assert(open.file == 1 && is_same(&open, 2) && is_same(&open, JOB_FILES_MAX));
}
END_TEST

static void setup(void)
{
	(void)strcpy(dir, "/tmp/platen-files-XXXXXX");
	memset(big, 0, sizeof(big));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)setenv("CUPS_REQUESTROOT", dir, 1);
}

static void teardown(void)
{
	char path[64];

	for (uint32_t file = 1; file <= JOB_FILES_MAX; file++) {
		(void)snprintf(path, sizeof(path), "%s/d00042-%03u", dir, file);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

int main(void)
{
	Suite *suite = suite_create("backend-files");
	TCase *tc = tcase_create("backend-files");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_find);
	tcase_set_timeout(tc, 60); /* 999 files */
	tcase_add_test(tc, test_many);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
