/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of its job a document is, that came without its name. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

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

/* As two gzip members, which is one file still (RFC 1952 2.2). */
static void put_packed(uint32_t file, const char *data, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/d00042-%03u", dir, file);
	for (int half = 0; half < 2; half++) {
		size_t at = half ? size / 2 : 0, n = half ? size - size / 2 : size / 2;
		gzFile f = gzopen(path, half ? "ab" : "wb");

		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(gzwrite(f, data + at, (unsigned int)n), (int)n);
		ck_assert_int_eq(gzclose(f), Z_OK);
	}
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

/* Compressed files come unpacked, whether or not others of the job do. */
START_TEST(test_packed)
{
	static struct backend_open open;

	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * i >> 3);
	put_packed(1, "one", 3);
	put_packed(2, big, BIG);
	put(3, "two", 3);
	put_packed(4, "two", 3);
	put(5, "\x1f\x8b no more", 10);
	put_packed(6, "", 0);
	ck_assert(find("one", 3, &open));
	ck_assert(open.file == 1 && open.more);
	ck_assert(find(big, BIG, &open));
	ck_assert(open.file == 2 && open.more);
	ck_assert(!find(big, BIG - 1, &open));
	ck_assert(find("\x1f\x8b no more", 10, &open)); /* none, which is handed on as it is */
	ck_assert(open.file == 5 && open.more);
	ck_assert(!find("on", 2, &open));
	ck_assert(!find("ones", 4, &open));
	ck_assert(find("two", 3, &open));
	ck_assert(open.file == 3 && is_same(&open, 4) && open.more);
	ck_assert(find("", 0, &open));
	ck_assert(open.file == 6 && !open.more);
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
	tcase_set_timeout(tc, 60); /* a thousand files */
	tcase_add_test(tc, test_find);
	tcase_set_timeout(tc, 60); /* 999 files */
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_packed);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
