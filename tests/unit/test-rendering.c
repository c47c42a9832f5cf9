/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who renders: the decision for every state of the filters and of their package, and the look for
 * filters. As long as anything is missing the host renders, and says why.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/rendering.h"

static const struct {
	struct rendering_facts facts;
	bool whole, want;
	const char *says; /* in the text; "" for an empty one */
} rows[] = {
	/* Not wanted: nothing is looked at, nothing is said. */
	{{0}, false, false, ""},
	{{.missing = "f", .has_package = true}, false, false, ""},
	{{.refused = "x"}, false, false, ""},
	/* All filters are here: the package is of no interest. */
	{{.wanted = true}, true, false, ""},
	{{.wanted = true, .has_package = true}, true, false, ""},
	{{.wanted = true, .has_package = true, .stage = PACKAGE_FAILED}, true, false, ""},
	/* One is missing. */
	{{.wanted = true, .missing = "f"}, false, false, "the filter f is not in this workspace"},
	{{.wanted = true, .missing = "f", .has_package = true}, false, true, "until the package"},
	{{.wanted = true, .missing = "f", .has_package = true, .stage = PACKAGE_COMING}, false,
		false, "until the package"},
	{{.wanted = true, .missing = "f", .has_package = true, .stage = PACKAGE_INSTALLING}, false,
		false, "until the package"},
	/* It is tried once: what came of it is told. */
	{{.wanted = true, .missing = "f", .has_package = true, .stage = PACKAGE_INSTALLED}, false,
		false, "though the package was installed"},
	{{.wanted = true,
		 .missing = "f",
		 .has_package = true,
		 .stage = PACKAGE_FAILED,
		 .trouble = "E: no room"},
		false, false, "could not be installed: E: no room"},
	/* The spooler has the last word, whatever is here. */
	{{.wanted = true, .refused = "line 3"}, false, false, "does not take the driver"},
	{{.wanted = true, .missing = "f", .has_package = true, .refused = "line 3"}, false, false,
		"line 3"},
};

START_TEST(test_decide)
{
	struct rendering_decision d = rendering_decide(&rows[_i].facts);

	ck_assert_int_eq(d.whole, rows[_i].whole);
	ck_assert_int_eq(d.want_package, rows[_i].want);
	if (rows[_i].says[0])
		ck_assert_msg(strstr(d.text, rows[_i].says) != NULL, "%s", d.text);
	else
		ck_assert_str_eq(d.text, "");
	/* Never both silent and other than what was wanted. */
	if (rows[_i].facts.wanted)
		ck_assert_int_eq(d.whole, d.text[0] == '\0');
}
END_TEST

/* A filter is a program in the folder; a folder, or a file that cannot be run, is none. */
START_TEST(test_missing)
{
	char dir[] = "/tmp/platen-filters-XXXXXX", path[128], buf[FILTERS_SIZE];
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_str_eq(rendering_missing(dir, "one", buf), "one");
	(void)snprintf(path, sizeof(path), "%s/filter", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/filter/one", dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	(void)fclose(file);
	ck_assert_str_eq(rendering_missing(dir, "one", buf), "one");
	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_ptr_null(rendering_missing(dir, "one", buf));
	ck_assert_ptr_null(rendering_missing(dir, "", buf));
	ck_assert_str_eq(rendering_missing(dir, "one,two", buf), "two");
	ck_assert_str_eq(rendering_missing(dir, "two,one", buf), "two");
	ck_assert_str_eq(rendering_missing(dir, "on", buf), "on");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_str_eq(rendering_missing(dir, "one", buf), "one");
	ck_assert_int_eq(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/filter", dir);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rendering");
	TCase *tc = tcase_create("rendering");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_decide, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_missing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
