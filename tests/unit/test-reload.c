/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which settings a running platend takes over, and which stay until it is started again. That those
 * it takes over are in force: tests/integration/test_reload.py.
 */
#include <check.h>
#include <string.h>

#include "host/reload.h"
#include "proto/base/text.h"

static const struct config now = {
	.mode = MODE_NETWORK,
	.control = "/run/platen/control",
	.state_dir = "/var/lib/platen",
	.libvirt_uri = "qemu:///system",
	.fetch_socket = "/run/platen/fetch",
	.vsock_port = 6310,
	.keepalive_msec = 60000,
};

START_TEST(test_nothing)
{
	struct config fresh = now;
	char names[64] = "x";

	memset(fresh.fetch_socket, 0, sizeof(fresh.fetch_socket)); /* of the command line */
	ck_assert_int_eq(reload_keep(&now, &fresh, names, sizeof(names)), 0);
	ck_assert_str_eq(names, "");
	ck_assert_str_eq(fresh.fetch_socket, "/run/platen/fetch");
}
END_TEST

START_TEST(test_taken_over)
{
	struct config fresh = now;
	char names[64];

	fresh.mode = MODE_ALL;
	fresh.keepalive_msec = 100;
	fresh.vsock_port = 0;
	(void)strcpy(fresh.cups_spool, "/srv/cups");
	ck_assert_int_eq(reload_keep(&now, &fresh, names, sizeof(names)), 0);
	ck_assert_int_eq(fresh.mode, MODE_ALL);
	ck_assert_uint_eq(fresh.keepalive_msec, 100);
	ck_assert_uint_eq(fresh.vsock_port, 0);
	ck_assert_str_eq(fresh.cups_spool, "/srv/cups");
}
END_TEST

START_TEST(test_kept)
{
	struct config fresh = now;
	char names[64], narrow[16];

	(void)strcpy(fresh.control, "/run/other");
	fresh.libvirt_uri[0] = '\0';
	(void)strcpy(fresh.admin_group, "printing");
	ck_assert_int_eq(reload_keep(&now, &fresh, names, sizeof(names)), 3);
	ck_assert_str_eq(names, "control, libvirt-uri, admin-group");
	ck_assert_str_eq(fresh.control, now.control);
	ck_assert_str_eq(fresh.libvirt_uri, now.libvirt_uri);
	/* More names than there is room for: the first ones, whole. */
	(void)strcpy(fresh.control, "/run/other");
	(void)strcpy(fresh.admin_group, "printing");
	ck_assert_int_eq(reload_keep(&now, &fresh, narrow, sizeof(narrow)), 2);
	ck_assert_str_eq(narrow, "control");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reload");
	TCase *tc = tcase_create("reload");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_nothing);
	tcase_add_test(tc, test_taken_over);
	tcase_add_test(tc, test_kept);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
