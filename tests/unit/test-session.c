/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every cell of state × message × sender, against a table of its own.
 *
 * The table below is written from PROTOCOL.md and in another form than session.c's: a line per
 * state and sender, naming what may come. What it does not name must be refused and change nothing.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/session.h"

static const struct {
	enum session_state state;
	enum session_sender sender;
	const char *may; /* names of messages */
} lines[] = {
	{SESSION_SYNCED, SESSION_GUEST, "Hello Bye Ping Pong"},
	{SESSION_SYNCED, SESSION_HOST, "Bye Ping Pong"},
	{SESSION_GREETED, SESSION_GUEST, "Bye Ping Pong"},
	{SESSION_GREETED, SESSION_HOST, "Welcome Bye Ping Pong"},
	{SESSION_OPEN, SESSION_GUEST,
		"Bye Ping Pong PrinterReport DriverGet JobOpen JobData JobSeal JobCancel JobClose "
		"GuestStatus RestartNeed Activity RestartAnswer PackageGet"},
	{SESSION_OPEN, SESSION_HOST,
		"Bye Ping Pong OfferBegin Printer PrinterGone OfferEnd PrinterState DriverData "
		"JobAccept JobCredit JobState ActivityGet RestartAsk RestartAskEnd "
		"PackageData JobRelease"},
	{SESSION_OVER, SESSION_GUEST, "Bye Ping Pong"},
	{SESSION_OVER, SESSION_HOST, "Bye Ping Pong"},
};

static bool named(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

static const char *line_of(enum session_state state, enum session_sender sender)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i].state == state && lines[i].sender == sender)
			return lines[i].may;
	ck_abort_msg("no line for a state");
	return NULL;
}

static enum session_state state_after(enum session_state state, uint32_t type)
{
	switch (type) {
	case MESSAGE_HELLO: return SESSION_GREETED;
	case MESSAGE_WELCOME: return SESSION_OPEN;
	case MESSAGE_BYE: return SESSION_OVER;
	default: return state;
	}
}

/* Every cell, within an offer and outside of one: an offer begins once and ends once. */
START_TEST(test_every_cell)
{
	int cells = 0;

	for (int state = 0; state < SESSION_STATE_COUNT; state++) {
		for (int sender = 0; sender < SESSION_SENDER_COUNT; sender++) {
			for (uint32_t type = 0; type <= MESSAGE_TYPE_COUNT; type++) {
				for (int offering = 0; offering < 2; offering++) {
					struct session session = {
						.state = (enum session_state)state,
						.offering = offering,
					};
					bool may = named(
						line_of(session.state, sender), message_name(type));
					int r;

					if (type == MESSAGE_OFFER_BEGIN)
						may &= !offering;
					if (type == MESSAGE_OFFER_END)
						may &= offering;
					r = session_pass(&session, sender, type);
					ck_assert_msg(r == (may ? 0 : -EPROTO),
						"%s by %d in %s: %d", message_name(type), sender,
						session_state_name(state), r);
					ck_assert_int_eq(
						session.state, may ? state_after(state, type)
								   : (enum session_state)state);
					ck_assert_int_eq(session.offering,
						may && type == MESSAGE_OFFER_BEGIN ? true
						: may && type == MESSAGE_OFFER_END ? false
										   : offering);
					cells++;
				}
			}
		}
	}
	ck_assert_int_eq(
		cells, SESSION_STATE_COUNT * SESSION_SENDER_COUNT * 2 * (MESSAGE_TYPE_COUNT + 1));
}
END_TEST

/* Types far beyond the last, which a platen-channel that was taken over might pass on. */
START_TEST(test_wild_types)
{
	static const uint32_t types[] = {MESSAGE_TYPE_COUNT + 1, 1000, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct session session;

		session_init(&session);
		ck_assert_int_eq(session_pass(&session, SESSION_GUEST, types[i]), -EPROTO);
		ck_assert_int_eq(session.state, SESSION_SYNCED);
	}
	ck_assert_str_eq(session_state_name(SESSION_STATE_COUNT), "?");
}
END_TEST

/* A message that a version does not have is none in it; who named no version has the newest. */
START_TEST(test_versions)
{
	for (uint32_t version = 0; version <= PROTOCOL_VERSION_MAX; version++) {
		struct session session = {.state = SESSION_OPEN, .version = version};

		ck_assert_int_eq(session_pass(&session, SESSION_HOST, MESSAGE_JOB_RELEASE),
			version == 1 ? -EPROTO : 0);
		ck_assert_int_eq(session_pass(&session, SESSION_HOST, MESSAGE_JOB_STATE), 0);
	}
}
END_TEST

/* A whole session, from nothing to its end. */
START_TEST(test_walk)
{
	static const struct {
		enum session_sender sender;
		uint32_t type;
		const char *state;
	} steps[] = {
		{SESSION_GUEST, MESSAGE_HELLO, "GREETED"},
		{SESSION_HOST, MESSAGE_WELCOME, "OPEN"},
		{SESSION_HOST, MESSAGE_OFFER_BEGIN, "OPEN"},
		{SESSION_HOST, MESSAGE_PRINTER, "OPEN"},
		{SESSION_GUEST, MESSAGE_GUEST_STATUS, "OPEN"},
		{SESSION_HOST, MESSAGE_OFFER_END, "OPEN"},
		{SESSION_HOST, MESSAGE_OFFER_BEGIN, "OPEN"},
		{SESSION_HOST, MESSAGE_OFFER_END, "OPEN"},
		{SESSION_GUEST, MESSAGE_DRIVER_GET, "OPEN"},
		{SESSION_HOST, MESSAGE_DRIVER_DATA, "OPEN"},
		{SESSION_GUEST, MESSAGE_JOB_OPEN, "OPEN"},
		{SESSION_HOST, MESSAGE_JOB_ACCEPT, "OPEN"},
		{SESSION_GUEST, MESSAGE_JOB_DATA, "OPEN"},
		{SESSION_HOST, MESSAGE_PRINTER_GONE, "OPEN"},
		{SESSION_GUEST, MESSAGE_JOB_SEAL, "OPEN"},
		{SESSION_HOST, MESSAGE_JOB_STATE, "OPEN"},
		{SESSION_GUEST, MESSAGE_JOB_CLOSE, "OPEN"},
		{SESSION_HOST, MESSAGE_BYE, "OVER"},
	};
	struct session session;

	session_init(&session);
	ck_assert_str_eq(session_state_name(session.state), "SYNCED");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ck_assert_int_eq(session_pass(&session, steps[i].sender, steps[i].type), 0);
		ck_assert_str_eq(session_state_name(session.state), steps[i].state);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tc = tcase_create("session");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_every_cell);
	tcase_add_test(tc, test_wild_types);
	tcase_add_test(tc, test_versions);
	tcase_add_test(tc, test_walk);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
