/* SPDX-License-Identifier: Apache-2.0 */
/* Windows-type print servers: device URIs, and the names that a hostile server gives its files. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "drivers-fetch/smb-parse.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* What the server calls a file; NULL: not taken. */
static const struct {
	const char *unc, *path;
} paths[] = {
	{"\\\\server\\print$\\x64\\3\\LASER.PPD", "x64/3/LASER.PPD"},
	{"\\\\server\\PRINT$\\W32X86\\3\\a b (1).ppd", "W32X86/3/a b (1).ppd"},
	{"\\\\server\\print$\\..\\..\\etc\\passwd", NULL},
	{"\\\\server\\print$\\x64\\..\\..\\etc\\passwd", NULL},
	{"..\\..\\etc\\passwd", NULL},
	{"\\\\server\\c$\\x64\\3\\a.ppd", NULL},
	{"\\\\server\\print$\\", NULL},
	{"\\\\server\\print$\\x64\\", NULL},
	{"\\\\server\\print$\\\\a.ppd", NULL},
	{"\\\\\\print$\\a.ppd", NULL},
	{"\\\\server\\print$\\x64\\a\";!id;\".ppd", NULL},
	{"\\\\server\\print$\\a;b.ppd", NULL},
	{"\\\\server\\print$\\!a.ppd", NULL},
	{"\\\\server\\print$\\-a.ppd", NULL},
	{"\\\\server\\print$\\x64/../a.ppd", NULL},
	{"\\\\server\\print$\\a\nb.ppd", NULL},
	{"\\\\server\\print$\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		NULL},
};

START_TEST(test_path)
{
	char path[64];
	bool is = smb_parse_path(paths[_i].unc, path, sizeof(path));

	ck_assert_int_eq(is, paths[_i].path != NULL);
	if (is)
		ck_assert_str_eq(path, paths[_i].path);
}
END_TEST

static const struct {
	const char *text;
	bool is;
	struct smb_uri uri;
} uris[] = {
	{"smb://server/laser", true, {.server = "server", .printer = "laser"}},
	{"SMB://WG/server:1445/a%20b", true,
		{.workgroup = "WG", .server = "server", .port = "1445", .printer = "a b"}},
	{"smb://me:p%40:w@server/q", true,
		{.user = "me", .password = "p@:w", .server = "server", .printer = "q"}},
	{"smb://server", false, {.port = ""}},
	{"smb://server/", false, {.port = ""}},
	{"smb:///q", false, {.port = ""}},
	{"smb://-N/q", false, {.port = ""}},
	{"smb://%2DN/q", false, {.port = ""}},
	{"smb://a;b/q", false, {.port = ""}},
	{"smb://server:x/q", false, {.port = ""}},
	{"smb://server/a%0Ab", false, {.port = ""}},
	{"smb://server/a%2", false, {.port = ""}},
	{"smb://a/b/c/q", false, {.port = ""}},
	{"smb://server/a;quit", false, {.port = ""}},
	{"smb://server/a%22b", false, {.port = ""}},
	{"ipp://server/q", false, {.port = ""}},
};

START_TEST(test_uri)
{
	struct smb_uri uri;

	ck_assert_int_eq(smb_parse_uri(uris[_i].text, &uri), uris[_i].is);
	if (uris[_i].is)
		ck_assert_mem_eq(&uri, &uris[_i].uri, sizeof(uri));
}
END_TEST

/* What rpcclient(1) prints of a driver; lines of it are the server's words. */
static const struct {
	const char *text;
	struct smb_driver driver; /* an empty architecture: there is none */
} drivers[] = {
	{"", {.name = ""}},
	{"Cannot connect to server.  Error was NT_STATUS_LOGON_FAILURE\n", {.name = ""}},
	{"\tDriver Name: [before any section]\n", {.name = ""}},
	{"[Windows x64]\n", {.architecture = "Windows x64"}},
	{"\n[Windows x64]\nPrinter Driver Info 8:\n\tVersion: [3]\n\tDriver Name: [A PS]\n"
	 "\tDatafile: [\\\\s\\print$\\x64\\3\\A.PPD]\n\tDriver Version: [0x0006000100020003]\n",
		{.name = "A PS",
			.architecture = "Windows x64",
			.version = "6.1.2.3",
			.ppd = "x64/3/A.PPD",
			.file_count = 1,
			.files = {"A.PPD"}}},
	/* The section with a PPD wins, then x64. */
	{"[Windows NT x86]\n\tDatafile: [\\\\s\\print$\\W32X86\\3\\A.PPD]\n[Windows x64]\n"
	 "\tDatafile: [\\\\s\\print$\\x64\\3\\A.GPD]\n",
		{.architecture = "Windows NT x86",
			.ppd = "W32X86/3/A.PPD",
			.file_count = 1,
			.files = {"A.PPD"}}},
	{"[Windows NT x86]\n\tDriver Name: [old]\n[Windows x64]\n\tDriver Name: [new]\n"
	 "[Windows ARM64]\n\tDriver Name: [arm]\n",
		{.architecture = "Windows x64", .name = "new"}},
	/* Signed, by the server's word: a catalog, or a package. */
	{"[Windows x64]\n\tDependentfiles: [\\\\s\\print$\\x64\\3\\a.CAT]\n",
		{.architecture = "Windows x64",
			.is_signed = true,
			.catalog = "a.CAT",
			.file_count = 1,
			.files = {"a.CAT"}}},
	{"[Windows x64]\r\n\tPrinter Driver Attributes: [0x3]\r\n",
		{.architecture = "Windows x64", .is_signed = true}},
	/* Lies. */
	{"[Windows x64]\n\tDatafile: [\\\\s\\c$\\A.PPD]\n\tHelpfile: [\\\\s\\print$\\..\\A.PPD]\n",
		{.architecture = "Windows x64", .file_count = 2, .files = {"A.PPD", "A.PPD"}}},
	{"[Windows x64]\n\tDriver Name: [a\x1b[31m\xff]\n",
		{.architecture = "Windows x64", .name = "a [31m"}},
	{"[]\n[Windows x64]\n\t: []\n\tVersion: []\n\tVersion: [\n",
		{.architecture = "Windows x64", .version = "type 0"}},
};

START_TEST(test_driver)
{
	const struct smb_driver *want = &drivers[_i].driver;
	struct smb_driver driver = {0};

	ck_assert_int_eq(
		smb_parse_driver(drivers[_i].text, &driver), want->architecture[0] != '\0');
	ck_assert_str_eq(driver.name, want->name);
	ck_assert_str_eq(driver.architecture, want->architecture);
	ck_assert_str_eq(driver.version, want->version);
	ck_assert_str_eq(driver.ppd, want->ppd);
	ck_assert_str_eq(driver.catalog, want->catalog);
	ck_assert_int_eq(driver.is_signed, want->is_signed);
	ck_assert_uint_eq(driver.file_count, want->file_count);
	for (unsigned int i = 0; i < want->file_count; i++)
		ck_assert_str_eq(driver.files[i], want->files[i]);
}
END_TEST

/* More files, longer names and values than there is room for. */
START_TEST(test_driver_of_many_files)
{
	static char text[200000];
	struct smb_driver driver;
	size_t used = (size_t)snprintf(text, sizeof(text), "[Windows x64]\n");

	for (int i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			"\tDependentfiles: [\\\\s\\print$\\%0*d.dll]\n", i % 2 ? 100 : 4, i);
	(void)snprintf(text + used, sizeof(text) - used, "\tDriver Name: [%01000d]\n", 7);
	ck_assert(smb_parse_driver(text, &driver));
	ck_assert_uint_eq(driver.file_count, SMB_FILES_MAX);
	ck_assert_uint_lt(strlen(driver.files[1]), sizeof(driver.files[1]));
	ck_assert_str_eq(driver.name, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("smb");
	TCase *tc = tcase_create("smb");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_path, 0, ROWS(paths));
	tcase_add_loop_test(tc, test_uri, 0, ROWS(uris));
	tcase_add_loop_test(tc, test_driver, 0, ROWS(drivers));
	tcase_add_test(tc, test_driver_of_many_files);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
