/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier session left behind never becomes part of the next one.
 *
 * An end dies after any number of bytes of what it wrote, and another takes its place on the same
 * transport; or it comes back and finds the rest of what the other side wrote meanwhile, beginning
 * anywhere. Each test walks every byte of a session's script. In the end there is one session, in
 * which exactly what was said in it arrives.
 */
#include "tests/unit/pair.h"

static struct end guest, host;

/* What is said in the old session: control messages, data, and in the data, as a document may
 * have them, a frame and every kind of token. Returns the number of bytes. */
static size_t script(struct end *end)
{
	bool is_guest = end == &guest;
	uint8_t trap[4 * TOKEN_SIZE + 64];
	size_t used = 0, size;
	struct message m;

	for (enum token_kind kind = TOKEN_SYNC; kind <= TOKEN_RESYNC; kind++) {
		struct token token = {.kind = kind, .guest = {1}, .host = {2}};

		token_write(trap + used, &token);
		used += TOKEN_SIZE;
	}
	message_init(&m, is_guest ? MESSAGE_HELLO : MESSAGE_WELCOME);
	m.hello.version_min = m.hello.version_max = 1;
	m.welcome.keepalive_msec = 1000;
	if (is_guest)
		m.hello.version_max = 1000;
	size = message_encode(&m, trap + used + FRAME_HEAD_SIZE);
	frame_head(trap + used, trap + used + FRAME_HEAD_SIZE, size);
	used += FRAME_HEAD_SIZE + size;
	if (is_guest) {
		ck_assert_int_eq(say(end, MESSAGE_JOB_OPEN), 0);
		ck_assert_int_eq(say_data(end, trap, used), 0);
		ck_assert_int_eq(say(end, MESSAGE_JOB_CLOSE), 0);
	} else {
		ck_assert_int_eq(say(end, MESSAGE_PRINTER), 0);
		message_init(&m, MESSAGE_DRIVER_DATA);
		m.driver_data.total = m.driver_data.data_size = (uint32_t)used;
		m.driver_data.data = trap;
		ck_assert_int_eq(link_send(end->link, &m), 0);
		ck_assert_int_eq(say(end, MESSAGE_PRINTER_GONE), 0);
	}
	return link_queued(end->link);
}

/* The two that are there now come to a session of their own and say one thing each. */
static void meet_anew(size_t at)
{
	converse(&guest, &host, ALL);
	ck_assert_msg(link_is_synced(guest.link) && link_is_synced(host.link),
		"cut at %zu: no session: %s / %s", at, guest.log, host.log);
	end_forget(&guest);
	end_forget(&host);
	ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
	converse(&guest, &host, ALL);
	ck_assert_int_eq(say(&host, MESSAGE_WELCOME), 0);
	converse(&guest, &host, ALL);
	ck_assert_msg(strcmp(host.log, "Hello") == 0, "cut at %zu: %s", at, host.log);
	ck_assert_msg(strcmp(guest.log, "Welcome") == 0, "cut at %zu: %s", at, guest.log);
	ck_assert_uint_eq(host.seen.hello.version_max, 1);
}

/* Whether a log is the start of what a session says, then LOST once, then SYNCED once. */
static bool is_prefix(const char *log, const char *said)
{
	const char *lost = strstr(log, "LOST SYNCED");

	return lost && strlen(lost) == strlen("LOST SYNCED") &&
	       strncmp(log, said, (size_t)(lost - log)) == 0;
}

/* A new agent on a new port of the same host: the guest's end is replaced. */
static void replace_guest(void)
{
	int host_side = host.far;

	end_close(&guest);
	end_open(&guest, LINK_GUEST, true);
	host.far = host_side;
}

/* The agent dies after any number of bytes; its successor's follow at once. */
START_TEST(test_agent_dies)
{
	size_t size = 1;

	for (size_t at = 0; at <= size; at++) {
		end_open(&guest, LINK_GUEST, true);
		end_open(&host, LINK_HOST, false);
		meet(&guest, &host);
		size = script(&guest);
		(void)end_step(&guest);
		ck_assert_uint_eq(carry(guest.far, host.far, at), at);
		replace_guest();
		converse(&guest, &host, ALL);
		ck_assert_msg(is_prefix(host.log, "JobOpen JobData JobClose "), "cut at %zu: %s",
			at, host.log);
		ck_assert_msg(strcmp(guest.log, "SYNCED") == 0, "cut at %zu: %s", at, guest.log);
		meet_anew(at);
		end_close(&guest);
		end_close(&host);
	}
}
END_TEST

/* The agent dies, and its successor finds the rest of what the host wrote for it: virtio-serial
 * keeps it while the port is closed. The beginning is missing, up to any byte. */
START_TEST(test_agent_comes_back)
{
	size_t size = 1;

	for (size_t at = 0; at <= size; at++) {
		end_open(&guest, LINK_GUEST, true);
		end_open(&host, LINK_HOST, false);
		meet(&guest, &host);
		size = script(&host);
		(void)end_step(&host);
		ck_assert_uint_eq(discard(host.far, at), at);
		replace_guest();
		converse(&guest, &host, ALL);
		ck_assert_msg(strcmp(guest.log, "SYNCED") == 0, "cut at %zu: %s", at, guest.log);
		ck_assert_msg(strcmp(host.log, "LOST SYNCED") == 0, "cut at %zu: %s", at, host.log);
		meet_anew(at);
		end_close(&guest);
		end_close(&host);
	}
}
END_TEST

/* The host dies in the middle of what it writes, and another is there before the guest notices:
 * the guest's port never said that nobody was there. What the guest wrote for the old one reaches
 * the new one. */
START_TEST(test_host_dies)
{
	size_t size = 1;

	for (size_t at = 0; at <= size; at++) {
		int guest_side;

		end_open(&guest, LINK_GUEST, true);
		end_open(&host, LINK_HOST, false);
		meet(&guest, &host);
		size = script(&host);
		(void)script(&guest);
		(void)end_step(&guest);
		(void)end_step(&host);
		ck_assert_uint_eq(carry(host.far, guest.far, at), at);
		guest_side = guest.far;
		(void)discard(guest_side, at < size / 2 ? at : at - size / 2);
		end_close(&host);
		end_open(&host, LINK_HOST, false);
		guest.far = guest_side;
		converse(&guest, &host, ALL);
		ck_assert_msg(is_prefix(guest.log, "Printer DriverData PrinterGone "),
			"cut at %zu: %s", at, guest.log);
		ck_assert_msg(strcmp(host.log, "SYNCED") == 0, "cut at %zu: %s", at, host.log);
		meet_anew(at);
		end_close(&guest);
		end_close(&host);
	}
}
END_TEST

/* The guest's port stays what it is, with another peer behind it: as a virtio-serial port does. */
static void replace_behind_port(void)
{
	int fds[2];

	guest.far = close_fd(guest.far);
	(void)end_step(&guest);
	(void)end_step(&guest);
	sockets(fds);
	ck_assert_int_ge(dup2(fds[0], link_fd(guest.link)), 0);
	(void)close_fd(fds[0]);
	guest.far = fds[1];
}

/* The same, and the guest does notice. While the host is away nothing happens, whatever the time;
 * when another comes, a session begins. */
START_TEST(test_host_goes_away)
{
	size_t size = 1;

	for (size_t at = 0; at <= size; at += 3) {
		end_open(&guest, LINK_GUEST, true);
		end_open(&host, LINK_HOST, false);
		meet(&guest, &host);
		size = script(&host);
		(void)end_step(&host);
		ck_assert_uint_eq(carry(host.far, guest.far, at), at);
		(void)say_data(&guest, "data", 4);
		(void)end_step(&guest);
		end_close(&host);
		guest.far = close_fd(guest.far);
		for (int i = 0; i < 5; i++) {
			guest.clock += 3600000 * MSEC;
			(void)end_step(&guest);
			ck_assert_int_eq(guest.result, 0);
		}
		ck_assert(!link_again(guest.link));
		ck_assert_uint_eq(link_deadline(guest.link), UINT64_MAX);
		ck_assert_ptr_nonnull(strstr(guest.log, "LOST"));
		ck_assert_ptr_nonnull(strstr(link_reason(guest.link), "away"));
		end_open(&host, LINK_HOST, false);
		replace_behind_port();
		end_forget(&guest);
		(void)end_step(&guest); /* it asks by itself, should the host's word be lost */
		ck_assert_uint_eq(discard(guest.far, ALL), FRAME_MAX + TOKEN_SIZE);
		(void)end_step(&guest);
		ck_assert_uint_eq(link_deadline(guest.link), guest.clock + SYNC_MSEC * MSEC);
		converse(&guest, &host, ALL);
		ck_assert_msg(strcmp(guest.log, "SYNCED") == 0, "cut at %zu: %s", at, guest.log);
		ck_assert_msg(strcmp(host.log, "SYNCED") == 0, "cut at %zu: %s", at, host.log);
		meet_anew(at);
		end_close(&guest);
		end_close(&host);
	}
}
END_TEST

/* The host's last word is heard although it closes at once behind it. */
START_TEST(test_last_word)
{
	end_open(&guest, LINK_GUEST, true);
	end_open(&host, LINK_HOST, false);
	meet(&guest, &host);
	link_close(host.link, BYE_OFF, "redirection is off");
	(void)end_step(&host);
	(void)carry(host.far, guest.far, ALL);
	guest.far = close_fd(guest.far);
	(void)end_step(&guest);
	ck_assert_str_eq(guest.log, "Bye LOST");
	ck_assert(link_again(guest.link));
	(void)end_step(&guest);
	ck_assert_int_eq(guest.result, 0);
	ck_assert_str_eq(guest.log, "Bye LOST");
	end_close(&host);
	end_close(&guest);
}
END_TEST

/* A document that looks like a session is none: a host that starts in the middle of it wants its
 * own nonce from whoever synchronises, and no document can know that. */
START_TEST(test_forged_session)
{
	struct token token = {.kind = TOKEN_SYNC, .guest = {7}};
	uint8_t forged[256];
	struct message m;
	size_t size;

	end_open(&guest, LINK_GUEST, true);
	end_open(&host, LINK_HOST, false);
	token_write(forged, &token);
	message_init(&m, MESSAGE_HELLO);
	m.hello.version_min = 1;
	m.hello.version_max = 1000;
	size = message_encode(&m, forged + TOKEN_SIZE + FRAME_HEAD_SIZE);
	frame_head(forged + TOKEN_SIZE, forged + TOKEN_SIZE + FRAME_HEAD_SIZE, size);
	size += TOKEN_SIZE + FRAME_HEAD_SIZE;
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(send(host.far, forged, size, 0), (ssize_t)size);
		(void)end_step(&host);
	}
	ck_assert_str_eq(host.log, "");
	ck_assert_uint_le(link_queued(host.link), LINK_QUEUE_MAX);
	meet(&guest, &host);
	ck_assert_uint_eq(host.seen.hello.version_max, 1);
	end_close(&host);
	end_close(&guest);
}
END_TEST

/* Stale padding and synchronisations of hosts and guests that are gone, one after another. */
START_TEST(test_many_restarts)
{
	end_open(&guest, LINK_GUEST, true);
	end_open(&host, LINK_HOST, false);
	for (size_t i = 0; i < 200; i++) {
		int guest_side = guest.far, host_side = host.far;

		(void)end_step(&guest);
		(void)end_step(&host);
		(void)carry(guest.far, host.far, i * 997 % 70000);
		(void)carry(host.far, guest.far, i * 1409 % 70000);
		if (i % 3 == 0) {
			end_close(&host);
			end_open(&host, LINK_HOST, false);
			guest.far = guest_side;
		} else if (i % 3 == 1) {
			end_close(&guest);
			end_open(&guest, LINK_GUEST, true);
			host.far = host_side;
		} else {
			end_forget(&guest);
			meet_anew(i);
			(void)script(&guest);
			(void)script(&host);
		}
	}
	end_close(&host);
	end_close(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link-stale");
	TCase *tc = tcase_create("stale");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, test_agent_dies);
	tcase_add_test(tc, test_agent_comes_back);
	tcase_add_test(tc, test_host_dies);
	tcase_add_test(tc, test_host_goes_away);
	tcase_add_test(tc, test_last_word);
	tcase_add_test(tc, test_forged_session);
	tcase_add_test(tc, test_many_restarts);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
