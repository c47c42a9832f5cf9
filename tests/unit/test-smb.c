/* SPDX-License-Identifier: Apache-2.0 */
/* Windows-type print servers: device URIs, and the names that a hostile server gives its files. */
#include <check.h>
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
	{"smb://a;b/q", false, {.port = ""}},
	{"smb://server:x/q", false, {.port = ""}},
	{"smb://server/a%0Ab", false, {.port = ""}},
	{"smb://server/a%2", false, {.port = ""}},
	{"smb://a/b/c/q", false, {.port = ""}},
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

int main(void)
{
	Suite *suite = suite_create("smb");
	TCase *tc = tcase_create("smb");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_path, 0, ROWS(paths));
	tcase_add_loop_test(tc, test_uri, 0, ROWS(uris));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
