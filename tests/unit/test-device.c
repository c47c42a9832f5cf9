/* SPDX-License-Identifier: Apache-2.0 */
/* Which device URIs name the same hardware, and which name none that another machine could know. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/device.h"

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	/* A device is its host, however it is spoken to. */
	{"ipp://10.0.0.5/ipp/print", "socket://10.0.0.5", true},
	{"ipp://10.0.0.5/ipp/print", "socket://10.0.0.5:9100", true},
	{"ipp://10.0.0.5:631/ipp/print", "ipps://10.0.0.5/ipp/print", true},
	{"http://Laser.Example.ORG/", "socket://laser.example.org", true},
	{"socket://10.0.0.5?waiteof=false", "socket://10.0.0.5", true},
	{"ipp://user:secret@10.0.0.5/ipp/print", "ipp://10.0.0.5/ipp/print", true},
	{"ipp://a@b@10.0.0.5/ipp/print", "ipp://10.0.0.5/ipp/print", true},
	{"ipp://[fe80::1]/ipp/print", "socket://[FE80::1]:9100", true},
	{"socket://10.0.0.5", "socket://10.0.0.6", false},
	{"socket://10.0.0.5", "socket://10.0.0.50", false},
	{"ipp://[fe80::1]/ipp/print", "ipp://[fe80::2]/ipp/print", false},
	/* A print server's queue is told apart by its name. */
	{"ipp://server/printers/a", "ipp://server/printers/b", false},
	{"ipp://server/printers/a", "ipps://server:631/printers/a", true},
	{"ipp://server/printers/a", "ipp://server/printers/a/.printer", true},
	{"ipp://server/printers/a", "ipp://server/printers/ab", false},
	{"ipp://server/printers/a?x=y", "ipp://server/printers/a", true},
	{"ipp://server/classes/a", "ipp://server/classes/b", false},
	{"ipp://server/printers/a", "ipp://server/ipp/print", false},
	{"lpd://server/a", "lpd://server/b", false},
	{"lpd://server/a", "LPD://server/a", true},
	{"lpd://server/a", "ipp://server/printers/a", true},
	{"smb://server/a", "smb://server/b", false},
	{"smb://WORKGROUP/server/a", "smb://workgroup/server/a", true},
	{"smb://workgroup/server/a", "smb://workgroup/server/b", false},
	{"smb://user:pw@server/a", "smb://server/a", true},
	/* On this machine many printers share one host: the port counts. */
	{"ipp://localhost:60000/ipp/print", "ipp://localhost:60001/ipp/print", false},
	{"ipp://localhost:60000/ipp/print", "ipp://LOCALHOST:60000/ipp/print/x", true},
	{"ipp://127.0.0.1:60000/ipp/print", "ipp://127.0.0.1:60001/ipp/print", false},
	{"ipp://[::1]:60000/ipp/print", "ipp://[::1]:60001/ipp/print", false},
	{"ipp://localhosts:60000/ipp", "ipp://localhosts:60001/ipp", true},
	/* Wrapped and discovered ones. */
	{"beh:/1/3/5/socket://10.0.0.5", "socket://10.0.0.5", true},
	{"dnssd://Laser._ipp._tcp.local/", "dnssd://Laser._ipp._tcp.local/?uuid=1", true},
	{"dnssd://Laser._ipp._tcp.local/", "dnssd://Inkjet._ipp._tcp.local/", false},
};

START_TEST(test_pairs)
{
	uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

	device_digest(pairs[_i].a, a);
	device_digest(pairs[_i].b, b);
	ck_assert_msg((memcmp(a, b, SHA256_SIZE) == 0) == pairs[_i].same, "%s and %s", pairs[_i].a,
		pairs[_i].b);
}
END_TEST

/* No host: no digest, so that two of them are not taken for one. */
static const char *const none[] = {
	"",
	"usb://HP/LaserJet%204?serial=1",
	"USB://HP/LaserJet%204?serial=1",
	"parallel:/dev/lp0",
	"serial:/dev/ttyS0?baud=9600",
	"file:///dev/null",
	"hp:/net/Laser?ip=10.0.0.5",
	"hp:/usb/Laser?serial=1",
	"implicitclass://pool/",
	"ipp://",
	"ipp:///ipp/print",
	"ipp://?x",
	"ipp://@/x",
	"socket://:9100",
	"nonsense",
};

START_TEST(test_none)
{
	static const uint8_t zeros[SHA256_SIZE];
	uint8_t digest[SHA256_SIZE];

	memset(digest, 0x55, sizeof(digest));
	device_digest(none[_i], digest);
	ck_assert_msg(memcmp(digest, zeros, SHA256_SIZE) == 0, "%s", none[_i]);
}
END_TEST

/* URIs of any length, from anywhere: no more is read or written than there is. */
START_TEST(test_lengths)
{
	uint8_t digest[SHA256_SIZE];

	for (size_t len = 1; len < 3000; len += 13) {
		char *uri = malloc(len + 32);

		for (int form = 0; form < 3; form++) {
			static const char *const forms[] = {
				"ipp://%s/", "lpd://h/%s", "smb://h/%s?"};
			char *text = malloc(len + 1);

			memset(text, 'x', len);
			text[len] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(uri, len + 32, forms[form], text);
#pragma GCC diagnostic pop
			device_digest(uri, digest);
			free(text);
		}
		free(uri);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device");
	TCase *tc = tcase_create("device");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_pairs, 0, sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_loop_test(tc, test_none, 0, sizeof(none) / sizeof(none[0]));
	tcase_add_test(tc, test_lengths);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
