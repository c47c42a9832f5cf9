/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message may be, field by field, and its passage to and from protobuf.
 *
 * Every number is tried at its limit and one beyond, every enum at both edges, every string with
 * what no string may have. Then the wire: each message as small and as large as it can be comes
 * back as it was, and what no message of ours is, is refused.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/sample.h"

static struct message m, back;
static char why[128];
static uint8_t buf[FRAME_PAYLOAD_MAX + 16];

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

/* Whether `back` is `m`, data included. */
static bool came_back(void)
{
	const uint8_t *was = NULL, *is = NULL;
	uint32_t size = 0;

	if (m.head.type == MESSAGE_JOB_DATA) {
		was = m.job_data.data;
		is = back.job_data.data;
		size = m.job_data.data_size;
		back.job_data.data = was;
	} else if (m.head.type == MESSAGE_DRIVER_DATA) {
		was = m.driver_data.data;
		is = back.driver_data.data;
		size = m.driver_data.data_size;
		back.driver_data.data = was;
	} else if (m.head.type == MESSAGE_PACKAGE_DATA) {
		was = m.package_data.data;
		is = back.package_data.data;
		size = m.package_data.data_size;
		back.package_data.data = was;
	}
	return memcmp(&m, &back, m.head.size) == 0 && (size == 0 || memcmp(was, is, size) == 0);
}

/* Each message comes back as it was, and at every byte that is missing something is refused or
 * another valid message comes, but nothing breaks. */
START_TEST(test_round_trip)
{
	for (uint32_t type = 1; type < MESSAGE_TYPE_COUNT; type++) {
		for (int largest = 0; largest < 2; largest++) {
			size_t size;

			sample(&m, type, largest);
			memset(&back, 0xEE, sizeof(back));
			size = message_encode(&m, buf);
			ck_assert_uint_le(size, FRAME_PAYLOAD_MAX);
			ck_assert_msg(message_decode(buf, size, &back, why) == 0, "%s: %s",
				message_name(type), why);
			ck_assert_msg(came_back(), "%s is not what it was", message_name(type));
			for (size_t cut = size > 2000 ? size - 2000 : 0; cut < size; cut++) {
				uint8_t *exact = malloc(cut ? cut : 1);

				memcpy(exact, buf, cut);
				(void)message_decode(exact, cut, &back, why);
				free(exact);
			}
		}
	}
}
END_TEST

/* A packed message, written by hand. */
static size_t used;

static void varint(uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf[used++] = (uint8_t)(v | 128);
	buf[used++] = (uint8_t)v;
}

static void number(uint32_t field, uint64_t v)
{
	varint(field << 3);
	varint(v);
}

static void bytes(uint32_t field, const void *data, size_t size)
{
	varint(field << 3 | 2);
	varint(size);
	if (size)
		memcpy(buf + used, data, size);
	used += size;
}

/* Makes what was written since `start` the body of that number. */
static void wrap(uint32_t field, size_t start)
{
	static uint8_t body[sizeof(buf)];
	size_t size = used - start;

	memcpy(body, buf + start, size);
	used = start;
	bytes(field, body, size);
}

static int decode(void)
{
	memset(why, 0, sizeof(why));
	return message_decode(buf, used, &back, why);
}

/* Unknown fields are ignored wherever they stand: a later version may add some. An unknown message
 * is not, and neither is none. */
START_TEST(test_unknown)
{
	used = 0;
	number(1, 5);
	number(99, 1);
	bytes(100, "later", 5);
	wrap(MESSAGE_PING, 0);
	ck_assert_int_eq(decode(), 0);
	bytes(99, "later", 5);
	number(500, UINT64_MAX);
	ck_assert_int_eq(decode(), 0);
	ck_assert_uint_eq(back.head.type, MESSAGE_PING);
	ck_assert_uint_eq(back.ping.serial, 5);

	used = 0;
	bytes(MESSAGE_TYPE_COUNT, "", 0);
	ck_assert_int_eq(decode(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "unknown type"));
	used = 0;
	ck_assert_int_eq(decode(), -EBADMSG);
	used = 0;
	number(500, 1);
	ck_assert_int_eq(decode(), -EBADMSG);
}
END_TEST

/* Of two messages in one envelope the last counts, as protobuf says; nothing of the first stays. */
START_TEST(test_two_bodies)
{
	used = 0;
	number(1, 9);
	wrap(MESSAGE_PING, 0);
	bytes(MESSAGE_OFFER_END, "", 0);
	ck_assert_int_eq(decode(), 0);
	ck_assert_uint_eq(back.head.type, MESSAGE_OFFER_END);
}
END_TEST

/* A string is not cut at a NUL: of two names one would become. Neither is one that is too long. */
START_TEST(test_string_on_wire)
{
	static const struct {
		size_t size;
		const char *text;
		bool ok;
	} rows[] = {
		{5, "agent", true},
		{0, "", true},
		{6, "agent", false}, /* its NUL is sent too */
		{7, "ag\0ent", false},
		{1, "", false},
		{VERSION_SIZE - 1, NULL, true},
		{VERSION_SIZE, NULL, false},
		{FRAME_DATA_MAX, NULL, false},
	};
	static char full[FRAME_DATA_MAX];

	memset(full, 'x', sizeof(full));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		used = 0;
		number(1, 1);
		number(2, 1);
		bytes(3, rows[i].text ? rows[i].text : full, rows[i].size);
		wrap(MESSAGE_HELLO, 0);
		ck_assert_msg((decode() == 0) == rows[i].ok, "row %zu: %s", i, why);
	}
}
END_TEST

/* A field of fixed bytes has them all, or none where it may. */
START_TEST(test_bytes_on_wire)
{
	static const uint8_t some[FRAME_DATA_MAX + 1] = {1};
	static const struct {
		uint32_t type, field;
		size_t size;
		bool ok;
	} rows[] = {
		{MESSAGE_HELLO, 4, 0, true}, /* machine: may be missing */
		{MESSAGE_HELLO, 4, 15, false},
		{MESSAGE_HELLO, 4, 16, true},
		{MESSAGE_HELLO, 4, 17, false},
		{MESSAGE_HELLO, 5, 0, true}, /* offer */
		{MESSAGE_HELLO, 5, 31, false},
		{MESSAGE_HELLO, 5, 32, true},
		{MESSAGE_HELLO, 5, 33, false},
		{MESSAGE_WELCOME, 5, 0, true}, /* identity: may be missing */
		{MESSAGE_WELCOME, 5, 15, false},
		{MESSAGE_WELCOME, 5, 16, true},
		{MESSAGE_WELCOME, 5, 17, false},
		{MESSAGE_WELCOME, 6, 0, true}, /* ledger: likewise */
		{MESSAGE_WELCOME, 6, 15, false},
		{MESSAGE_WELCOME, 6, 16, true},
		{MESSAGE_WELCOME, 6, 17, false},
		{MESSAGE_DRIVER_GET, 1, 0, false}, /* driver: may not */
		{MESSAGE_DRIVER_GET, 1, 31, false},
		{MESSAGE_DRIVER_GET, 1, 32, true},
		{MESSAGE_DRIVER_GET, 1, 33, false},
		{MESSAGE_JOB_SEAL, 3, 0, false}, /* digest: may not */
		{MESSAGE_JOB_SEAL, 3, 15, false},
		{MESSAGE_JOB_SEAL, 3, 16, true},
		{MESSAGE_JOB_SEAL, 3, 17, false},
		{MESSAGE_JOB_DATA, 3, 0, false},
		{MESSAGE_JOB_DATA, 3, 1, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		used = 0;
		if (rows[i].type == MESSAGE_HELLO || rows[i].type == MESSAGE_WELCOME) {
			number(1, 1);
			number(2, rows[i].type == MESSAGE_HELLO ? 1 : 1000);
		}
		bytes(rows[i].field, some, rows[i].size);
		wrap(rows[i].type, 0);
		ck_assert_msg((decode() == 0) == rows[i].ok, "row %zu: %s", i, why);
	}
	used = 0;
	bytes(3, some, sizeof(some));
	wrap(MESSAGE_JOB_DATA, 0);
	ck_assert_int_eq(decode(), -EBADMSG);
}
END_TEST

/* A JobOpen with so many options. */
static int options_of(size_t count, size_t value_size)
{
	static const uint8_t uuid[UUID_SIZE] = {1};
	static char value[JOB_OPTIONS_BYTES + 1];

	memset(value, 'v', sizeof(value));
	used = 0;
	bytes(3, uuid, sizeof(uuid));
	number(4, 1);
	number(5, 1);
	bytes(10, "text/plain", 10);
	for (size_t i = 0; i < count; i++) {
		size_t start = used;

		bytes(1, "o", 1);
		bytes(2, value, value_size);
		wrap(11, start);
	}
	wrap(MESSAGE_JOB_OPEN, 0);
	return decode();
}

/* Options: as many as there may be, and as large; more are refused, and very many, which would
 * unpack to far more memory than they are long, meet the budget. */
START_TEST(test_options_on_wire)
{
	ck_assert_int_eq(options_of(0, 0), 0);
	ck_assert_int_eq(options_of(JOB_OPTIONS_MAX, 0), 0);
	ck_assert_int_eq(options_of(JOB_OPTIONS_MAX + 1, 0), -EBADMSG);
	ck_assert_int_eq(options_of(1, JOB_OPTIONS_BYTES - 3), 0);
	ck_assert_uint_eq(back.job_open.options_size, JOB_OPTIONS_BYTES);
	ck_assert_int_eq(options_of(1, JOB_OPTIONS_BYTES - 2), -EBADMSG);
	ck_assert_int_eq(options_of(JOB_OPTIONS_MAX, JOB_OPTIONS_BYTES / JOB_OPTIONS_MAX - 3), 0);
	ck_assert_int_eq(
		options_of(JOB_OPTIONS_MAX, JOB_OPTIONS_BYTES / JOB_OPTIONS_MAX - 2), -EBADMSG);
	ck_assert_int_eq(options_of(9000, 0), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "too large"));

	used = 0; /* the smallest repeated thing there is */
	for (int i = 0; i < 33000; i++)
		bytes(11, "", 0);
	wrap(MESSAGE_JOB_OPEN, 0);
	ck_assert_int_eq(decode(), -EBADMSG);
	used = 0; /* unknown fields take memory too */
	for (int i = 0; i < 33000; i++)
		number(15, 0);
	wrap(MESSAGE_PING, 0);
	ck_assert_int_eq(decode(), -EBADMSG);
	ck_assert_int_eq(options_of(JOB_OPTIONS_MAX, 0), 0); /* and it is free again */
}
END_TEST

/* Nothing that is not in the schema breaks anything: noise, and noise behind a good beginning. */
START_TEST(test_garbage)
{
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t size = (size_t)rand() % 300, keep = 0;

		if (i % 2) {
			sample(&m, 1 + (uint32_t)rand() % (MESSAGE_TYPE_COUNT - 1), false);
			keep = message_encode(&m, buf);
			size = keep + size % 20;
		}
		for (size_t at = i % 2 ? (size_t)rand() % keep : 0; at < size; at++)
			buf[at] = (uint8_t)rand();
		used = size;
		if (decode() == 0)
			ck_assert_int_eq(message_check(&back, back.head.size, why), 0);
		else
			ck_assert_uint_gt(strlen(why), 0);
	}
	ck_assert_int_eq(message_decode(buf, FRAME_PAYLOAD_MAX + 1, &back, why), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "66561"));
}
END_TEST

/* What we would not take we do not send. */
START_TEST(test_never_sent)
{
	sample(&m, MESSAGE_PRINTER, true);
	m.printer.name[0] = '/';
	(void)message_encode(&m, buf);
}
END_TEST

START_TEST(test_no_such_type)
{
	message_init(&m, MESSAGE_TYPE_COUNT);
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
	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_unknown);
	tcase_add_test(tc, test_two_bodies);
	tcase_add_test(tc, test_string_on_wire);
	tcase_add_test(tc, test_bytes_on_wire);
	tcase_add_test(tc, test_options_on_wire);
	tcase_add_test(tc, test_garbage);
	tcase_add_test_raise_signal(tc, test_never_sent, SIGABRT);
	tcase_add_test_raise_signal(tc, test_no_such_type, SIGABRT);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
