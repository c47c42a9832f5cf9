/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a link does when time passes: it asks again, looks whether its peer is alive, and gives up
 * one that is silent or does not greet. The time is counted by the test, which never waits.
 */
#include "tests/unit/pair.h"

static struct end guest, host;

static void setup(void)
{
	end_open(&guest, LINK_GUEST, false);
	end_open(&host, LINK_HOST, false);
}

static void teardown(void)
{
	end_close(&guest);
	end_close(&host);
}

static void tick(struct end *end, uint64_t msec)
{
	end->clock += msec * MSEC;
	(void)end_step(end);
}

/* A guest asks again every SYNC_MSEC as long as nobody answers, and stays within its queue. */
START_TEST(test_asks_again)
{
	size_t asked = 0;

	for (int i = 0; i < 20; i++) {
		(void)end_step(&guest);
		asked += discard(guest.far, ALL);
		(void)end_step(&guest);
		if (link_queued(guest.link) == 0) {
			ck_assert_uint_le(
				link_deadline(guest.link), guest.clock + SYNC_MSEC * MSEC);
			guest.clock = link_deadline(guest.link);
		}
	}
	ck_assert_uint_ge(asked, 5 * (FRAME_MAX + TOKEN_SIZE));
	for (int i = 0; i < 100; i++) /* nobody reads: it does not heap up */
		tick(&guest, SYNC_MSEC);
	ck_assert_uint_le(link_queued(guest.link), 2 * (FRAME_MAX + TOKEN_SIZE));
	(void)discard(guest.far, ALL);
	converse(&guest, &host, ALL);
	tick(&guest, SYNC_MSEC);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "SYNCED");
}
END_TEST

/* Keep-alive: silence brings a ping, an answer to it ends the matter, none ends the session. A
 * host's loss is told to the guest, which may only have been paused. */
START_TEST(test_keepalive)
{
	meet(&guest, &host);
	link_keepalive(host.link, 100);
	ck_assert_uint_eq(link_deadline(host.link), host.clock + 100 * MSEC);
	tick(&host, 99);
	ck_assert_uint_eq(link_queued(host.link) + carry(host.far, guest.far, ALL), 0);
	tick(&host, 1);
	ck_assert_uint_eq(link_deadline(host.link), host.clock + KEEPALIVE_DEAD_MSEC * MSEC);
	converse(&guest, &host, ALL);
	ck_assert_uint_eq(link_deadline(host.link), host.clock + 100 * MSEC);
	ck_assert_str_eq(host.log, "");
	ck_assert_str_eq(guest.log, "");

	host.clock += 100 * MSEC;
	ck_assert(!end_step(&host));
	tick(&host, KEEPALIVE_DEAD_MSEC - 1);
	ck_assert_str_eq(host.log, "");
	tick(&host, 1);
	ck_assert_str_eq(host.log, "LOST");
	ck_assert_ptr_nonnull(strstr(link_reason(host.link), "silent"));
	ck_assert_uint_eq(link_deadline(host.link), UINT64_MAX);
	converse(&guest, &host, ALL); /* the guest goes on: it hears that it was given up */
	ck_assert_str_eq(guest.log, "LOST SYNCED");
	ck_assert_str_eq(host.log, "LOST SYNCED");
}
END_TEST

/* An answer that the link gives by itself is due at once: no event of the descriptor will tell an
 * owner who waits edge-triggered. What the descriptor does not take waits for it. */
START_TEST(test_due)
{
	meet(&guest, &host);
	ck_assert_int_eq(say(&guest, MESSAGE_PING), 0);
	ck_assert(link_again(guest.link));
	ck_assert_uint_le(link_deadline(guest.link), guest.clock);
	(void)end_step(&guest);
	ck_assert(!link_again(guest.link));
	(void)carry(guest.far, host.far, ALL);
	(void)end_step(&host);
	ck_assert(link_again(host.link));
	ck_assert_uint_le(link_deadline(host.link), host.clock);
	(void)end_step(&host);
	ck_assert(!link_again(host.link));
	ck_assert_uint_gt(carry(host.far, guest.far, ALL), 0);
	while (say(&host, MESSAGE_JOB_STATE) == 0)
		(void)end_step(&host);
	ck_assert(!link_again(host.link));
	ck_assert_uint_gt(link_deadline(host.link), host.clock);
}
END_TEST

/* The guest notices a dead host too, half an interval later, and then asks again and again. A
 * clock that jumps far ahead does not take the time away that an answer has. */
START_TEST(test_keepalive_guest)
{
	meet(&guest, &host);
	link_keepalive(guest.link, 1000);
	ck_assert_uint_eq(link_deadline(guest.link), guest.clock + 1500 * MSEC);
	tick(&guest, 100000);
	ck_assert_str_eq(guest.log, "");
	ck_assert_uint_eq(link_deadline(guest.link), guest.clock + KEEPALIVE_DEAD_MSEC * MSEC);
	(void)carry(guest.far, host.far, ALL);
	tick(&guest, KEEPALIVE_DEAD_MSEC);
	ck_assert_str_eq(guest.log, "LOST");
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "LOST SYNCED");
	ck_assert_str_eq(host.log, "LOST SYNCED");
}
END_TEST

/* A peer that synchronises and then does not greet is given up, on either side. */
START_TEST(test_no_greeting)
{
	converse(&guest, &host, ALL);
	end_forget(&guest);
	end_forget(&host);
	if (_i == 0) {
		tick(&host, HELLO_MSEC);
		ck_assert_str_eq(host.log, "LOST");
		ck_assert_ptr_nonnull(strstr(link_reason(host.link), "greeting"));
	} else {
		ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
		tick(&guest, HELLO_MSEC);
		ck_assert_str_eq(guest.log, "LOST");
	}
	converse(&guest, &host, ALL);
	ck_assert(link_is_synced(guest.link) && link_is_synced(host.link));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link-time");
	TCase *tc = tcase_create("link-time");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_asks_again);
	tcase_add_test(tc, test_keepalive);
	tcase_add_test(tc, test_due);
	tcase_add_test(tc, test_keepalive_guest);
	tcase_add_loop_test(tc, test_no_greeting, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
