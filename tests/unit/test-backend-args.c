/* SPDX-License-Identifier: Apache-2.0 */
/* A backend's arguments: cupsd's option string, queue names in URIs, a whole command line. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/backend/args.h"
#include "proto/message.h"

#define UUID_WORD "job-uuid=urn:uuid:01234567-89ab-cdef-0123-456789abcdef"

static const struct {
	const char *text;
	const char *list; /* "name=value|" each */
	int left_out;
} options[] = {
	{"", "", 0},
	{"  \t ", "", 0},
	{"number-up=2 sides=one-sided", "number-up=2|sides=one-sided|", 0},
	/* Lone names are booleans. */
	{"fitplot nocollate", "fitplot=true|collate=false|", 0},
	{"no", "no=true|", 0},
	/* cupsd puts a backslash before blanks, quotes and backslashes. */
	{"Title=a\\ b x=y", "Title=a b|x=y|", 0},
	{"a=it\\'s b=\\\"q\\\" c=back\\\\slash", "a=it's|b=\"q\"|c=back\\slash|", 0},
	{"a=one,two\\ three b=1-4,6", "a=one,two three|b=1-4,6|", 0},
	{"a= b=1", "a=|b=1|", 0},
	/* A value whole in quotes or braces is taken as such. */
	{"a=\"x y\" b='p q' c=1", "a=x y|b=p q|c=1|", 0},
	{"media-col={media-size={x=1 y=2} media-type=plain} b=1",
		"media-col={media-size={x=1 y=2} media-type=plain}|b=1|", 0},
	{"a={b=\\{ c} d=1", "a={b={ c}|d=1|", 0},
	/* A lone quote or brace is itself: no value swallows the options after it. */
	{"a={x b=1", "a={x|b=1|", 0},
	{"a=\"x b=1", "a=\"x|b=1|", 0},
	{"a=5'6 b=1", "a=5'6|b=1|", 0},
	{"a=\"x\"y b=1", "a=\"x\"y|b=1|", 0},
	{"a=}x b=1", "a=}x|b=1|", 0},
	/* A backslash at the end of everything. */
	{"a=x\\", "a=x\\|", 0},
	/* What is no name or no line of text is left out, and counted. */
	{"page-border=single\\\nPPD: b=1", "b=1|", 1},
	{"a=x\ty b=1", "a=x|y=true|b=1|", 0},
	{"a=\x1b[2J b=1", "b=1|", 1},
	{"=x b=1", "b=1|", 1},
	{"na/me=x b=1", "b=1|", 1},
	{"a=\xff b=1", "b=1|", 1},
	{"a=B\xc3\xbcro", "a=B\xc3\xbcro|", 0},
	/* Our own marks of queues and jobs stay here, unsaid. */
	{"platen-fingerprint=f1 platen-job-uuid=x a=1", "a=1|", 0},
	{"job-cancel-after=315360000 a=1", "a=1|", 0},
	{"job-cancel-after=60 a=1", "job-cancel-after=60|a=1|", 0},
	/* So does what cupsd tells of any job, which nobody has asked for. */
	{"job-originating-user-name=box job-originating-host-name=localhost job-priority=50 "
	 "date-time-at-creation= date-time-at-processing= time-at-creation=1763810000 "
	 "time-at-processing=1763810001 job-impressions-completed=0 job-media-progress=0 "
	 "document-name-supplied=Test a=1",
		"a=1|", 0},
	{"job-priority=80 job-billing=x", "job-priority=80|job-billing=x|", 0},
};

static void list_options(const char *packed, uint32_t size, char *buf, size_t room)
{
	const char *name, *value;
	uint32_t pos = 0;
	size_t used = 0;

	buf[0] = '\0';
	while (options_next(packed, size, &pos, &name, &value))
		used += (size_t)snprintf(buf + used, room - used, "%s=%s|", name, value);
}

START_TEST(test_options)
{
	static char packed[JOB_OPTIONS_BYTES];
	char list[1024];
	uint32_t size;

	ck_assert_int_eq(args_options(options[_i].text, packed, sizeof(packed), &size),
		options[_i].left_out);
	list_options(packed, size, list, sizeof(list));
	ck_assert_str_eq(list, options[_i].list);
}
END_TEST

/* The channel's bounds: so many options, so many bytes, so long a value. */
START_TEST(test_options_bounds)
{
	static char text[65536], packed[JOB_OPTIONS_BYTES], small[22];
	size_t used = 0;
	uint32_t size;

	for (int i = 0; i < JOB_OPTIONS_MAX + 3; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "o%d=1 ", i);
	ck_assert_int_eq(args_options(text, packed, sizeof(packed), &size), 3);
	ck_assert_ptr_nonnull(options_get(packed, size, "o255"));
	ck_assert_ptr_null(options_get(packed, size, "o256"));

	ck_assert_int_eq(args_options("a=1234 b=12345 c=1 d=", small, sizeof(small), &size), 0);
	ck_assert_int_eq(args_options("a=1234 b=123456 c=1 d=", small, sizeof(small), &size), 1);
	ck_assert_str_eq(options_get(small, size, "c"), "1");

	memset(text, 'v', sizeof(text));
	memcpy(text, "a=", 2);
	memcpy(text + 8000, " b=1", 5);
	ck_assert_int_eq(args_options(text, packed, sizeof(packed), &size), 1);
	ck_assert_str_eq(options_get(packed, size, "b"), "1");
	memcpy(text, "a=", 2);
	memset(text + 2, 'n', 200);
	memcpy(text + 130, "=1 b=2", 7);
	text[0] = 'n';
	text[1] = 'n';
	ck_assert_int_eq(args_options(text, packed, sizeof(packed), &size), 1);
	ck_assert_str_eq(options_get(packed, size, "b"), "2");
}
END_TEST

static const struct {
	const char *uri, *name; /* NULL: refused */
} queues[] = {
	{"platen:/Laser", "Laser"},
	{"platen:///Laser", "Laser"},
	{"platen:Laser", "Laser"},
	{"platen:/50%25_%c3%9C", "50%_\xc3\x9c"},
	/* Another scheme, no name, a bad escape, a name that is none. */
	{"ipp://localhost/printers/x", NULL},
	{"platen:/", NULL},
	{"platen:/a%2", NULL},
	{"platen:/a%zz", NULL},
	{"platen:/a%00b", NULL},
	{"platen:/a%2fb", NULL},
	{"platen:/a%0ab", NULL},
	{"platen:/a/b", NULL},
};

START_TEST(test_queue)
{
	char name[NAME_SIZE];

	if (!queues[_i].name) {
		ck_assert_int_eq(args_queue(queues[_i].uri, name, sizeof(name)), -EINVAL);
		return;
	}
	ck_assert_int_eq(args_queue(queues[_i].uri, name, sizeof(name)), 0);
	ck_assert_str_eq(name, queues[_i].name);
}
END_TEST

/* 127 bytes are a name, 128 are none: never cut. */
START_TEST(test_queue_length)
{
	char uri[256] = "platen:/", name[NAME_SIZE];

	memset(uri + 8, 'q', 127);
	ck_assert_int_eq(args_queue(uri, name, sizeof(name)), 0);
	uri[8 + 127] = 'q';
	ck_assert_int_eq(args_queue(uri, name, sizeof(name)), -EINVAL);
}
END_TEST

static enum backend_exit read_args(const char *title, const char *copies, const char *text,
	const char *path, struct backend_open *open)
{
	char *argv[] = {(char *)"queue", (char *)"42", (char *)"anna", (char *)title,
		(char *)copies, (char *)text, (char *)path, NULL};
	char why[ARGS_WHY_SIZE];
	int left_out;

	return args_read(path ? 7 : 6, argv, open, &left_out, why);
}

START_TEST(test_read)
{
	static struct backend_open o;
	struct uuid uuid;

	setenv("DEVICE_URI", "platen:/Laser", 1);
	setenv("CONTENT_TYPE", "application/pdf", 1);
	ck_assert_int_eq(read_args("T", "3", "a=1 " UUID_WORD " b=2", "/spool/d00042-002", &o), 0);
	ck_assert_int_eq(o.head.type, BACKEND_OPEN);
	ck_assert_uint_eq(o.head.size, sizeof(o));
	ck_assert_str_eq(o.printer, "Laser");
	ck_assert_str_eq(o.user, "anna");
	ck_assert_str_eq(o.title, "T");
	ck_assert_str_eq(o.format, "application/pdf");
	ck_assert_uint_eq(o.copies, 3);
	ck_assert_uint_eq(o.guest_job, 42);
	ck_assert_uint_eq(o.file, 2);
	ck_assert_int_eq(uuid_parse("01234567-89ab-cdef-0123-456789abcdef", &uuid), 0);
	ck_assert(uuid_equal(&uuid, &o.job));
	/* The UUID is said once, not as an option too. */
	ck_assert_ptr_null(options_get(o.options, o.options_size, "job-uuid"));
	ck_assert_str_eq(options_get(o.options, o.options_size, "b"), "2");

	/* Standard input is the first file; odd copies and types become the plain ones. */
	setenv("CONTENT_TYPE", "no type", 1);
	ck_assert_int_eq(read_args("T", "0", UUID_WORD, NULL, &o), 0);
	ck_assert_uint_eq(o.file, 1);
	ck_assert_uint_eq(o.copies, 1);
	ck_assert_str_eq(o.format, "application/octet-stream");
	ck_assert_int_eq(read_args("T", "10000", UUID_WORD, "/spool/d1-1000", &o), 0);
	ck_assert_uint_eq(o.copies, 1);
	ck_assert_uint_eq(o.file, 1);
}
END_TEST

/* What filters of this guest have made: a pipe, and a driver with the mark; they made its copies.
 */
START_TEST(test_rendered)
{
	static const struct {
		const char *ppd, *path;
		uint32_t rendered, copies;
	} rows[] = {
		{"*PPD-Adobe: \"4.3\"\n*platenRendering: Guest\n", NULL, 1, 1},
		{"*PPD-Adobe: \"4.3\"\n*platenRendering: Guest\n", "/spool/d1-001", 0, 3},
		{"*PPD-Adobe: \"4.3\"\n*cupsFilter: \"*/* 0 -\"\n", NULL, 0, 3},
		{"*PPD-Adobe: \"4.3\"\n*% *platenRendering: Guest\n", NULL, 0, 3},
		{"", NULL, 0, 3},
	};
	char path[] = "/tmp/platen-ppd-XXXXXX";
	static struct backend_open o;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	setenv("DEVICE_URI", "platen:/Laser", 1);
	setenv("CONTENT_TYPE", "application/pdf", 1);
	setenv("PPD", path, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq(pwrite(fd, rows[i].ppd, strlen(rows[i].ppd), 0),
			(ssize_t)strlen(rows[i].ppd));
		ck_assert_int_eq(read_args("T", "3", UUID_WORD, rows[i].path, &o), 0);
		ck_assert_msg(o.rendered == rows[i].rendered, "row %zu", i);
		ck_assert_msg(o.copies == rows[i].copies, "row %zu", i);
	}
	(void)close(fd);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(read_args("T", "3", UUID_WORD, NULL, &o), 0);
	ck_assert_uint_eq(o.rendered, 0);
	unsetenv("PPD");
	ck_assert_int_eq(read_args("T", "3", UUID_WORD, NULL, &o), 0);
	ck_assert_uint_eq(o.rendered, 0);
}
END_TEST

/* A title is cut at a character's border and stays one line. */
START_TEST(test_title)
{
	static struct backend_open o;
	char title[400] = "";

	setenv("DEVICE_URI", "platen:/Laser", 1);
	for (int i = 0; i < 130; i++)
		strcat(title, "\xc3\xbc");
	ck_assert_int_eq(read_args(title, "1", UUID_WORD, NULL, &o), 0);
	ck_assert_uint_eq(strlen(o.title), 254);
	ck_assert_int_eq(read_args("a\nERROR: b\x1b[0m", "1", UUID_WORD, NULL, &o), 0);
	ck_assert_str_eq(o.title, "a ERROR: b [0m");
}
END_TEST

/* No UUID, a null one, a bad one, two of them; then a device URI that is not ours. */
START_TEST(test_refused)
{
	static const char *const bad[] = {"", "a=1",
		"job-uuid=urn:uuid:00000000-0000-0000-0000-000000000000", "job-uuid=urn:uuid:0123",
		UUID_WORD " a=1 " UUID_WORD};
	static struct backend_open o;

	setenv("DEVICE_URI", "platen:/Laser", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(read_args("T", "1", bad[i], NULL, &o), BACKEND_EXIT_HOLD);
	setenv("DEVICE_URI", "ipp://elsewhere/", 1);
	ck_assert_int_eq(read_args("T", "1", UUID_WORD, NULL, &o), BACKEND_EXIT_STOP);
}
END_TEST

/* The mark of a held job is no option, and what is none of ours is 0. */
START_TEST(test_answer)
{
	static const struct {
		const char *text;
		uint32_t answer;
	} answers[] = {
		{"", 0},
		{"sides=one platen-asked=17 copies=2", 17},
		{"a='platen-asked=3' platen-asked=1000000000", 1000000000},
		{"platen-asked=1000000001", 0},
		{"platen-asked=12x", 0},
		{"platen-asked", 0},
		{"x=\"platen-asked=5\"", 0},
		{"title=a\\ platen-asked=5", 0},
	};
	char kept[256];
	uint32_t kept_size;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		ck_assert_msg(args_answer(answers[i].text) == answers[i].answer, "row %zu", i);
	ck_assert_int_eq(args_options("platen-asked=17", kept, sizeof(kept), &kept_size), 0);
	ck_assert_uint_eq(kept_size, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend-args");
	TCase *tc = tcase_create("backend-args");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_options, 0, sizeof(options) / sizeof(options[0]));
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_options_bounds);
	tcase_add_loop_test(tc, test_queue, 0, sizeof(queues) / sizeof(queues[0]));
	tcase_add_test(tc, test_queue_length);
	tcase_add_test(tc, test_read);
	tcase_add_test(tc, test_rendered);
	tcase_add_test(tc, test_title);
	tcase_add_test(tc, test_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
