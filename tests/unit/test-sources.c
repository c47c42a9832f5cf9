/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure parts of finding a driver: device URIs to URLs, services, the words of the settings, the
 * IPP request, and what is taken of a device's attributes.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/strings.h"
#include "drivers-fetch/ipp-request.h"
#include "drivers-fetch/resolve.h"
#include "drivers-fetch/run.h"
#include "drivers-fetch/source.h"
#include "proto/base/fetch.h"

/* A queue or a class of a print server; NULL: none. */
static const struct {
	const char *uri, *url;
} servers[] = {
	{"ipp://server/printers/q", "http://server:631/printers/q.ppd"},
	{"ipps://server/printers/q?waitjob=false", "https://server:631/printers/q.ppd"},
	{"https://server/classes/all", "https://server:443/classes/all.ppd"},
	{"http://user:pw@server:8080/printers/q#x", "http://server:8080/printers/q.ppd"},
	{"ipp://[2001:db8::1]/printers/q", "http://[2001:db8::1]:631/printers/q.ppd"},
	{"IPP://server/printers/a%20b", "http://server:631/printers/a%20b.ppd"},
	{"ipp://server/ipp/print", NULL},
	{"ipp:///printers/q", NULL},
	{"ipp://server/printers/", NULL},
	{"smb://server/q", NULL},
	{"implicitclass://q/", NULL},
};

START_TEST(test_server)
{
	char url[512];
	bool is = source_server_url(servers[_i].uri, url, sizeof(url));

	ck_assert_int_eq(is, servers[_i].url != NULL);
	if (is)
		ck_assert_str_eq(url, servers[_i].url);
}
END_TEST

/* A device of its own, and its printer-uri. */
static const struct {
	const char *uri, *url, *printer;
} devices[] = {
	{"ipp://10.0.0.5/ipp/print", "http://10.0.0.5:631/ipp/print",
		"ipp://10.0.0.5:631/ipp/print"},
	{"ipps://u:p@dev/ipp?x=1", "https://dev:631/ipp", "ipps://dev:631/ipp"},
	{"http://dev:80/", "http://dev:80/", "ipp://dev:80/"},
	{"ipp://server/printers/q", NULL, NULL},
	{"ipp://server/classes/q", NULL, NULL},
	{"socket://dev", NULL, NULL},
	{"usb://Acme/Jet", NULL, NULL},
};

START_TEST(test_device)
{
	char url[512], printer[512];
	bool is = source_device_url(devices[_i].uri, url, printer, sizeof(url));

	ck_assert_int_eq(is, devices[_i].url != NULL);
	if (!is)
		return;
	ck_assert_str_eq(url, devices[_i].url);
	ck_assert_str_eq(printer, devices[_i].printer);
}
END_TEST

static const struct {
	const char *words;
	uint8_t sources[4];
	bool sound;
} orders[] = {
	{"server, device, host, generic", {FETCH_SERVER, FETCH_DEVICE, FETCH_HOST, FETCH_GENERIC},
		true},
	{"host", {FETCH_HOST}, true},
	{"  generic ,host ", {FETCH_GENERIC, FETCH_HOST}, true},
	/* A comma too many, none, one twice, a word that is none, one cut short. */
	{"host,", {0}, false},
	{",host", {0}, false},
	{"host server", {0}, false},
	{"host, host", {0}, false},
	{"manual", {0}, false},
	{"hos", {0}, false},
	{"", {0}, false},
};

START_TEST(test_order)
{
	uint8_t sources[FETCH_SOURCES_MAX] = {0};

	ck_assert_int_eq(fetch_sources_parse(orders[_i].words, sources), orders[_i].sound);
	ck_assert_mem_eq(sources, orders[_i].sources, sizeof(orders[_i].sources));
}
END_TEST

static const struct {
	const char *words, *languages; /* NULL: refused */
} languages[] = {
	{"de", "de"},
	{" de ,zh-TW, gsw", "de,zh-tw,gsw"},
	{"", ""},
	{"a1", NULL},
	{"d", NULL},
	{"deut", NULL},
	{"de-", NULL},
	{"de-d", NULL},
	{"de_DE", NULL},
	{"de,", NULL},
	{"de fr", NULL},
	{"de,DE", NULL},
	{"../x", NULL},
	{"aa,ab,ac,ad,ae,af,ag,ah", "aa,ab,ac,ad,ae,af,ag,ah"},
	{"aa,ab,ac,ad,ae,af,ag,ah,ai", NULL},
};

START_TEST(test_languages)
{
	char buf[128] = "untouched";
	bool is = fetch_languages_parse(languages[_i].words, buf, sizeof(buf));

	ck_assert_int_eq(is, languages[_i].languages != NULL);
	ck_assert_str_eq(buf, is ? languages[_i].languages : "untouched");
}
END_TEST

START_TEST(test_service)
{
	char name[256];

	ck_assert(resolve_service("dnssd://A%20%40%20b._ipp._tcp.local/cups?u=1", name, 256));
	ck_assert_str_eq(name, "A @ b._ipp._tcp.local");
	ck_assert(!resolve_service("dnssd://A._printer._tcp.local/", name, 256));
	ck_assert(!resolve_service("dnssd://--help._ipp._tcp.local/", name, 256));
	ck_assert(!resolve_service("dnssd://A%0a._ipp._tcp.local/", name, 256));
	ck_assert(!resolve_service("dnssd://A%00._ipp._tcp.local/", name, 256));
	ck_assert(!resolve_service("ipp://A._ipp._tcp.local/", name, 256));
	ck_assert(resolve_is_sound("ipps://host.local:631/printers/q"));
	ck_assert(!resolve_is_sound("http://host/printers/q"));
	ck_assert(!resolve_is_sound("ipp://a@host/printers/q"));
	ck_assert(!resolve_is_sound("ipp://host/../x"));
	ck_assert(!resolve_is_sound("ipp://host"));
	ck_assert(!resolve_is_sound("ipp:///x"));
}
END_TEST

/* libcups reads our request as it was meant. */
START_TEST(test_request)
{
	static char longest[4096];
	uint8_t buf[IPP_REQUEST_MAX];
	size_t size = ipp_request_write("ipp://dev:631/ipp/print", buf);
	ipp_attribute_t *a;
	ipp_t *ipp = ippNew();
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], buf, size), (ssize_t)size);
	ck_assert_int_eq(close(fds[1]), 0);
	ck_assert_int_eq(ippReadFile(fds[0], ipp), IPP_STATE_DATA);
	ck_assert_int_eq(close(fds[0]), 0);
	ck_assert_int_eq(ippGetOperation(ipp), IPP_OP_GET_PRINTER_ATTRIBUTES);
	a = ippFindAttribute(ipp, "requested-attributes", IPP_TAG_KEYWORD);
	ck_assert_int_eq(ippGetCount(a), 2);
	ck_assert_str_eq(ippGetString(a, 1, NULL), "media-col-database");
	ippDelete(ipp);
	memset(longest, 'x', sizeof(longest) - 1);
	ck_assert_int_eq(ipp_request_write(longest, buf), 0);
}
END_TEST

static const struct {
	const char *text, *taken; /* NULL: nothing is left */
} texts[] = {
	{"Acme Laser 100", "Acme Laser 100"},
	{"Büro 7", "Büro 7"},
	{"Evil\"\n*Foomatic: \"x", "Evil   Foomatic   x"},
	{"a/b\\c`$(id)", "a b c   id "},
	{"\"\n\r\t", NULL},
	{"", NULL},
};

START_TEST(test_text)
{
	char buf[ATTRIBUTES_TEXT_MAX + 1];
	bool any = attributes_text(texts[_i].text, buf, sizeof(buf));

	ck_assert_int_eq(any, texts[_i].taken != NULL);
	if (any)
		ck_assert_str_eq(buf, texts[_i].taken);
}
END_TEST

/* What is not known, of another type, too much or too deep is left out and counted. */
START_TEST(test_attributes)
{
	ipp_t *from = ippNew(), *inner = ippNew(), *to;
	ipp_attribute_t *a;
	unsigned int dropped;

	ippAddString(from, IPP_TAG_PRINTER, IPP_TAG_URI, "printer-strings-uri", NULL, "http://x/");
	ippAddString(from, IPP_TAG_PRINTER, IPP_TAG_TEXT, "media-default", NULL, "iso_a4");
	ippAddInteger(from, IPP_TAG_PRINTER, IPP_TAG_INTEGER, "media-left-margin-supported", -5);
	a = ippAddString(
		from, IPP_TAG_PRINTER, IPP_TAG_KEYWORD, "output-bin-supported", NULL, "face-up");
	ippSetString(from, &a, 1, "x\"\n*y");
	ippAddResolution(
		from, IPP_TAG_PRINTER, "printer-resolution-default", IPP_RES_PER_INCH, 0, 600);
	a = ippAddString(from, IPP_TAG_PRINTER, IPP_TAG_KEYWORD, "media-supported", NULL, "m0");
	for (int i = 1; i < ATTRIBUTES_VALUES_MAX + 3; i++)
		ippSetString(from, &a, i, "m1");
	ippAddString(inner, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-source", NULL, "tray-1");
	ippAddString(inner, IPP_TAG_ZERO, IPP_TAG_KEYWORD, "media-evil", NULL, "tray-1");
	ippAddCollection(from, IPP_TAG_PRINTER, "media-col-default", inner);
	ippDelete(inner);
	to = attributes_take(from, &dropped);
	ck_assert_ptr_null(ippFindAttribute(to, "printer-strings-uri", IPP_TAG_ZERO));
	ck_assert_ptr_null(ippFindAttribute(to, "media-default", IPP_TAG_ZERO));
	ck_assert_ptr_null(ippFindAttribute(to, "media-left-margin-supported", IPP_TAG_ZERO));
	ck_assert_ptr_null(ippFindAttribute(to, "printer-resolution-default", IPP_TAG_ZERO));
	a = ippFindAttribute(to, "output-bin-supported", IPP_TAG_KEYWORD);
	ck_assert_int_eq(ippGetCount(a), 1);
	a = ippFindAttribute(to, "media-supported", IPP_TAG_KEYWORD);
	ck_assert_int_eq(ippGetCount(a), ATTRIBUTES_VALUES_MAX);
	a = ippFindAttribute(to, "media-col-default", IPP_TAG_BEGIN_COLLECTION);
	ck_assert_ptr_nonnull(
		ippFindAttribute(ippGetCollection(a, 0), "media-source", IPP_TAG_KEYWORD));
	ck_assert_ptr_null(ippFindAttribute(ippGetCollection(a, 0), "media-evil", IPP_TAG_ZERO));
	ck_assert_uint_eq(dropped, 1 + 1 + 1 + 1 + 1 + 3 + 1);
	ippDelete(to);
	ippDelete(from);
}
END_TEST

/* A device's own names. */
static const struct {
	const char *line, *key, *text; /* NULL: no such line */
} names[] = {
	{"\"media-source.tray-1\" = \"Upper tray\";\n", "media-source.tray-1", "Upper tray"},
	{" \"finishings.4\"=\"Heften\"", "finishings.4", "Heften"},
	{"\"a\" = \"x\\\"\\n*Evil: \\\"y\";", "a", "x   n Evil    y"},
	{"/* words */", NULL, NULL},
	{"\"A B\" = \"x\";", NULL, NULL},
	{"\"a\" = \"x", NULL, NULL},
	{"\"a\" \"x\"", NULL, NULL},
	{"\"\" = \"x\"", NULL, NULL},
	{"\"a\" = \"\"", NULL, NULL},
	{"", NULL, NULL},
};

START_TEST(test_names)
{
	char line[STRINGS_LINE_MAX], key[STRINGS_LINE_MAX], text[STRINGS_LINE_MAX];
	bool is;

	(void)snprintf(line, sizeof(line), "%s", names[_i].line);
	is = strings_line(line, key, text);
	ck_assert_int_eq(is, names[_i].key != NULL);
	if (!is)
		return;
	ck_assert_str_eq(key, names[_i].key);
	ck_assert_str_eq(text, names[_i].text);
}
END_TEST

/* A helper that says too much, too long, or nothing; and one that takes its input. */
START_TEST(test_run)
{
	const char *cat[] = {"cat", NULL}, *flood[] = {"yes", NULL},
		   *slow[] = {"sleep", "60", NULL};
	const char *fail[] = {"sh", "-c", "echo first >&2; echo second >&2; exit 3", NULL};
	const char *none[] = {"/nonexistent", NULL};
	static uint8_t much[300000];
	struct run_answer answer;

	memset(much, 'x', sizeof(much));
	ck_assert_int_eq(run_program(cat, much, sizeof(much), sizeof(much), 20000, &answer), 0);
	ck_assert_uint_eq(answer.size, sizeof(much));
	free(answer.out);
	ck_assert_int_eq(run_program(flood, NULL, 0, 1000, 20000, &answer), -EFBIG);
	ck_assert_int_eq(run_program(slow, NULL, 0, 1000, 50, &answer), -ETIMEDOUT);
	ck_assert_int_eq(run_program(none, NULL, 0, 1000, 1000, &answer), -ENOENT);
	ck_assert_int_eq(run_program(fail, NULL, 0, 1000, 20000, &answer), 0);
	ck_assert_int_eq(WEXITSTATUS(answer.status), 3);
	ck_assert_str_eq(answer.why, "first");
	free(answer.out);
}
END_TEST

/* user:password, in a file of one's own. */
START_TEST(test_credentials)
{
	static const struct {
		const char *text;
		mode_t mode;
		int r;
	} rows[] = {{"clerk:secret\n", 0600, 0}, {"clerk:secret", 0400, 0},
		{"clerk:secret\n", 0640, -EPERM}, {"clerk:secret\n", 0604, -EPERM},
		{"secret\n", 0600, -EBADMSG}, {"", 0600, -EBADMSG}, {"a:b\001\n", 0600, -EBADMSG}};
	char path[] = "/tmp/platen-credentials-XXXXXX", buf[64];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_ge(pwrite(fd, rows[i].text, strlen(rows[i].text), 0), 0);
		ck_assert_int_eq(fchmod(fd, rows[i].mode), 0);
		ck_assert_int_eq(fetch_credentials_read(path, buf, sizeof(buf)), rows[i].r);
		if (rows[i].r == 0)
			ck_assert_str_eq(buf, "clerk:secret");
	}
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(fetch_credentials_read(path, buf, sizeof(buf)), -ENOENT);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("sources");
	TCase *tc = tcase_create("sources");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_server, 0, ROWS(servers));
	tcase_add_loop_test(tc, test_device, 0, ROWS(devices));
	tcase_add_loop_test(tc, test_order, 0, ROWS(orders));
	tcase_add_loop_test(tc, test_text, 0, ROWS(texts));
	tcase_add_loop_test(tc, test_names, 0, ROWS(names));
	tcase_add_loop_test(tc, test_languages, 0, (int)(sizeof(languages) / sizeof(languages[0])));
	tcase_add_test(tc, test_service);
	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_attributes);
	tcase_add_test(tc, test_run);
	tcase_add_test(tc, test_credentials);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
