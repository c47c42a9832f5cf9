/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a file: in a folder that is there, in one that comes later, and for its name only.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/appear.h"
#include "proto/base/cleanup.h"

static char dir[] = "/tmp/platen-appear-XXXXXX";
static char folder[64], path[96], other[96];
static sd_event *event;
static struct appear *appear;
static int calls;

static void on_appear(void *userdata)
{
	ck_assert_ptr_eq(userdata, dir);
	calls++;
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(folder, sizeof(folder), "%s/ports", dir);
	(void)snprintf(path, sizeof(path), "%s/org.platen.0", folder);
	(void)snprintf(other, sizeof(other), "%s/org.platen.00", folder);
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_eq(appear_new(event, path, on_appear, dir, &appear), 0);
}

static void teardown(void)
{
	appear = appear_free(appear);
	event = sd_event_unref(event);
	(void)unlink(path);
	(void)unlink(other);
	(void)rmdir(folder);
	(void)rmdir(dir);
}

static void touch(const char *file)
{
	int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close_fd(fd);
}

/* Lets what has happened be heard. How often it was about our file. */
static int heard(void)
{
	calls = 0;
	while (sd_event_run(event, 1000) > 0)
		;
	return calls;
}

START_TEST(test_file)
{
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert(appear_arm(appear));
	touch(other);
	ck_assert_int_eq(heard(), 0);
	touch(path);
	ck_assert_int_ge(heard(), 1);
	ck_assert_int_eq(chmod(path, 0644), 0); /* it may be opened only now */
	ck_assert_int_ge(heard(), 1);
}
END_TEST

START_TEST(test_folder)
{
	ck_assert(appear_arm(appear));
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_ge(heard(), 1);
	ck_assert(appear_arm(appear)); /* as after each try */
	touch(path);
	ck_assert_int_ge(heard(), 1);
}
END_TEST

/* The folder goes: whoever is told looks, and arms again. */
START_TEST(test_gone)
{
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert(appear_arm(appear));
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert_int_ge(heard(), 1);
	ck_assert(appear_arm(appear));
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_ge(heard(), 1);
}
END_TEST

START_TEST(test_disarmed)
{
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert(appear_arm(appear));
	appear_disarm(appear);
	touch(path);
	ck_assert_int_eq(heard(), 0);
}
END_TEST

START_TEST(test_nowhere)
{
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert(!appear_arm(appear));
	ck_assert_int_eq(mkdir(dir, 0755), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("appear");
	TCase *tc = tcase_create("appear");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_file);
	tcase_add_test(tc, test_folder);
	tcase_add_test(tc, test_gone);
	tcase_add_test(tc, test_disarmed);
	tcase_add_test(tc, test_nowhere);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
