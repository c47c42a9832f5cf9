/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device URIs to kinds: a row per scheme, and per word more that a scheme has to say.
 */
#include <check.h>
#include <stdlib.h>

#include "host/spool/uri.h"

static const struct {
	const char *uri;
	enum printer_kind kind;
} rows[] = {
	/* IPP and HTTP: a device on the network, whatever its path. */
	{"ipp://10.0.0.5/ipp/print", PRINTER_NETWORK},
	{"ipps://printer.example:631/ipp/print", PRINTER_NETWORK},
	{"IPP://PRINTER.EXAMPLE/", PRINTER_NETWORK},
	{"ipp14://10.0.0.5/ipp/print", PRINTER_NETWORK},
	{"http://10.0.0.5:631/ipp/print", PRINTER_NETWORK},
	{"https://10.0.0.5/ipp/print", PRINTER_NETWORK},
	/* A queue or a class of a print server is shared, on this machine (a tunnel) too. */
	{"ipp://server/printers/office", PRINTER_SHARED},
	{"ipps://user@server:631/printers/office?waitjob=false", PRINTER_SHARED},
	{"https://server/classes/all", PRINTER_SHARED},
	{"ipp://localhost:6310/printers/office", PRINTER_SHARED},
	/* IPP on loopback that is no queue is ipp-usb: a USB printer. */
	{"ipp://localhost:60000/ipp/print", PRINTER_LOCAL},
	{"ipp://127.0.0.1:60000/ipp/print", PRINTER_LOCAL},
	{"ipp://127.1.2.3/ipp/print", PRINTER_LOCAL},
	{"ipp://[::1]:60000/ipp/print", PRINTER_LOCAL},
	{"ipp://user@localhost/ipp/print", PRINTER_LOCAL},
	{"ipp://localhostess.example/ipp/print", PRINTER_NETWORK},
	/* Other ways over the network. */
	{"socket://10.0.0.5", PRINTER_NETWORK},
	{"socket://127.0.0.1:9100", PRINTER_NETWORK},
	{"lpd://10.0.0.5/queue", PRINTER_NETWORK},
	{"dnssd://Acme%20Laser._ipp._tcp.local/?uuid=1", PRINTER_NETWORK},
	{"dnssd://Office%20%40%20server._ipp._tcp.local/cups?uuid=1", PRINTER_SHARED},
	{"smb://server/printer", PRINTER_SHARED},
	{"smb://user:secret@WORKGROUP/server/printer", PRINTER_SHARED},
	{"implicitclass://office/", PRINTER_SHARED},
	/* Cables and files. */
	{"usb://HP/LaserJet?serial=1", PRINTER_LOCAL},
	{"parallel:/dev/lp0", PRINTER_LOCAL},
	{"serial:/dev/ttyS0?baud=9600", PRINTER_LOCAL},
	{"file:///dev/null", PRINTER_LOCAL},
	/* HPLIP writes the bus into the path. */
	{"hp:/net/HP_LaserJet?ip=10.0.0.5", PRINTER_NETWORK},
	{"hp:/usb/HP_LaserJet?serial=1", PRINTER_LOCAL},
	{"hpfax:/usb/HP_LaserJet?serial=1", PRINTER_LOCAL},
	/* beh wraps another URI, but not itself. */
	{"beh:/1/3/60/socket://10.0.0.5:9100", PRINTER_NETWORK},
	{"beh:/1/3/60/usb://HP/LaserJet", PRINTER_LOCAL},
	{"beh:/1/3/60/beh:/1/3/60/socket://10.0.0.5", PRINTER_LOCAL},
	{"beh:/1/3", PRINTER_LOCAL},
	/* What cannot be told is not offered by default. */
	{"cups-pdf:/", PRINTER_LOCAL},
	{"carrier-pigeon://roof", PRINTER_LOCAL},
	{"ippx://10.0.0.5/", PRINTER_LOCAL},
	{"", PRINTER_LOCAL},
	{"no colon", PRINTER_LOCAL},
};

START_TEST(test_schemes)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(uri_kind(rows[i].uri) == rows[i].kind, "%s is of kind %d",
			rows[i].uri, uri_kind(rows[i].uri));
}
END_TEST

/* A class is a pool as soon as one member is not local; an empty one is nobody's. */
START_TEST(test_members)
{
	static const enum printer_kind local[] = {PRINTER_LOCAL, PRINTER_LOCAL};
	static const enum printer_kind mixed[] = {PRINTER_LOCAL, PRINTER_SHARED};

	ck_assert_int_eq(uri_pool_kind(local, 2), PRINTER_LOCAL);
	ck_assert_int_eq(uri_pool_kind(mixed, 2), PRINTER_POOL);
	ck_assert_int_eq(uri_pool_kind(mixed, 0), PRINTER_LOCAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uri");
	TCase *tcase = tcase_create("uri");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_schemes);
	tcase_add_test(tcase, test_members);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
