/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of needs: counted once, met once, and found out to be unmet once.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/course.h"
#include "host/restart-state.h"
#include "host/restart.h"

static struct restart_state state;

static enum restart_news say(
	uint8_t name, uint32_t level, uint32_t what, const char *reason, int64_t now)
{
	struct message m;

	message_init(&m, MESSAGE_RESTART_NEED);
	memset(m.restart_need.need, name, NEED_SIZE);
	m.restart_need.level = level;
	m.restart_need.state = what;
	strcpy(m.restart_need.reason, reason);
	return restart_state_need(&state, &m.restart_need, now);
}

static void setup(void)
{
	memset(&state, 0, sizeof(state));
}

START_TEST(test_needs_add_up)
{
	char text[MESSAGE_SIZE];

	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 100), NEWS_OPEN);
	ck_assert_int_eq(say(2, LEVEL_SPOOLER, NEED_OPEN, "s", 150), NEWS_OPEN);
	ck_assert_int_eq(say(3, LEVEL_WORKSPACE, NEED_OPEN, "b", 200), NEWS_OPEN);
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 300), NEWS_NONE);
	ck_assert_uint_eq(restart_state_open(&state), 2);
	ck_assert_int_eq(state.born, 100); /* the limit is the oldest's */
	ck_assert_str_eq(restart_state_reasons(&state, text), "a; b");
	/* One that nobody has heard of is met already. */
	ck_assert_int_eq(say(9, LEVEL_WORKSPACE, NEED_MET, "", 300), NEWS_NONE);
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_MET, "a", 300), NEWS_MET);
	ck_assert_str_eq(restart_state_reasons(&state, text), "b");
}
END_TEST

START_TEST(test_not_met_is_said_once)
{
	(void)say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 100);
	restart_state_down(&state);
	(void)say(2, LEVEL_WORKSPACE, NEED_OPEN, "b", 200); /* during it: it may need another */
	restart_state_back(&state);
	ck_assert_str_eq(restart_state_unmet(&state)->reason, "a");
	ck_assert_uint_eq(restart_state_open(&state), 1);
	/* Told again it is still not met, and needs no other restart; with another reason it does.
	 */
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 300), NEWS_NONE);
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_UNMET, "a", 300), NEWS_NONE);
	ck_assert_uint_eq(restart_state_open(&state), 1);
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_OPEN, "a, newer", 400), NEWS_OPEN);
	ck_assert_uint_eq(restart_state_open(&state), 2);
	ck_assert_ptr_null(restart_state_unmet(&state));
	/* The guest's own finding. */
	ck_assert_int_eq(say(2, LEVEL_WORKSPACE, NEED_UNMET, "b", 500), NEWS_UNMET);
	ck_assert_int_eq(say(2, LEVEL_WORKSPACE, NEED_MET, "b", 600), NEWS_MET);
	ck_assert_ptr_null(restart_state_unmet(&state));
}
END_TEST

START_TEST(test_what_holds_it_back)
{
	(void)say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 100);
	state.hold = HOLD_PERSON;
	state.until = 5000;
	state.dismissed = state.reminded = 1;
	strcpy(state.who, "anna");
	/* A new need is for one that was called off; a deferral holds for it, too. */
	(void)say(2, LEVEL_WORKSPACE, NEED_OPEN, "b", 200);
	ck_assert(!state.dismissed && state.hold == HOLD_PERSON && state.born == 100);
	/* With the last need all goes: the next begins anew. */
	(void)say(1, LEVEL_WORKSPACE, NEED_MET, "a", 300);
	ck_assert_uint_eq(state.hold, HOLD_PERSON);
	(void)say(2, LEVEL_WORKSPACE, NEED_MET, "b", 300);
	ck_assert(state.hold == HOLD_NONE && !state.until && !state.reminded && !state.who[0]);
	(void)say(3, LEVEL_WORKSPACE, NEED_OPEN, "c", 900);
	ck_assert_int_eq(state.born, 900);
}
END_TEST

START_TEST(test_bounded)
{
	char reason[MESSAGE_SIZE], text[MESSAGE_SIZE];

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (uint32_t i = 0; i < RESTART_NEEDS_MAX; i++)
		ck_assert_int_eq(
			say((uint8_t)(i + 1), LEVEL_WORKSPACE, NEED_OPEN, reason, 1), NEWS_OPEN);
	ck_assert_int_eq(say(200, LEVEL_WORKSPACE, NEED_OPEN, "one more", 1), NEWS_NONE);
	ck_assert_uint_eq(state.need_count, RESTART_NEEDS_MAX);
	ck_assert_uint_lt(strlen(restart_state_reasons(&state, text)), MESSAGE_SIZE);
	ck_assert_int_eq(say(1, LEVEL_WORKSPACE, NEED_MET, reason, 1), NEWS_MET);
	ck_assert_int_eq(say(200, LEVEL_WORKSPACE, NEED_OPEN, "one more", 1), NEWS_OPEN);
}
END_TEST

START_TEST(test_ledger)
{
	char dir[] = "/tmp/platen-state-XXXXXX", path[64], command[64];
	struct uuid workspace = {.bytes = {1}};
	struct restart_state is;
	bool damaged;
	struct ledger *ledger;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger", dir);
	ck_assert_int_eq(ledger_open(path, &damaged, &ledger), 0);
	memset(&is, 0xFF, sizeof(is));
	restart_state_load(&is, ledger, &workspace); /* nothing was kept */
	ck_assert_mem_eq(&is, &state, sizeof(is));
	(void)say(1, LEVEL_WORKSPACE, NEED_OPEN, "a", 100);
	state.phase = PHASE_DOWN;
	ck_assert_int_eq(restart_state_keep(&state, ledger, &workspace), 0);
	restart_state_load(&is, ledger, &workspace);
	ck_assert_mem_eq(&is, &state, sizeof(is));
	/* One that was draining is decided anew; what makes no sense was not kept by us. */
	state.phase = PHASE_DRAIN;
	ck_assert_int_eq(restart_state_keep(&state, ledger, &workspace), 0);
	restart_state_load(&is, ledger, &workspace);
	ck_assert(is.phase == PHASE_REST && is.need_count == 1);
	state.need_count = RESTART_NEEDS_MAX + 1;
	ck_assert_int_eq(restart_state_keep(&state, ledger, &workspace), 0);
	restart_state_load(&is, ledger, &workspace);
	ck_assert_uint_eq(is.need_count, 0);
	(void)ledger_close(ledger);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restart-state");
	TCase *tc = tcase_create("restart-state");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_needs_add_up);
	tcase_add_test(tc, test_not_met_is_said_once);
	tcase_add_test(tc, test_what_holds_it_back);
	tcase_add_test(tc, test_bounded);
	tcase_add_test(tc, test_ledger);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
