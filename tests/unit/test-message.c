/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message may be, field by field.
 *
 * Every number is tried at its limit and one beyond, every enum at both edges, every string with
 * what no string may have. Its passage to and from protobuf has a test of its own
 * (test-message-wire.c).
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/sample.h"

static struct message m;
static char why[128];

static int judge(void)
{
	memset(why, 0, sizeof(why));
	return message_check(&m, message_size(m.head.type), why);
}

/* Both samples of every type are valid, bear their name, and have the size of their type. */
START_TEST(test_samples)
{
	for (uint32_t type = 1; type < MESSAGE_TYPE_COUNT; type++) {
		for (int largest = 0; largest < 2; largest++) {
			sample(&m, type, largest);
			ck_assert_msg(judge() == 0, "%s: %s", message_name(type), why);
			ck_assert_uint_eq(m.head.size, message_size(type));
			ck_assert_str_ne(message_name(type), "unknown");
		}
	}
	ck_assert_uint_eq(message_size(0), 0);
	ck_assert_uint_eq(message_size(MESSAGE_TYPE_COUNT), 0);
	ck_assert_uint_eq(message_size(UINT32_MAX), 0);
	ck_assert_str_eq(message_name(0), "unknown");
	ck_assert_str_eq(message_name(MESSAGE_TYPE_COUNT), "unknown");
}
END_TEST

/* The head: only the size of the type, only a type there is. */
START_TEST(test_head)
{
	for (uint32_t type = 1; type < MESSAGE_TYPE_COUNT; type++) {
		size_t size = message_size(type);

		sample(&m, type, false);
		ck_assert_int_eq(message_check(&m, size - 1, why), -EBADMSG);
		ck_assert_int_eq(message_check(&m, size + 1, why), -EBADMSG);
		ck_assert_int_eq(message_check(&m, 0, why), -EBADMSG);
		ck_assert_int_eq(message_check(&m, sizeof(m.head) - 1, why), -EBADMSG);
		m.head.size++;
		ck_assert_int_eq(message_check(&m, size, why), -EBADMSG);
		ck_assert_int_eq(message_check(&m, size + 1, why), -EBADMSG);
	}
	m.head.type = 0;
	ck_assert_int_eq(message_check(&m, m.head.size, why), -EBADMSG);
	m.head.type = MESSAGE_TYPE_COUNT;
	ck_assert_int_eq(message_check(&m, m.head.size, why), -EBADMSG);
}
END_TEST

#define NUMBER(TYPE, FIELD, VALUE, OK)                                                             \
	{                                                                                          \
		MESSAGE_##TYPE, #FIELD "=" #VALUE, offsetof(struct message, FIELD),                \
			sizeof(m.FIELD), VALUE, OK                                                 \
	}
/* A range: below it, its ends, above it. */
#define RANGE(TYPE, FIELD, LEAST, MOST)                                                            \
	NUMBER(TYPE, FIELD, (LEAST)-1, false), NUMBER(TYPE, FIELD, LEAST, true),                   \
		NUMBER(TYPE, FIELD, MOST, true), NUMBER(TYPE, FIELD, (MOST) + 1, false),           \
		NUMBER(TYPE, FIELD, 0xFFFFFFFFU, false)
/* From 0 on. */
#define UPTO(TYPE, FIELD, MOST)                                                                    \
	NUMBER(TYPE, FIELD, 0, true), NUMBER(TYPE, FIELD, MOST, true),                             \
		NUMBER(TYPE, FIELD, (MOST) + 1, false), NUMBER(TYPE, FIELD, 0xFFFFFFFFU, false)
#define ANY(TYPE, FIELD) NUMBER(TYPE, FIELD, 0, true), NUMBER(TYPE, FIELD, 0xFFFFFFFFU, true)

static const struct {
	uint32_t type;
	const char *what;
	size_t offset, width;
	uint64_t value;
	bool ok;
} numbers[] = {
	/* The session. */
	NUMBER(HELLO, hello.version_min, 0, false),
	NUMBER(HELLO, hello.version_min, 2, false), /* above version_max */
	NUMBER(HELLO, hello.version_max, 0, false),
	NUMBER(HELLO, hello.version_max, 0xFFFFFFFFU, true),
	NUMBER(WELCOME, welcome.version, 0, false),
	NUMBER(WELCOME, welcome.version, 0xFFFFFFFFU, true),
	RANGE(WELCOME, welcome.keepalive_msec, 100, 3600000),
	RANGE(BYE, bye.code, BYE_CLOSING, BYE_CODE_COUNT - 1),
	ANY(PING, ping.serial),
	ANY(PONG, ping.serial),
	UPTO(GUEST_STATUS, guest_status.spooler_up, 1),
	ANY(GUEST_STATUS, guest_status.queues),
	ANY(GUEST_STATUS, guest_status.jobs),
	/* The offer. */
	UPTO(OFFER_BEGIN, offer_begin.count, OFFER_PRINTERS_MAX),
	UPTO(OFFER_BEGIN, offer_begin.unchanged, 1),
	UPTO(PRINTER, printer.index, OFFER_PRINTERS_MAX * 16 - 1),
	RANGE(PRINTER, printer.kind, PRINTER_NETWORK, PRINTER_KIND_COUNT - 1),
	UPTO(PRINTER, printer.is_default, 1),
	UPTO(PRINTER, printer.accepting, 1),
	RANGE(PRINTER, printer.driver_size, 1, DRIVER_SIZE_MAX),
	NUMBER(PRINTER, printer.defaults_size, 1, false),
	NUMBER(PRINTER, printer.defaults_size, DEFAULTS_SIZE, false),
	NUMBER(PRINTER, printer.defaults_size, DEFAULTS_SIZE + 1, false),
	NUMBER(PRINTER, printer.defaults_size, 0xFFFFFFFFU, false),
	ANY(PRINTER_GONE, printer_gone.index),
	ANY(PRINTER_STATE, printer_state.index),
	RANGE(PRINTER_STATE, printer_state.state, 3, 5),
	UPTO(PRINTER_STATE, printer_state.accepting, 1),
	ANY(PRINTER_REPORT, printer_report.index),
	RANGE(PRINTER_REPORT, printer_report.code, REPORT_READY, REPORT_CODE_COUNT - 1),
	UPTO(PRINTER_REPORT, printer_report.rendering, RENDERING_GUEST),
	/* Drivers: a total of 0 stands alone. */
	NUMBER(DRIVER_DATA, driver_data.offset, 1, false),
	NUMBER(DRIVER_DATA, driver_data.data_size, 1, false),
	NUMBER(DRIVER_DATA, driver_data.total, 1, false),
	/* Packages: the same. */
	NUMBER(PACKAGE_DATA, package_data.offset, 1, false),
	NUMBER(PACKAGE_DATA, package_data.data_size, 1, false),
	NUMBER(PACKAGE_DATA, package_data.total, 1, false),
	/* Jobs. */
	ANY(JOB_OPEN, job_open.ref),
	ANY(JOB_OPEN, job_open.printer),
	RANGE(JOB_OPEN, job_open.file, 1, JOB_FILES_MAX),
	RANGE(JOB_OPEN, job_open.copies, 1, JOB_COPIES_MAX),
	NUMBER(JOB_OPEN, job_open.size, UINT64_MAX, true),
	UPTO(JOB_OPEN, job_open.rendered, 1),
	UPTO(JOB_OPEN, job_open.answer, JOB_ASK_MAX),
	UPTO(JOB_OPEN, job_open.sealed, 1),
	NUMBER(JOB_OPEN, job_open.options_size, 1, false),
	NUMBER(JOB_OPEN, job_open.options_size, JOB_OPTIONS_BYTES, false),
	NUMBER(JOB_OPEN, job_open.options_size, JOB_OPTIONS_BYTES + 1, false),
	NUMBER(JOB_OPEN, job_open.options_size, 0xFFFFFFFFU, false),
	RANGE(JOB_ACCEPT, job_accept.window, 1, JOB_WINDOW),
	NUMBER(JOB_ACCEPT, job_accept.offset, UINT64_MAX, true),
	RANGE(JOB_DATA, job_data.data_size, 1, FRAME_DATA_MAX),
	NUMBER(JOB_DATA, job_data.offset, UINT64_MAX, true),
	RANGE(JOB_CREDIT, job_credit.bytes, 1, JOB_WINDOW),
	NUMBER(JOB_SEAL, job_seal.reserved, 1, false),
	NUMBER(JOB_SEAL, job_seal.size, UINT64_MAX, true),
	NUMBER(JOB_STATE, job_state.phase, 0, false),
	NUMBER(JOB_STATE, job_state.phase, JOB_PHASE_ASK, true),
	NUMBER(JOB_STATE, job_state.phase, JOB_PHASE_COUNT, false),
	NUMBER(JOB_STATE, job_state.phase, JOB_PHASE_REFUSED, false), /* without a refusal */
	NUMBER(JOB_STATE, job_state.refusal, REFUSAL_FAILED, false),  /* without the phase */
	UPTO(JOB_STATE, job_state.final, 1),
	ANY(JOB_STATE, job_state.host_job),
	ANY(JOB_STATE, job_state.pages),
	NUMBER(JOB_STATE, job_state.ask, 1, false), /* without the phase */
	RANGE(JOB_RELEASE, job_release.file, 1, JOB_FILES_MAX),
	RANGE(JOB_RELEASE, job_release.guest_job, 1, JOB_ASK_MAX),
	/* Restart: only LATER has seconds. */
	RANGE(RESTART_NEED, restart_need.level, LEVEL_SPOOLER, LEVEL_COUNT - 1),
	RANGE(RESTART_NEED, restart_need.state, NEED_OPEN, NEED_STATE_COUNT - 1),
	RANGE(ACTIVITY, activity.state, ACTIVITY_NOBODY, ACTIVITY_STATE_COUNT - 1),
	ANY(ACTIVITY, activity.sessions),
	ANY(ACTIVITY, activity.applications),
	ANY(ACTIVITY, activity.inhibitors),
	ANY(ACTIVITY, activity.installing),
	ANY(RESTART_ANSWER, restart_answer.ask),
	NUMBER(RESTART_ANSWER, restart_answer.choice, 0, false),
	NUMBER(RESTART_ANSWER, restart_answer.choice, ANSWER_LATER, false),
	NUMBER(RESTART_ANSWER, restart_answer.choice, ANSWER_SESSION_END, true),
	NUMBER(RESTART_ANSWER, restart_answer.choice, ANSWER_NOBODY, true),
	NUMBER(RESTART_ANSWER, restart_answer.choice, ANSWER_CHOICE_COUNT, false),
	NUMBER(RESTART_ANSWER, restart_answer.after_sec, 1, false),
	NUMBER(RESTART_ASK, restart_ask.ask, 0, false),
	UPTO(RESTART_ASK, restart_ask.limit_sec, RESTART_SEC_MAX),
	UPTO(RESTART_ASK, restart_ask.reminder, 1),
	ANY(RESTART_ASK_END, restart_ask_end.ask),
};

/* Each number at its limits; what is refused names the message. */
START_TEST(test_numbers)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint32_t small = (uint32_t)numbers[i].value;

		sample(&m, numbers[i].type, false);
		if (numbers[i].width == 4)
			memcpy((uint8_t *)&m + numbers[i].offset, &small, 4);
		else
			memcpy((uint8_t *)&m + numbers[i].offset, &numbers[i].value, 8);
		ck_assert_msg((judge() == 0) == numbers[i].ok, "%s: %s %s", numbers[i].what,
			numbers[i].ok ? "refused:" : "accepted", why);
		if (!numbers[i].ok)
			ck_assert_msg(strstr(why, message_name(numbers[i].type)) == why &&
					      !strchr(why, '\n'),
				"%s: \"%s\"", numbers[i].what, why);
	}
}
END_TEST

enum kind {
	LINE,	  /* one line of UTF-8, or nothing */
	QUEUE,	  /* a queue name */
	MIME,	  /* a media type */
	KEYWORDS, /* keywords with commas, or nothing */
	LEVELS,	  /* numbers with commas, or nothing */
};

#define STRING(TYPE, FIELD, KIND)                                                                  \
	{                                                                                          \
		MESSAGE_##TYPE, #FIELD, offsetof(struct message, FIELD), sizeof(m.FIELD), KIND     \
	}

static const struct {
	uint32_t type;
	const char *what;
	size_t offset, size;
	enum kind kind;
} strings[] = {
	STRING(HELLO, hello.agent, LINE),
	STRING(WELCOME, welcome.host, LINE),
	STRING(WELCOME, welcome.workspace, LINE),
	STRING(BYE, bye.text, LINE),
	STRING(PRINTER, printer.name, QUEUE),
	STRING(PRINTER, printer.info, LINE),
	STRING(PRINTER, printer.location, LINE),
	STRING(PRINTER, printer.make_model, LINE),
	STRING(PRINTER_STATE, printer_state.reasons, KEYWORDS),
	STRING(PRINTER_STATE, printer_state.text, LINE),
	STRING(PRINTER_STATE, printer_state.marker_names, LINE),
	STRING(PRINTER_STATE, printer_state.marker_types, LINE),
	STRING(PRINTER_STATE, printer_state.marker_colors, LINE),
	STRING(PRINTER_STATE, printer_state.marker_levels, LEVELS),
	STRING(PRINTER_STATE, printer_state.marker_low_levels, LEVELS),
	STRING(PRINTER_STATE, printer_state.marker_high_levels, LEVELS),
	STRING(PRINTER_REPORT, printer_report.text, LINE),
	STRING(JOB_OPEN, job_open.title, LINE),
	STRING(JOB_OPEN, job_open.user, LINE),
	STRING(JOB_OPEN, job_open.format, MIME),
	STRING(JOB_STATE, job_state.reasons, KEYWORDS),
	STRING(JOB_STATE, job_state.text, LINE),
	STRING(GUEST_STATUS, guest_status.spooler, LINE),
	STRING(RESTART_NEED, restart_need.reason, LINE),
	STRING(ACTIVITY, activity.text, LINE),
	STRING(RESTART_ANSWER, restart_answer.user, LINE),
	STRING(RESTART_ASK, restart_ask.reason, LINE),
	STRING(RESTART_ASK_END, restart_ask_end.text, LINE),
};

/* Whether a string of that kind may be this. */
static const struct {
	const char *text;
	bool line, queue, mime, keywords, levels;
} texts[] = {
	{"", true, false, false, true, true}, {"a", true, true, false, true, false},
	{"7", true, true, false, true, true},
	{"Büro 3, \"Flur\" $(x)", true, false, false, false, false},
	{"Büro", true, true, false, false, false}, {"text/plain", true, false, true, false, false},
	{"none", true, true, false, true, false},
	{"toner-low,media-empty-warning", true, true, false, true, false},
	{"toner-low,", true, true, false, false, false},
	{",toner-low", true, true, false, false, false}, {"a,,b", true, true, false, false, false},
	{"-1,50,100", true, false, false, true, true}, {"50 100", true, false, false, false, false},
	{"tab\there", false, false, false, false, false},
	{"two\nlines", false, false, false, false, false},
	{"cr\r", false, false, false, false, false}, {"\x01", false, false, false, false, false},
	{"\x1b[31m", false, false, false, false, false},
	{"del\x7f", false, false, false, false, false},
	{"c1\xC2\x85", false, false, false, false, false},	 /* NEL */
	{"\xFF", false, false, false, false, false},		 /* no UTF-8 at all */
	{"\xC0\xAF", false, false, false, false, false},	 /* overlong */
	{"\xE0\x80\xAF", false, false, false, false, false},	 /* overlong */
	{"\xED\xA0\x80", false, false, false, false, false},	 /* a surrogate */
	{"\xF4\x90\x80\x80", false, false, false, false, false}, /* above U+10FFFF */
	{"cut\xE2\x82", false, false, false, false, false},	 /* cut */
	{"\xE2\x80\xA8", false, false, false, false, false},	 /* U+2028 */
	{"\xE2\x80\xAE", false, false, false, false, false},	 /* U+202E, written backwards */
};

static bool allowed(size_t text, enum kind kind)
{
	switch (kind) {
	case LINE: return texts[text].line;
	case QUEUE: return texts[text].queue;
	case MIME: return texts[text].mime;
	case KEYWORDS: return texts[text].keywords;
	case LEVELS: return texts[text].levels;
	}
	return false;
}

/* Each string with each text; then at its full length, without an end, and with bytes behind its
 * end. */
START_TEST(test_strings)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		char *field = (char *)&m + strings[i].offset;
		size_t size = strings[i].size;

		for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
			sample(&m, strings[i].type, false);
			memset(field, 0, size);
			memcpy(field, texts[t].text, strlen(texts[t].text));
			ck_assert_msg((judge() == 0) == allowed(t, strings[i].kind),
				"%s with text %zu: %s", strings[i].what, t, why);
		}
		sample(&m, strings[i].type, true);
		ck_assert_msg(strlen(field) == size - 1, "%s: the sample is not the longest",
			strings[i].what);
		field[size - 1] = '0';
		ck_assert_msg(judge() == -EBADMSG, "%s without an end", strings[i].what);
		sample(&m, strings[i].type, true);
		field[size - 3] = '\0';
		ck_assert_msg(judge() == -EBADMSG, "%s with a tail", strings[i].what);
	}
}
END_TEST

/* Lists of options: names are keywords, values lines, at most so many, whole, clean behind. */
START_TEST(test_options)
{
	static const struct {
		const char *what, *packed;
		size_t size;
		bool ok;
	} rows[] = {
		{"none", "", 0, true},
		{"one", "sides\0two-sided-long-edge", 26, true},
		{"an empty value", "a\0\0", 3, true},
		{"twice the same", "a\0b\0a\0c\0", 8, true},
		{"an empty name", "\0b\0", 3, false},
		{"a name without a value", "abc\0", 4, false},
		{"no end", "a\0b", 3, false},
		{"half a pair behind", "a\0b\0c\0", 6, false},
		{"a name with a space", "a b\0c\0", 6, false},
		{"a name with a newline", "a\n\0c\0", 5, false},
		{"a name of UTF-8", "\xC3\xA9\0c\0", 5, false},
		{"a value with a newline", "a\0b\nc\0", 6, false}, /* CVE-2026-34980 */
		{"a value of no UTF-8", "a\0\xFF\0", 4, false},
		{"a value of UTF-8", "a\0\xC3\xA9\0", 5, true},
		{"bytes behind", "a\0b\0x", 4, false},
	};
	uint32_t size = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sample(&m, MESSAGE_JOB_OPEN, false);
		memcpy(m.job_open.options, rows[i].packed, rows[i].size + (i == 14));
		m.job_open.options_size = (uint32_t)rows[i].size;
		ck_assert_msg((judge() == 0) == rows[i].ok, "job: %s: %s", rows[i].what, why);
		sample(&m, MESSAGE_PRINTER, false);
		memcpy(m.printer.defaults, rows[i].packed, rows[i].size + (i == 14));
		m.printer.defaults_size = (uint32_t)rows[i].size;
		ck_assert_msg((judge() == 0) == rows[i].ok, "printer: %s: %s", rows[i].what, why);
	}
	sample(&m, MESSAGE_JOB_OPEN, false);
	for (int i = 0; i <= JOB_OPTIONS_MAX; i++) {
		ck_assert_int_eq(judge(), 0);
		ck_assert_int_eq(
			options_add(m.job_open.options, JOB_OPTIONS_BYTES, &size, "o", "v"), 0);
		m.job_open.options_size = size;
	}
	ck_assert_int_eq(judge(), -EBADMSG);
}
END_TEST

/* A job has a UUID. */
START_TEST(test_job_uuid)
{
	sample(&m, MESSAGE_JOB_OPEN, true);
	memset(&m.job_open.job, 0, UUID_SIZE);
	ck_assert_int_eq(judge(), -EBADMSG);
	m.job_open.job.bytes[15] = 1;
	ck_assert_int_eq(judge(), 0);
}
END_TEST

/* A need and a boot have a name. */
START_TEST(test_restart_names)
{
	sample(&m, MESSAGE_RESTART_NEED, true);
	memset(m.restart_need.need, 0, NEED_SIZE);
	ck_assert_int_eq(judge(), -EBADMSG);
	m.restart_need.need[NEED_SIZE - 1] = 1;
	ck_assert_int_eq(judge(), 0);
	sample(&m, MESSAGE_ACTIVITY, true);
	memset(&m.activity.boot, 0, UUID_SIZE);
	ck_assert_int_eq(judge(), -EBADMSG);
	sample(&m, MESSAGE_RESTART_ANSWER, true);
	m.restart_answer.after_sec = RESTART_SEC_MAX + 1;
	ck_assert_int_eq(judge(), -EBADMSG);
}
END_TEST

/* Pieces of a driver lie within the whole. */
START_TEST(test_driver_data)
{
	static const uint8_t data[FRAME_DATA_MAX];
	static const struct {
		uint32_t total, offset, size;
		const uint8_t *data;
		bool ok;
	} rows[] = {
		{0, 0, 0, NULL, true},
		{0, 0, 1, data, false},
		{1, 0, 1, data, true},
		{1, 0, 0, data, false},
		{1, 0, 1, NULL, false},
		{1, 0, 2, data, false},
		{1, 1, 1, data, false},
		{2, 1, 1, data, true},
		{2, UINT32_MAX, 2, data, false},
		{DRIVER_PACKED_MAX, DRIVER_PACKED_MAX - 1, 1, data, true},
		{DRIVER_PACKED_MAX, 0, FRAME_DATA_MAX, data, true},
		{DRIVER_PACKED_MAX, 0, FRAME_DATA_MAX + 1, data, false},
		{DRIVER_PACKED_MAX + 1, 0, 1, data, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message_init(&m, MESSAGE_DRIVER_DATA);
		m.driver_data.total = rows[i].total;
		m.driver_data.offset = rows[i].offset;
		m.driver_data.data_size = rows[i].size;
		m.driver_data.data = rows[i].data;
		ck_assert_msg((judge() == 0) == rows[i].ok, "row %zu: %s", i, why);
	}
}
END_TEST

/* A printer that is rendered in the guest has a second driver and its filters, and may have a
 * package; no other has any of it. */
START_TEST(test_rendering)
{
	static const struct {
		uint32_t rendering, whole_size, package_size, restart;
		bool whole, package;
		const char *filters, *name;
		bool ok;
	} rows[] = {
		/* In the host: nothing more. */
		{RENDERING_HOST, 0, 0, 0, false, false, "", "", true},
		{RENDERING_HOST, 1, 0, 0, true, false, "f", "", false},
		{RENDERING_HOST, 0, 0, 0, false, false, "f", "", false},
		{RENDERING_HOST, 0, 1, 0, false, true, "", "p.deb", false},
		/* In the guest: all of the driver. */
		{RENDERING_GUEST, 1, 0, 0, true, false, "f,g", "", true},
		{RENDERING_GUEST, DRIVER_SIZE_MAX, 0, 0, true, false, "f", "", true},
		{RENDERING_GUEST, DRIVER_SIZE_MAX + 1, 0, 0, true, false, "f", "", false},
		{RENDERING_GUEST, 0, 0, 0, true, false, "f", "", false},
		{RENDERING_GUEST, 1, 0, 0, false, false, "f", "", false},
		{RENDERING_GUEST, 1, 0, 0, true, false, "", "", false},
		{RENDERING_GUEST, 1, 0, 0, true, false, "../f", "", false},
		{RENDERING_COUNT, 1, 0, 0, true, false, "f", "", false},
		/* And all of the package, or nothing. */
		{RENDERING_GUEST, 1, 1, LEVEL_WORKSPACE, true, true, "f", "p.deb", true},
		{RENDERING_GUEST, 1, PACKAGE_SIZE_MAX, 0, true, true, "f", "p.deb", true},
		{RENDERING_GUEST, 1, PACKAGE_SIZE_MAX + 1, 0, true, true, "f", "p.deb", false},
		{RENDERING_GUEST, 1, 1, LEVEL_COUNT, true, true, "f", "p.deb", false},
		{RENDERING_GUEST, 1, 1, 0, true, true, "f", "", false},
		{RENDERING_GUEST, 1, 1, 0, true, true, "f", "a/b", false},
		{RENDERING_GUEST, 1, 1, 0, true, false, "f", "p.deb", false},
		{RENDERING_GUEST, 1, 0, 0, true, true, "f", "", false},
		{RENDERING_GUEST, 1, 0, 0, true, false, "f", "p.deb", false},
		{RENDERING_GUEST, 1, 0, LEVEL_SPOOLER, true, false, "f", "", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sample(&m, MESSAGE_PRINTER, false);
		m.printer.rendering = rows[i].rendering;
		m.printer.whole_size = rows[i].whole_size;
		m.printer.package_size = rows[i].package_size;
		m.printer.restart = rows[i].restart;
		m.printer.whole[31] = rows[i].whole;
		m.printer.package[0] = rows[i].package;
		memcpy(m.printer.filters, rows[i].filters, strlen(rows[i].filters));
		memcpy(m.printer.package_name, rows[i].name, strlen(rows[i].name));
		ck_assert_msg((judge() == 0) == rows[i].ok, "row %zu: %s", i, why);
	}
}
END_TEST

/* Pieces of a package lie within the whole. */
START_TEST(test_package_data)
{
	static const uint8_t data[FRAME_DATA_MAX];
	static const struct {
		uint32_t total, offset, size;
		bool ok;
	} rows[] = {
		{0, 0, 0, true},
		{0, 1, 0, false},
		{1, 0, 1, true},
		{1, 0, 0, false},
		{1, 1, 1, false},
		{PACKAGE_SIZE_MAX, PACKAGE_SIZE_MAX - 1, 1, true},
		{PACKAGE_SIZE_MAX, 0, FRAME_DATA_MAX + 1, false},
		{PACKAGE_SIZE_MAX + 1, 0, 1, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message_init(&m, MESSAGE_PACKAGE_DATA);
		m.package_data.total = rows[i].total;
		m.package_data.offset = rows[i].offset;
		m.package_data.data_size = rows[i].size;
		m.package_data.data = data;
		ck_assert_msg((judge() == 0) == rows[i].ok, "row %zu: %s", i, why);
	}
}
END_TEST

/* Every refusal with its phase, and none without. */
START_TEST(test_job_state)
{
	for (uint32_t phase = 0; phase <= JOB_PHASE_COUNT; phase++) {
		for (uint32_t refusal = 0; refusal <= REFUSAL_COUNT; refusal++) {
			bool ok = phase == JOB_PHASE_REFUSED
					  ? refusal > REFUSAL_NONE && refusal < REFUSAL_COUNT
					  : phase >= JOB_PHASE_TRANSFER &&
						    phase < JOB_PHASE_COUNT &&
						    refusal == REFUSAL_NONE;

			sample(&m, MESSAGE_JOB_STATE, false);
			m.job_state.phase = phase;
			m.job_state.refusal = refusal;
			ck_assert_msg((judge() == 0) == ok, "phase %u refusal %u", phase, refusal);
		}
	}
	sample(&m, MESSAGE_JOB_STATE, false);
	m.job_state.phase = JOB_PHASE_ASK;
	m.job_state.ask = JOB_ASK_MAX;
	ck_assert_int_eq(judge(), 0);
	m.job_state.ask++;
	ck_assert_int_eq(judge(), -EBADMSG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("message");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_samples);
	tcase_add_test(tc, test_head);
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_strings);
	tcase_add_test(tc, test_options);
	tcase_add_test(tc, test_job_uuid);
	tcase_add_test(tc, test_restart_names);
	tcase_add_test(tc, test_driver_data);
	tcase_add_test(tc, test_rendering);
	tcase_add_test(tc, test_package_data);
	tcase_add_test(tc, test_job_state);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
