/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message's passage to and from protobuf (message-encode.c, message-decode.c).
 *
 * Each, as small and as large as it can be, comes back as it was; what no message of ours is, cut,
 * too large, of unknown fields or of noise, is refused or ignored as PROTOCOL.md says. What the
 * fields themselves may be, test-message.c has.
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
	Suite *suite = suite_create("message-wire");
	TCase *tc = tcase_create("message-wire");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
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
