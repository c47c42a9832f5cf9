/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a document that is under way, among all that lies in a spool. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/request-file.h"

#define MIB (1U << 20)

static char dir[] = "/tmp/platen-request-XXXXXX";

static void path_of(char path[static 64], const char *name)
{
	(void)snprintf(path, 64, "%s/%s", dir, name);
}

static void put(const char *name, off_t size)
{
	char path[64];
	int fd;

	path_of(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	if (size)
		ck_assert_int_eq(ftruncate(fd, size), 0);
	(void)close(fd);
}

/* The size of what is opened, or what stands in its place. */
static off_t opened(uint64_t offset)
{
	int fd = request_file_open(dir, offset);
	struct stat st;

	if (fd < 0)
		return fd;
	ck_assert_int_eq(fstat(fd, &st), 0);
	(void)close(fd);
	return st.st_size;
}

/* How many are opened of those that are under way, and that none of them is anything else. */
static int opened_all(void)
{
	int fds[REQUEST_FILES_MOST], count = request_files_open(dir, fds);

	for (int i = 0; i < count; i++) {
		struct stat st;

		ck_assert_int_eq(fstat(fds[i], &st), 0);
		ck_assert(S_ISREG(st.st_mode) && st.st_size >= REQUEST_FILE_LAG);
		(void)close(fds[i]);
	}
	return count;
}

START_TEST(test_found)
{
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(opened(8 * MIB), -ENOENT);
	put("d00001-001", 8 * MIB - 5); /* a document that is whole */
	put("c00001", 8 * MIB - 5);	/* a job */
	put("0000000g", 8 * MIB - 5);	/* no number */
	put("000000012", 8 * MIB - 5);	/* a longer name */
	put("00000001", 25 * MIB);	/* further than ours */
	put("00000002", 3 * MIB);	/* not as far */
	path_of(path, "00000003");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	path_of(path, "00000004");
	ck_assert_int_eq(symlink("d00001-001", path), 0);
	path_of(path, "00000005");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(opened(8 * MIB), -ENOENT);
	put("0000000c", 20000); /* a page */
	ck_assert_int_eq(opened_all(), 2);

	put("0000000a", 8 * MIB - 100000);
	ck_assert_int_eq(opened(8 * MIB), 8 * MIB - 100000);
	put("0000000b", 23 * MIB); /* neither is surely ours */
	ck_assert_int_eq(opened(8 * MIB), -EEXIST);
	ck_assert_int_eq(opened(6 * MIB), 8 * MIB - 100000);
	ck_assert_int_eq(opened(23 * MIB + 1), -EEXIST); /* that of 25 MiB */
	ck_assert_int_eq(request_file_open("/nowhere/at/all", 8 * MIB), -ENOENT);

	ck_assert_int_eq(opened_all(), 4);
	for (int i = 0; i < REQUEST_FILES_MOST; i++) {
		char name[9];

		(void)snprintf(name, sizeof(name), "000001%02x", i);
		put(name, MIB);
	}
	ck_assert_int_eq(opened_all(), REQUEST_FILES_MOST);
}
END_TEST

/* Among more names than are looked at there could be another that is as long. */
START_TEST(test_too_many)
{
	char name[16];
	int names = 0;
	struct dirent *entry;
	DIR *folder = opendir(dir);

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)))
		names++;
	(void)closedir(folder);
	for (; names < REQUEST_FILE_NAMES; names++) {
		(void)snprintf(name, sizeof(name), "c%05d", 100000 + names);
		put(name, 0);
	}
	ck_assert_int_eq(opened(6 * MIB), 8 * MIB - 100000);
	put("d99999-001", 0);
	ck_assert_int_eq(opened(6 * MIB), -E2BIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request-file");
	TCase *tc = tcase_create("request-file");
	SRunner *runner;
	char command[64];
	int failed;

	tcase_add_test(tc, test_found);
	tcase_add_test(tc, test_too_many); /* behind it: they share the folder */
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK); /* the folder is removed below */
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		failed++;
	return failed != 0;
}
