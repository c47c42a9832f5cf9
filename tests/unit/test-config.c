/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend's settings: what is taken of platen.conf and its drop-ins, and for each fault file, line
 * and what was expected.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/config.h"
#include "proto/base/text.h"

static char folder[] = "/tmp/platen-config-XXXXXX";
static char path[64], drop_in[64];

static void write_text(const char *to, const char *text)
{
	FILE *file = fopen(to, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Reads `text`, and `more` as a drop-in unless it is NULL. */
static int read_text(
	const char *text, const char *more, struct config *config, char why[static 512])
{
	char inner[80];
	int r;

	(void)strcpy(folder, "/tmp/platen-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/platen.conf", folder);
	(void)snprintf(drop_in, sizeof(drop_in), "%s/policy.d", folder);
	(void)snprintf(inner, sizeof(inner), "%s/a.conf", drop_in);
	write_text(path, text);
	if (more) {
		ck_assert_int_eq(mkdir(drop_in, 0700), 0);
		write_text(inner, more);
	}
	r = config_read(path, config, why);
	(void)unlink(inner);
	(void)rmdir(drop_in);
	(void)unlink(path);
	(void)rmdir(folder);
	return r;
}

#define UUID "00112233-4455-6677-8899-aabbccddeeff"
#define PIN  "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

START_TEST(test_taken)
{
	struct config config;
	char why[512] = "";

	ck_assert_int_eq(
		read_text("[host]\nmode = all\nkeepalive-msec = 100\n"
			  "[workspace office]\nuuid = " UUID "\nsocket = /run/office\n"
			  "owner = alice\n[server print.example.org]\npin = " PIN "\n",
			"[host]\nmode = off\n[printer laser]\nrendering = guest\n", &config, why),
		0);
	ck_assert_int_eq(config.mode, MODE_OFF); /* the drop-in comes later */
	ck_assert_uint_eq(config.keepalive_msec, 100);
	ck_assert_uint_eq(config.workspace_count, 1);
	ck_assert_str_eq(config.workspaces[0].socket, "/run/office");
	ck_assert_str_eq(config.workspaces[0].owner, "alice");
	ck_assert_ptr_eq(config_printer_find(&config, "laser"), &config.printers[0]);
	ck_assert_int_eq(config.printers[0].rendering, RENDERING_GUEST);
	ck_assert_ptr_eq(config_drivers_of(&config, "laser"), &config.drivers);
	config_deinit(&config);
}
END_TEST

static const struct {
	const char *uri;
	bool found;
} servers[] = {
	{"ipp://print.example.org/printers/a", true},
	{"ipps://user:pw@PRINT.example.org:631/printers/a", true},
	{"ipp://a@b@print.example.org", true},
	{"dnssd://print.example%2Eorg/", true},
	{"ipp://print.example.org.evil/", false},
	{"ipp://evil/print.example.org", false},
	{"ipp://evil?@print.example.org/", false},
	{"print.example.org", false},
	{"ipp://%", false},
	{"ipp://[print.example.org", false},
};

/* Which section a device URI's server has, and so which password it may get. */
START_TEST(test_server_find)
{
	struct config_server server = {.host = "print.example.org"};
	const struct config config = {.servers = &server, .server_count = 1};

	ck_assert_msg((config_server_find(&config, servers[_i].uri) != NULL) == servers[_i].found,
		"%s", servers[_i].uri);
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *expected; /* in what is said */
} faults[] = {
	{"[host]\nmode = red\n", 2, "off, network or all"},
	{"[host]\ncontrol = relative\n", 2, "absolute path"},
	{"[host]\n\nvsock-port = -1\n", 3, "a port number"},
	{"[host]\njobs-per-minute = 4294967296\n", 2, "a number"},
	{"[host]\nraw = maybe\n", 2, "yes or no"},
	{"[host]\ndrivers = server, server\n", 2, "each at most once"},
	{"[host]\nrestart = often\n", 2, "auto, ask or never"},
	{"[host]\ncolour = red\n", 2, "a key that platen.conf(5) knows"},
	{"mode = all\n", 1, "a section [host]"},
	{"[workspace x]\nuuid = 1\n", 2, "a UUID"},
	{"[workspace x]\nowner = -rf\n", 2, "a user's name"},
	{"[workspace x]\nsocket = x\n", 2, "an absolute path"},
	{"[workspace x]\ncolour = red\n", 2, "one of the keys uuid, socket"},
	{"[printer a/b]\nrendering = host\n", 2, "the name of a queue"},
	{"[printer a]\nrendering = nobody\n", 2, "host or guest"},
	{"[server x]\npin = sha256//short=\n", 2, "sha256//BASE64"},
	{"[server x]\ncredentials = user:pw\n", 2, "the absolute path of a file"},
	{"[server x]\nnegotiate = 1\n", 2, "yes or no"},
	{"[host]\nno equals sign\n", 2, "key = value"},
	/* What they say cannot write to a terminal, nor end a line of the log. */
	{"[host]\nmode = \x1b[31mred\n", 2, "\\x1b[31mred"},
	{"[host]\n\x1b[31mred\xff = 1\n", 2, "\\x1b[31mred\\xff = 1"},
};

START_TEST(test_faults)
{
	struct config config;
	char why[512] = "", place[96];

	ck_assert_int_eq(read_text(faults[_i].text, NULL, &config, why), -EINVAL);
	(void)snprintf(place, sizeof(place), "%s:%d: ", path, faults[_i].line);
	ck_assert_msg(
		strncmp(why, place, strlen(place)) == 0, "%s does not begin with %s", why, place);
	ck_assert_msg(strstr(why, faults[_i].expected) != NULL, "%s", why);
	ck_assert(text_is_line(why));
}
END_TEST

/* What only the whole of it shows, and what cannot be read at all. */
START_TEST(test_whole)
{
	struct config config;
	char why[512] = "";

	ck_assert_int_eq(read_text("[workspace x]\nmode = all\n", NULL, &config, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "[workspace x]: expected both uuid and socket"));
	ck_assert_int_eq(read_text("[workspace x]\nuuid = " UUID "\nsocket = /a\n"
				   "[workspace y]\nuuid = " UUID "\nsocket = /b\n",
				 NULL, &config, why),
		-EINVAL);
	ck_assert_ptr_nonnull(
		strstr(why, "[workspace y]: expected another uuid than that of [workspace x]"));
	ck_assert_int_eq(
		read_text(
			"[workspace x]\nuuid = " UUID "\nsocket = /a\n"
			"[workspace y]\nuuid = 10112233-4455-6677-8899-aabbccddeeff\nsocket = /a\n",
			NULL, &config, why),
		-EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "[workspace y]: expected another socket"));
	ck_assert_int_eq(read_text("[host]\nkeepalive-msec = 99\n", NULL, &config, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "100 to 3600000"));
	ck_assert_int_eq(read_text("", "[host]\nmode = x\n", &config, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "policy.d/a.conf:2: "));
	ck_assert_int_eq(config_read("/nonexistent/platen.conf", &config, why), -ENOENT);
	ck_assert_str_eq(why, "/nonexistent/platen.conf: No such file or directory");
	ck_assert_int_eq(config_read("/tmp", &config, why), -EISDIR);
	ck_assert_str_eq(why, "/tmp: Is a directory");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_taken);
	tcase_add_loop_test(tc, test_server_find, 0, sizeof(servers) / sizeof(servers[0]));
	tcase_add_loop_test(tc, test_faults, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tc, test_whole);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
