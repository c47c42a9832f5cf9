/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that a backend writes for cupsd, and what cupsd says when it is asked for a job. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/backend/cancel.h"
#include "guest/backend/report.h"

/* Standard error into a file, and back as a string. */
static int saved = -1;

static void catch_begin(void)
{
	FILE *f = tmpfile();

	ck_assert_ptr_nonnull(f);
	(void)fflush(stderr);
	saved = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fileno(f), STDERR_FILENO), 0);
	(void)fclose(f);
}

static const char *catch_end(void)
{
	static char text[16384];
	ssize_t n;

	(void)fflush(stderr);
	n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	(void)close(saved);
	return text;
}

/* What a device says of itself makes no line of its own (CVE-2026-55453). */
START_TEST(test_line)
{
	catch_begin();
	report_line("INFO", "a\nSTATE: +paused\r\x1b[2J\xff");
	report_line("INFO", "");
	ck_assert_str_eq(catch_end(), "INFO: a STATE: +paused  [2J\nINFO: \n");
}
END_TEST

/* Reasons are a set: what differs is said, and what the queue had before is never taken away. */
START_TEST(test_reasons)
{
	struct report report;

	report_init(&report, "media-low,toner-low");
	catch_begin();
	report_reasons(&report, "connecting-to-device,media-low");
	report_reasons(&report, "connecting-to-device,media-low");
	report_reasons(&report, "offline-report,connecting-to-device");
	report_reasons(&report, "");
	ck_assert_str_eq(catch_end(), "STATE: +connecting-to-device\n"
				      "STATE: +offline-report\n"
				      "STATE: -offline-report,connecting-to-device\n");
}
END_TEST

/* What would stop the queue, or is no keyword, is not passed on. */
START_TEST(test_reasons_foul)
{
	struct report report;

	report_init(&report, NULL);
	catch_begin();
	report_reasons(&report, "paused,none,a b,-x y,door-open,\"q\"");
	report_reasons(&report, "");
	ck_assert_str_eq(catch_end(), "STATE: +door-open,q\nSTATE: -door-open,q\n");
}
END_TEST

static const struct {
	const char *list, *quoted;
} quotes[] = {
	{"80,-1,20", "'80,-1,20'"},
	{"\"Black Toner\",Cyan", "'Black Toner,Cyan'"},
	/* A comma inside a name, a quote of either kind, a backslash: once for each parser. */
	{"\"Black, XL\"", "'Black\\\\, XL'"},
	{"\"it's\"", "'it\\\\\\'s'"},
	{"'12\" roll'", "'12\\\\\" roll'"},
	{"a\\\\b", "'a\\\\\\\\b'"},
};

START_TEST(test_quote)
{
	char buf[256];

	ck_assert_int_eq(report_quote(quotes[_i].list, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, quotes[_i].quoted);
}
END_TEST

/* A list that would not fit one line of cupsd's is not written at all, not in part. */
START_TEST(test_quote_long)
{
	char list[1001], buf[2000], small[16];

	memset(list, ',', 1000);
	list[1000] = '\0';
	ck_assert_int_eq(report_quote(list, buf, sizeof(buf)), 0);
	memset(list, '\'', 1000);
	for (size_t i = 0; i < 1000; i += 2)
		list[i] = '\\';
	ck_assert_int_eq(report_quote(list, buf, sizeof(buf)), -E2BIG);
	ck_assert_int_eq(report_quote("1234567", small, sizeof(small)), 0);
	ck_assert_int_eq(report_quote("12345678", small, sizeof(small)), -E2BIG);
}
END_TEST

START_TEST(test_status)
{
	static struct backend_status s;
	static struct report report;

	report_init(&report, NULL);
	catch_begin();
	s = (struct backend_status){.progress = 40, .pages = 2};
	strcpy(s.text, "Sending");
	strcpy(s.reasons, "media-low");
	strcpy(s.marker_names, "\"Black\"");
	strcpy(s.marker_levels, "80");
	ck_assert(report_status(&report, &s));
	/* The same again says nothing; then only what is new. */
	ck_assert(report_status(&report, &s));
	s.pages = 3;
	ck_assert(report_status(&report, &s));
	ck_assert_str_eq(catch_end(), "INFO: Sending\nSTATE: +media-low\n"
				      "ATTR: job-media-progress=40\nPAGE: total 2\n"
				      "ATTR: marker-names='Black'\nATTR: marker-levels='80'\n"
				      "PAGE: total 3\n");
}
END_TEST

/* Text that is no line, or does not end, is a fault of the agent's: nothing of it is written. */
START_TEST(test_status_foul)
{
	static struct backend_status s;
	static struct report report;

	report_init(&report, NULL);
	catch_begin();
	strcpy(s.text, "a\nPPD: x=y");
	ck_assert(!report_status(&report, &s));
	memset(s.text, 'x', sizeof(s.text));
	ck_assert(!report_status(&report, &s));
	s = (struct backend_status){.progress = 101};
	ck_assert(!report_status(&report, &s));
	s = (struct backend_status){0};
	strcpy(s.marker_names, "a\nSTATE: +paused");
	ck_assert(!report_status(&report, &s));
	ck_assert_str_eq(catch_end(), "");
}
END_TEST

#define HEAD	 "HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n\r\n"
#define STATE(n) "\x23\x00\x09job-state\x00\x04\x00\x00\x00" n "\x03"

static const struct {
	const char *bytes;
	size_t size;
	int result;
} answers[] = {
#define ANSWER(text, result)                                                                       \
	{                                                                                          \
		text, sizeof(text) - 1, result                                                     \
	}
	/* Pending, held, processing, stopped, completed: not cancelled. */
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x03"), 0),
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x04"), 0),
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x05"), 2),
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x06"), 0),
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x09"), 0),
	/* Cancelled, aborted, purged. */
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x07"), 1),
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02" STATE("\x08"), 1),
	ANSWER(HEAD "\x02\x00\x04\x06\x00\x00\x00\x01\x03", 1),
	/* Not whole yet, no such HTTP, another IPP error, nothing. */
	ANSWER(HEAD "\x02\x00\x00\x00\x00\x00\x00\x01\x02\x23\x00\x09job-state\x00\x04\x00",
		-EBADMSG),
	ANSWER("HTTP/1.1 401 Unauthorized\r\n\r\n" STATE("\x07"), -EBADMSG),
	ANSWER(HEAD "\x02\x00\x04\x03\x00\x00\x00\x01\x03", -EBADMSG),
	ANSWER("HTTP/1.1 200 OK\r\n" STATE("\x07"), -EBADMSG),
	ANSWER("", -EBADMSG),
};

START_TEST(test_cancel_read)
{
	ck_assert_int_eq(cancel_read((const unsigned char *)answers[_i].bytes, answers[_i].size),
		answers[_i].result);
}
END_TEST

/* No spooler to ask: not known, which is not a cancel. */
START_TEST(test_cancel_nobody)
{
	ck_assert_int_eq(cancel_asked(NULL, 1), -EINVAL);
	ck_assert_int_eq(cancel_asked("localhost", 1), -EINVAL);
	ck_assert_int_eq(cancel_asked("/nowhere/cups.sock", 1), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend-report");
	TCase *tc = tcase_create("backend-report");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_line);
	tcase_add_test(tc, test_reasons);
	tcase_add_test(tc, test_reasons_foul);
	tcase_add_loop_test(tc, test_quote, 0, sizeof(quotes) / sizeof(quotes[0]));
	tcase_add_test(tc, test_quote_long);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_status_foul);
	tcase_add_loop_test(tc, test_cancel_read, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tc, test_cancel_nobody);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
