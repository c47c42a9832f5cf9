/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision about a restart, row by row: need × activity × policy × answers × time.
 *
 * The clock is a number in each row. The need was born at 1000; the limit is an hour, so it ends
 * at 4600 and is reminded of at 3700.
 */
#include <check.h>
#include <string.h>

#include "host/restart.h"

#define BORN  1000
#define LIMIT 3600
#define END   (BORN + LIMIT)
#define EVE   (END - RESTART_REMIND_SEC)

#define NOBODY ACTIVITY_NOBODY
#define IDLE   ACTIVITY_IDLE
#define APPS   ACTIVITY_APPLICATIONS

/* Every row: one need, connected, policy auto, born and limit as above, at 2000 unless said. */
static const struct {
	const char *what;
	struct restart_view v;
	enum restart_action action;
	int64_t again;
} rows[] = {
	/* Nobody, or nothing that could be lost: without a question. */
	{"nobody", {.activity = NOBODY}, RESTART_GO, 0},
	{"idle", {.activity = IDLE, .sessions = 1}, RESTART_GO, 0},
	{"no need, nobody", {.needs = 99, .activity = NOBODY}, RESTART_NOTHING, 0},
	/* Otherwise the person is asked, once. */
	{"applications", {.activity = APPS, .sessions = 1}, RESTART_QUESTION, END},
	{"asked", {.activity = APPS, .sessions = 1, .asked = true}, RESTART_WAIT, EVE},
	{"asked, then nobody", {.activity = NOBODY, .asked = true}, RESTART_GO, 0},
	{"asked, then idle", {.activity = IDLE, .sessions = 1, .asked = true}, RESTART_GO, 0},
	{"nobody could be asked", {.activity = APPS, .sessions = 1, .nobody_to_ask = true},
		RESTART_WAIT, END},
	{"only an inhibitor", {.activity = APPS}, RESTART_WAIT, END},
	/* The policy. */
	{"ask, nobody", {.policy = RESTART_ASK, .activity = NOBODY}, RESTART_GO, 0},
	{"ask, idle", {.policy = RESTART_ASK, .activity = IDLE, .sessions = 1}, RESTART_QUESTION,
		END},
	{"never, nobody", {.policy = RESTART_NEVER, .activity = NOBODY}, RESTART_WAIT, 0},
	{"never, after the limit", {.policy = RESTART_NEVER, .activity = APPS, .now = END},
		RESTART_WAIT, 0},
	{"never, ordered", {.policy = RESTART_NEVER, .activity = APPS, .order = ORDER_NOW},
		RESTART_GO, 0},
	{"never, ordered with a question",
		{.policy = RESTART_NEVER, .activity = APPS, .sessions = 1, .order = ORDER_ASK},
		RESTART_QUESTION, END},
	/* Orders, also without a need. */
	{"ordered, applications", {.activity = APPS, .sessions = 1, .order = ORDER_NOW}, RESTART_GO,
		0},
	{"ordered, no need", {.needs = 99, .activity = APPS, .order = ORDER_NOW}, RESTART_GO, 0},
	{"to be asked, no need", {.needs = 99, .activity = APPS, .sessions = 1, .order = ORDER_ASK},
		RESTART_QUESTION, END},
	{"called off", {.activity = NOBODY, .dismissed = true}, RESTART_WAIT, 0},
	{"called off, then ordered", {.activity = NOBODY, .dismissed = true, .order = ORDER_ASK},
		RESTART_GO, 0},
	/* Deferred by a person: as long as there is one. */
	{"later", {.activity = APPS, .sessions = 1, .hold = HOLD_PERSON, .until = 3000},
		RESTART_WAIT, 3000},
	{"later, idle", {.activity = IDLE, .sessions = 1, .hold = HOLD_PERSON, .until = 3000},
		RESTART_WAIT, 3000},
	{"later, nobody", {.activity = NOBODY, .hold = HOLD_PERSON, .until = 3000}, RESTART_GO, 0},
	{"later has come",
		{.activity = APPS, .sessions = 1, .hold = HOLD_PERSON, .until = 3000, .now = 3000},
		RESTART_QUESTION, EVE},
	{"later, beyond the limit",
		{.activity = APPS, .sessions = 1, .hold = HOLD_PERSON, .until = 9000}, RESTART_WAIT,
		EVE},
	{"session end", {.activity = APPS, .sessions = 1, .hold = HOLD_SESSION_END}, RESTART_WAIT,
		EVE},
	{"session end, idle", {.activity = IDLE, .sessions = 1, .hold = HOLD_SESSION_END},
		RESTART_WAIT, EVE},
	{"session end, nobody", {.activity = NOBODY, .hold = HOLD_SESSION_END}, RESTART_GO, 0},
	/* Deferred by an administrator: for everybody. */
	{"admin, nobody", {.activity = NOBODY, .hold = HOLD_ADMIN, .until = 3000}, RESTART_WAIT,
		3000},
	{"admin, come, nobody",
		{.activity = NOBODY, .hold = HOLD_ADMIN, .until = 3000, .now = 3000}, RESTART_GO,
		0},
	/* The limit, and the reminder before it. */
	{"before the eve",
		{.activity = APPS,
			.sessions = 1,
			.hold = HOLD_PERSON,
			.until = 9000,
			.now = EVE - 1},
		RESTART_WAIT, EVE},
	{"the eve",
		{.activity = APPS, .sessions = 1, .hold = HOLD_PERSON, .until = 9000, .now = EVE},
		RESTART_REMIND, END},
	{"the eve, asked", {.activity = APPS, .sessions = 1, .asked = true, .now = EVE},
		RESTART_REMIND, END},
	{"reminded",
		{.activity = APPS,
			.sessions = 1,
			.hold = HOLD_PERSON,
			.until = 9000,
			.reminded = true,
			.now = EVE},
		RESTART_WAIT, END},
	{"one before the limit",
		{.activity = APPS,
			.sessions = 1,
			.hold = HOLD_PERSON,
			.until = 9000,
			.reminded = true,
			.now = END - 1},
		RESTART_WAIT, END},
	{"the limit",
		{.activity = APPS, .sessions = 1, .hold = HOLD_PERSON, .until = 9000, .now = END},
		RESTART_GO, 0},
	{"the limit, inhibited", {.activity = APPS, .now = END}, RESTART_GO, 0},
	/* An installation is not cut off, whoever wants it; and its driver may need a restart too.
	 */
	{"installing, nobody", {.installing = true, .activity = NOBODY}, RESTART_WAIT, 0},
	{"installing, ordered", {.installing = true, .activity = APPS, .order = ORDER_NOW},
		RESTART_WAIT, 0},
	{"installing, the limit", {.installing = true, .activity = APPS, .now = END}, RESTART_WAIT,
		0},
	{"installing, no need", {.installing = true, .needs = 99, .activity = NOBODY},
		RESTART_NOTHING, 0},
	/* Not known is not nobody. */
	{"nothing heard yet", {.activity = 0}, RESTART_WAIT, 0},
	{"nothing heard, after the limit", {.activity = 0, .now = END}, RESTART_WAIT, 0},
	/* Never a loop. */
	{"just restarted", {.activity = NOBODY, .last = 1990}, RESTART_WAIT,
		1990 + RESTART_PAUSE_SEC},
	{"restarted a while ago", {.activity = NOBODY, .last = 2000 - RESTART_PAUSE_SEC},
		RESTART_GO, 0},
	{"just restarted, ordered", {.activity = NOBODY, .last = 1990, .order = ORDER_NOW},
		RESTART_GO, 0},
	{"just restarted, applications", {.activity = APPS, .sessions = 1, .last = 1990},
		RESTART_QUESTION, END},
};

START_TEST(test_decide)
{
	struct restart_view v = rows[_i].v;
	struct restart_decision d;

	v.needs = v.needs == 99 ? 0 : 1;
	v.policy = v.policy ? v.policy : RESTART_AUTO;
	v.connected = true;
	v.born = BORN;
	v.limit = LIMIT;
	v.now = v.now ? v.now : 2000;
	d = restart_decide(&v);
	ck_assert_msg(
		d.action == rows[_i].action, "%s: action %d (%s)", rows[_i].what, d.action, d.why);
	ck_assert_msg(
		d.again == rows[_i].again, "%s: again at %lld", rows[_i].what, (long long)d.again);
	ck_assert_ptr_nonnull(d.why);
}
END_TEST

/* Whatever is known: no restart by itself without an agent that says what runs, and with no limit
 * never over an application. */
START_TEST(test_invariants)
{
	for (uint32_t i = 0; i < 3u * 4 * 4 * 2 * 2 * 2; i++) {
		struct restart_view v = {.policy = 1 + i % 3,
			.activity = i / 3 % 4,
			.hold = (enum restart_hold)(i / 12 % 4),
			.asked = i / 48 % 2,
			.connected = i / 96 % 2,
			.needs = i / 192 % 2,
			.sessions = 1,
			.until = 3000,
			.born = BORN,
			.now = 2000};
		enum restart_action action = restart_decide(&v).action;

		if (!v.connected || !v.activity || v.policy == RESTART_NEVER || !v.needs ||
			v.activity == APPS)
			ck_assert_int_ne(action, RESTART_GO);
		if (!v.needs)
			ck_assert_int_eq(action, RESTART_NOTHING);
	}
}
END_TEST

START_TEST(test_policy_words)
{
	ck_assert_int_eq(restart_policy_parse("auto"), RESTART_AUTO);
	ck_assert_int_eq(restart_policy_parse("never"), RESTART_NEVER);
	ck_assert_int_eq(restart_policy_parse("unset"), RESTART_UNSET);
	ck_assert_int_eq(restart_policy_parse("Auto"), RESTART_UNSET);
	ck_assert_str_eq(restart_policy_name(RESTART_ASK), "ask");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restart");
	TCase *tc = tcase_create("restart");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_decide, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_invariants);
	tcase_add_test(tc, test_policy_words);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
