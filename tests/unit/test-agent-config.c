/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-agent's settings: what is taken, and for each fault file, line and what was expected.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/config.h"

static char path[] = "/tmp/platen-config-XXXXXX";

static int read_text(const char *text, struct agent_config *config, char why[static 512])
{
	int fd, r;

	(void)strcpy(path, "/tmp/platen-config-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	r = agent_config_read(path, config, why);
	(void)unlink(path);
	return r;
}

START_TEST(test_taken)
{
	struct agent_config config;
	char why[512] = "";

	ck_assert_int_eq(read_text("", &config, why), 0);
	ck_assert_int_eq(config.transport, AGENT_AUTO);
	ck_assert_str_eq(config.path, "/dev/virtio-ports/org.platen.0");
	ck_assert_uint_eq(config.vsock_port, VSOCK_PORT);
	ck_assert_str_eq(config.cups_server_bin, "/usr/lib/cups");
	ck_assert_str_eq(config.package_manager, "");
	ck_assert_str_eq(config.needs_restarting, "/usr/bin/needs-restarting");
	ck_assert_int_eq(read_text("# a comment\n[agent]\ntransport = unix\npath=/run/x\n"
				   "vsock-port = 7000\nspooler-user = lp2\ncups-socket = /c\n"
				   "run-dir = /r\nstate-dir = /s\nlibexec-dir = /l\n"
				   "cups-server-bin = /b\npackage-manager = /m\n"
				   "needs-restarting = /n\n",
				 &config, why),
		0);
	ck_assert_int_eq(config.transport, AGENT_UNIX);
	ck_assert_str_eq(config.path, "/run/x");
	ck_assert_uint_eq(config.vsock_port, 7000);
	ck_assert_str_eq(config.spooler_user, "lp2");
	ck_assert_str_eq(config.cups_socket, "/c");
	ck_assert_str_eq(config.run_dir, "/r");
	ck_assert_str_eq(config.state_dir, "/s");
	ck_assert_str_eq(config.libexec_dir, "/l");
	ck_assert_str_eq(config.cups_server_bin, "/b");
	ck_assert_str_eq(config.package_manager, "/m");
	ck_assert_str_eq(config.needs_restarting, "/n");
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *expected; /* in what is said */
} faults[] = {
	{"[agent]\ntransport = smoke\n", 2, "auto, virtio, vsock or unix"},
	{"[agent]\n\npath = relative\n", 3, "absolute path"},
	{"[agent]\npath =\n", 2, "absolute path"},
	{"[agent]\nrun-dir = /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		2, "107 bytes"},
	{"[agent]\npackage-manager = apt\n", 2, "auto, or an absolute path"},
	{"[agent]\nvsock-port = many\n", 2, "port number"},
	{"[agent]\nvsock-port = 0\n", 2, "port number"},
	{"[agent]\nvsock-port = 4294967296\n", 2, "port number"},
	{"[agent]\nspooler-user = a:b\n", 2, "user's name"},
	{"[agent]\n# fine\ncolour = red\n", 3, "key that platen-agent.conf(5) knows"},
	{"transport = auto\n", 1, "[agent]"},
	{"[host]\nmode = off\n", 2, "[agent]"},
	{"[agent]\nno equals sign\n", 2, "key = value"},
	{"[agent\n", 1, "[section]"},
	/* The first fault is told. */
	{"[agent]\npath = x\ntransport = y\n", 2, "absolute path"},
};

START_TEST(test_faults)
{
	struct agent_config config;
	char why[512] = "", place[64];

	ck_assert_int_eq(read_text(faults[_i].text, &config, why), -EINVAL);
	(void)snprintf(place, sizeof(place), "%s:%d: ", path, faults[_i].line);
	ck_assert_msg(
		strncmp(why, place, strlen(place)) == 0, "%s does not begin with %s", why, place);
	ck_assert_msg(strstr(why, faults[_i].expected) != NULL, "%s", why);
	ck_assert_ptr_null(strchr(why, '\n'));
}
END_TEST

/* What cannot be read at all. */
START_TEST(test_unreadable)
{
	struct agent_config config;
	char why[512] = "";

	ck_assert_int_eq(agent_config_read("/nonexistent/agent.conf", &config, why), -ENOENT);
	ck_assert_str_eq(why, "/nonexistent/agent.conf: No such file or directory");
	ck_assert_int_eq(agent_config_read("/tmp", &config, why), -EISDIR);
	ck_assert_str_eq(why, "/tmp: Is a directory");
}
END_TEST

/* Neither a key's nor a value's escape sequences reach a terminal. */
START_TEST(test_escaped)
{
	struct agent_config config;
	char why[512] = "";

	ck_assert_int_eq(read_text("[agent]\ntransport = \x1b[31mred\n", &config, why), -EINVAL);
	ck_assert_ptr_null(strchr(why, '\x1b'));
	ck_assert_ptr_nonnull(strstr(why, "\\x1b[31mred"));
	ck_assert_int_eq(read_text("[agent]\n\x1b[31mred = 1\n", &config, why), -EINVAL);
	ck_assert_ptr_null(strchr(why, '\x1b'));
	ck_assert_ptr_nonnull(strstr(why, "\\x1b[31mred = 1"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent-config");
	TCase *tc = tcase_create("config");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_taken);
	tcase_add_loop_test(tc, test_faults, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tc, test_unreadable);
	tcase_add_test(tc, test_escaped);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
