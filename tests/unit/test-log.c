/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: one event is one line, whatever stands in it, and says what it is about. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"

static char out[4096];

/* What one call writes to stderr. */
#define CAPTURE(...)                                                                               \
	do {                                                                                       \
		int fds[2], saved = dup(STDERR_FILENO);                                            \
		ssize_t n;                                                                         \
                                                                                                   \
		ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);                                       \
		(void)dup2(fds[1], STDERR_FILENO);                                                 \
		log_open("platen-test", LOG_INFO);                                                 \
		log_line(__VA_ARGS__);                                                             \
		(void)dup2(saved, STDERR_FILENO);                                                  \
		n = read(fds[0], out, sizeof(out) - 1);                                            \
		out[n > 0 ? n : 0] = '\0';                                                         \
		(void)close(fds[0]);                                                               \
		(void)close(fds[1]);                                                               \
		(void)close(saved);                                                                \
	} while (0)

START_TEST(test_form)
{
	struct log_about about = {.workspace = "win dev", .job = "0-1", .printer = "laser"};

	CAPTURE(LOG_NOTICE, NULL, "ready, %d printers", 3);
	ck_assert_str_eq(out, "<5>platen-test: ready, 3 printers\n");
	CAPTURE(LOG_ERR, &about, "gone");
	ck_assert_str_eq(out, "<3>platen-test: gone workspace=win dev job=0-1 printer=laser\n");
	about.workspace = about.job = NULL;
	CAPTURE(LOG_ERR, &about, "gone");
	ck_assert_str_eq(out, "<3>platen-test: gone printer=laser\n");
	CAPTURE(LOG_DEBUG, NULL, "not now");
	ck_assert_str_eq(out, "");
}
END_TEST

/* No text makes a second line, drives a terminal, or passes the line's end. */
START_TEST(test_hostile)
{
	char longest[3000];
	struct log_about about = {.workspace = longest, .job = longest, .printer = "a\nb\x1B[2J"};

	CAPTURE(LOG_ERR, NULL, "%s", "one\n<0>platend: two\r\x1B[2J\xE2\x80\xAE");
	ck_assert_str_eq(
		out, "<3>platen-test: one\\x0a<0>platend: two\\x0d\\x1b[2J\\xe2\\x80\\xae\n");
	memset(longest, '\n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CAPTURE(LOG_ERR, &about, "%s", longest);
	ck_assert_uint_le(strlen(out), 1025);
	ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
	ck_assert_ptr_nonnull(strstr(out, "..."));
	ck_assert_ptr_null(strchr(out, '\x1B'));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_form);
	tcase_add_test(tc, test_hostile);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
