/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link on socketpairs: how a session begins, goes on and ends, with the bytes carried by the
 * test. Stale bytes (test-link-stale.c) and time (test-link-time.c) have tests of their own.
 */
#include <poll.h>
#include <sys/un.h>

#include "proto/outbox.h"
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

/* Both ends start at the same time, or one before the other: one session, and nothing else. */
START_TEST(test_start)
{
	if (_i == 1) {
		(void)end_step(&guest);
		(void)carry(guest.far, host.far, ALL);
		(void)end_step(&guest);
	}
	if (_i == 2) {
		(void)end_step(&host);
		(void)carry(host.far, guest.far, ALL);
		(void)end_step(&host);
	}
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "SYNCED");
	ck_assert_str_eq(host.log, "SYNCED");
	ck_assert(link_is_synced(guest.link) && link_is_synced(host.link));
}
END_TEST

/* However the bytes are cut on their way, the messages are the same. The largest data message
 * there is passes, and a link tells when the next may follow. */
START_TEST(test_short_reads)
{
	static const struct {
		size_t chunk, size;
	} rows[] = {
		{1, 3000},
		{2, 3000},
		{7, 10000},
		{4096, FRAME_DATA_MAX},
		{65536, FRAME_DATA_MAX},
		{ALL, FRAME_DATA_MAX},
	};
	static uint8_t data[FRAME_DATA_MAX];
	size_t chunk = rows[_i].chunk, size = rows[_i].size;

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7);
	meet(&guest, &host);
	ck_assert(link_bulk_ready(guest.link));
	ck_assert_int_eq(say_data(&guest, data, size), 0);
	ck_assert(!link_bulk_ready(guest.link));
	ck_assert_int_eq(say(&guest, MESSAGE_JOB_SEAL), 0);
	ck_assert_int_eq(say(&host, MESSAGE_PRINTER), 0);
	converse(&guest, &host, chunk);
	ck_assert_str_eq(host.log, "JobData JobSeal");
	ck_assert_str_eq(guest.log, "Printer");
	ck_assert_int_eq(memcmp(host.data, data, size), 0);
	ck_assert(link_bulk_ready(guest.link));
}
END_TEST

/* The host's first data message after small ones: the queue must grow to a whole frame. */
START_TEST(test_host_bulk)
{
	static uint8_t data[FRAME_DATA_MAX];
	static struct message m;

	meet(&guest, &host);
	message_init(&m, MESSAGE_DRIVER_DATA);
	m.driver_data.total = DRIVER_PACKED_MAX;
	m.driver_data.data_size = sizeof(data);
	m.driver_data.data = data;
	ck_assert_int_eq(link_send(host.link, &m), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "DriverData");
}
END_TEST

/* At rest an end gives its memory back, and nothing is lost by it: not what it has read half, nor
 * what waits to be written. */
START_TEST(test_rest)
{
	static uint8_t data[FRAME_DATA_MAX];

	meet(&guest, &host);
	ck_assert(link_has_worked(host.link)); /* the zeros that a session begins with */
	link_rest(host.link);
	link_rest(guest.link);
	ck_assert(!link_has_worked(host.link));
	tick(&host, 1);
	tick(&guest, 1);
	ck_assert_int_eq(say(&host, MESSAGE_PRINTER), 0);
	link_rest(host.link); /* it waits to be written */
	ck_assert_uint_gt(link_queued(host.link), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "Printer");
	ck_assert(!link_has_worked(host.link)); /* a message or two is nothing */
	end_forget(&guest);

	ck_assert_int_eq(say_data(&guest, data, sizeof(data)), 0);
	(void)end_step(&guest);
	ck_assert_uint_gt(carry(guest.far, host.far, 1000), 0);
	(void)end_step(&host);
	link_rest(host.link); /* it has half a frame */
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "JobData");
	ck_assert(link_has_worked(host.link) && link_has_worked(guest.link));
	link_rest(host.link);
	tick(&host, 1);
	ck_assert_str_eq(host.log, "JobData");
	guest.far = close_fd(guest.far);
	(void)end_step(&guest);
	link_rest(guest.link);
	(void)end_step(&guest);
	ck_assert_int_eq(guest.result, -ECONNRESET);
}
END_TEST

static size_t frame(uint8_t *buf, const void *payload, size_t size)
{
	memmove(buf + FRAME_HEAD_SIZE, payload, size);
	frame_head(buf, buf + FRAME_HEAD_SIZE, size);
	return FRAME_HEAD_SIZE + size;
}

/* Bytes that are no frame, or a frame that is not in the schema or may not come now, end the
 * session with BYE_VIOLATION and a reason that names the thing; the link goes on. */
START_TEST(test_violation)
{
	static uint8_t payload[FRAME_PAYLOAD_MAX + 1], bytes[FRAME_MAX + 1];
	static const struct {
		const char *what;
		size_t size;	  /* of the payload */
		uint8_t first[8]; /* of the payload */
		size_t flip;	  /* a byte of the frame to spoil, 0 for none */
		const char *reason;
	} rows[] = {
		{"a spoiled magic", 2, {0x22, 0}, 3, "no frame"},
		{"a spoiled size", 2, {0x22, 0}, 4, NULL},
		{"a spoiled checksum", 2, {0x22, 0}, 8, "no frame"},
		{"a spoiled payload", 2, {0x22, 0}, 17, "no frame"},
		{"the maximum and one", FRAME_PAYLOAD_MAX + 1, {0x22, 0}, 0,
			"a frame of 66561 bytes came, at most 66560 are allowed"},
		{"an unknown message", 3, {0xBA, 0x3E, 0}, 0, "unknown type"},
		{"no message", 1, {0}, 0, "not in the schema"},
		{"a message of two bytes that are none", 2, {0xFF, 0xFF}, 0, "not in the schema"},
		{"the maximum, of garbage", FRAME_PAYLOAD_MAX, {0x22, 0}, 0, "not in the schema"},
		{"a message of the other side", 2, {0x4A, 0}, 0,
			"OfferEnd may not come in state OPEN"},
		{"a message of another state", 6, {0x0A, 4, 8, 1, 16, 1}, 0, "Hello may not come"},
		{"a value out of range", 2, {0x1A, 0}, 0, "Bye: code is unknown"},
	};
	size_t size;

	meet(&guest, &host);
	memcpy(payload, rows[_i].first, sizeof(rows[_i].first));
	size = frame(bytes, payload, rows[_i].size);
	if (rows[_i].flip)
		bytes[rows[_i].flip] ^= 0x40;
	ck_assert_int_eq(send(host.far, bytes, size, 0), (ssize_t)size);
	(void)end_step(&host);
	(void)end_step(&host);
	if (rows[_i].reason) {
		ck_assert_msg(strcmp(host.log, "LOST") == 0, "%s: %s", rows[_i].what, host.log);
		ck_assert_msg(strstr(link_reason(host.link), rows[_i].reason) != NULL, "%s: %s",
			rows[_i].what, link_reason(host.link));
		ck_assert(!link_is_synced(host.link));
		converse(&guest, &host, ALL);
		ck_assert_str_eq(guest.log, "Bye LOST");
		ck_assert_uint_eq(guest.seen.bye.code, BYE_VIOLATION);
	}
	end_forget(&guest);
	end_forget(&host);
	link_restart(guest.link);
	converse(&guest, &host, ALL);
	ck_assert_msg(strstr(guest.log, "SYNCED") != NULL, "%s: %s", rows[_i].what, guest.log);
	ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
	converse(&guest, &host, ALL);
	ck_assert_msg(strstr(host.log, "SYNCED Hello") != NULL, "%s: %s", rows[_i].what, host.log);
}
END_TEST

/* The word gets through although the socket is full and a frame half written: that one is finished,
 * those behind it are not sent any more. */
START_TEST(test_violation_when_full)
{
	static uint8_t data[FRAME_DATA_MAX];
	static struct message m;
	char *p = guest.log;
	int data_count = 0;

	meet(&guest, &host);
	message_init(&m, MESSAGE_DRIVER_DATA);
	m.driver_data.total = DRIVER_PACKED_MAX;
	m.driver_data.data_size = sizeof(data);
	m.driver_data.data = data;
	while (link_send(host.link, &m) == 0)
		(void)end_step(&host);
	ck_assert_int_eq(send(host.far, "garbage!", 8, 0), 8);
	(void)end_step(&host);
	ck_assert_str_eq(host.log, "LOST");
	converse(&guest, &host, 1000);
	for (; strncmp(p, "DriverData ", 11) == 0; p += 11)
		data_count++;
	ck_assert_str_eq(p, "Bye LOST");
	ck_assert_int_lt(data_count, LINK_QUEUE_MAX / FRAME_MAX);
}
END_TEST

/* A guest that finds its host to break the protocol says so, and asks for another session only
 * after a while: two ends that disagree do not quarrel all the time. */
START_TEST(test_violation_by_host)
{
	static uint8_t bytes[FRAME_MAX];
	static const uint8_t unknown[] = {0xBA, 0x01, 0};
	size_t size = frame(bytes, unknown, sizeof(unknown));

	meet(&guest, &host);
	ck_assert_int_eq(send(guest.far, bytes, size, 0), (ssize_t)size);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "LOST");
	ck_assert_str_eq(host.log, "Bye LOST");
	ck_assert(!link_is_synced(guest.link));
	tick(&guest, SYNC_MSEC - 1);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "LOST");
	tick(&guest, 1);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "LOST SYNCED");
	ck_assert_str_eq(host.log, "Bye LOST SYNCED");
}
END_TEST

/* Padding at a border means nothing, in any phase. */
START_TEST(test_padding)
{
	static const uint8_t zeros[1000];

	meet(&guest, &host);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(send(host.far, zeros, sizeof(zeros), 0), sizeof(zeros));
		(void)end_step(&host);
	}
	ck_assert_int_eq(say(&guest, MESSAGE_GUEST_STATUS), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "GuestStatus");
}
END_TEST

/* Tokens that a session does not expect do nothing: an ACK, a SYNC from the host's side, a second
 * SYNC that was under way. A RESYNC ends the guest's session, and the next one begins at once. */
START_TEST(test_tokens)
{
	struct token token = {.kind = TOKEN_ACK};
	uint8_t bytes[TOKEN_SIZE];

	meet(&guest, &host);
	token_write(bytes, &token);
	ck_assert_int_eq(send(guest.far, bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(send(host.far, bytes, sizeof(bytes), 0), sizeof(bytes));
	token.kind = TOKEN_SYNC;
	token_write(bytes, &token);
	ck_assert_int_eq(send(guest.far, bytes, sizeof(bytes), 0), sizeof(bytes));
	token.kind = TOKEN_RESYNC;
	token_write(bytes, &token);
	ck_assert_int_eq(send(host.far, bytes, sizeof(bytes), 0), sizeof(bytes));
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "");
	ck_assert_str_eq(host.log, "");
	token.host[0] = 1; /* not this host's: the host says so, and both agree in the end */
	token_write(bytes, &token);
	ck_assert_int_eq(send(guest.far, bytes, sizeof(bytes), 0), sizeof(bytes));
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "LOST SYNCED");
	ck_assert_str_eq(host.log, "LOST SYNCED");
}
END_TEST

/* A slow host hears two SYNCs of one guest: one session. The second may even come after the
 * guest's greeting was queued. */
START_TEST(test_two_syncs)
{
	converse(&guest, &host, ALL); /* the guest learns the host's nonce */
	link_restart(guest.link);
	(void)end_step(&guest);
	tick(&guest, SYNC_MSEC); /* asks again: nothing was heard */
	ck_assert_uint_gt(carry(guest.far, host.far, ALL), 2 * FRAME_MAX);
	end_forget(&guest);
	end_forget(&host);
	for (int i = 0; i < 4; i++)
		(void)end_step(&host);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "LOST SYNCED");
	ck_assert_str_eq(guest.log, "SYNCED");
	ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "LOST SYNCED Hello");
}
END_TEST

/* A peer that does not read: the queue has an end, what came before stays in order, and BYE gets
 * through in place of what had not begun. */
START_TEST(test_queue_full)
{
	unsigned int sent = 0, got = 0;
	int r;

	meet(&guest, &host);
	while ((r = say(&host, MESSAGE_JOB_STATE)) == 0) {
		(void)end_step(&host);
		sent++;
		ck_assert_uint_le(link_queued(host.link), LINK_QUEUE_MAX);
	}
	ck_assert_int_eq(r, -ENOBUFS);
	ck_assert_uint_gt(link_queued(host.link), LINK_QUEUE_MAX - FRAME_MAX);
	ck_assert(link_events(host.link) & POLLOUT);
	ck_assert(!link_bulk_ready(host.link));
	if (_i == 0) {
		do {
			end_forget(&guest);
			(void)end_step(&host);
			(void)carry(host.far, guest.far, 1000);
			(void)end_step(&guest);
			for (char *p = guest.log; (p = strstr(p, "JobState")); p++)
				got++;
		} while (got < sent);
		ck_assert_uint_eq(got, sent);
		ck_assert(link_bulk_ready(host.link));
		return;
	}
	link_close(host.link, BYE_CLOSING, "the host is closing");
	ck_assert(!link_is_synced(host.link));
	while (!strstr(guest.log, "Bye")) {
		end_forget(&guest);
		(void)end_step(&host);
		(void)carry(host.far, guest.far, 1000);
		(void)end_step(&guest);
	}
	ck_assert_uint_eq(guest.seen.bye.code, BYE_CLOSING);
}
END_TEST

/* BYE in every phase. Before a session there is nobody to say it to; afterwards nothing is heard
 * but a new synchronisation, and an owner that said it itself is not told that the session ended.
 */
START_TEST(test_bye)
{
	link_close(host.link, BYE_CLOSING, "");
	ck_assert_int_eq(say(&host, MESSAGE_BYE), -ENOTCONN);
	converse(&guest, &host, ALL);
	end_forget(&guest);
	end_forget(&host);
	if (_i >= 1) {
		ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
		converse(&guest, &host, ALL);
	}
	if (_i >= 2) {
		ck_assert_int_eq(say(&host, MESSAGE_WELCOME), 0);
		converse(&guest, &host, ALL);
	}
	end_forget(&guest);
	end_forget(&host);
	link_close(host.link, BYE_VERSION, "one line\nor two");
	link_close(host.link, BYE_VERSION, "again");
	ck_assert_int_eq(say(&host, MESSAGE_PING), -ENOTCONN);
	ck_assert_uint_eq(link_deadline(host.link), UINT64_MAX);
	(void)say(&guest, MESSAGE_PING); /* crosses it */
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "Bye LOST");
	ck_assert_uint_eq(guest.seen.bye.code, BYE_VERSION);
	ck_assert_str_eq(guest.seen.bye.text, "one line or two");
	ck_assert_str_eq(link_reason(guest.link), "one line or two");
	ck_assert_str_eq(host.log, "");
	ck_assert_uint_eq(link_deadline(guest.link), UINT64_MAX);
	tick(&guest, 3600000);
	tick(&host, 3600000);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "");
	link_restart(guest.link);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "Bye LOST SYNCED");
	ck_assert_str_eq(host.log, "SYNCED");
}
END_TEST

/* The guest says it, and both directions cross. */
START_TEST(test_bye_crossing)
{
	meet(&guest, &host);
	ck_assert_int_eq(say(&guest, MESSAGE_BYE), 0);
	ck_assert_int_eq(say(&host, MESSAGE_BYE), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(guest.log, "");
	ck_assert_str_eq(host.log, "");
	ck_assert(!link_is_synced(guest.link) && !link_is_synced(host.link));
}
END_TEST

/* Sending is held to the table of session.h, and what is refused leaves no trace. */
START_TEST(test_send_order)
{
	ck_assert_int_eq(say(&guest, MESSAGE_HELLO), -ENOTCONN);
	converse(&guest, &host, ALL);
	ck_assert_int_eq(say(&guest, MESSAGE_JOB_OPEN), -EPROTO);
	ck_assert_int_eq(say(&host, MESSAGE_WELCOME), -EPROTO);
	ck_assert_int_eq(say(&host, MESSAGE_HELLO), -EPROTO);
	ck_assert_uint_eq(link_queued(guest.link) + link_queued(host.link), 0);
	ck_assert(!link_bulk_ready(guest.link));
	ck_assert_int_eq(say(&guest, MESSAGE_HELLO), 0);
	converse(&guest, &host, ALL);
	ck_assert_str_eq(host.log, "SYNCED Hello");
}
END_TEST

/* The end of a stream: what came before is delivered, half a frame is not, then the owner is told
 * at every step. Nothing spins: the link says at once that it has more to tell. */
START_TEST(test_end_of_stream)
{
	size_t part;

	meet(&guest, &host);
	ck_assert_int_eq(say(&guest, MESSAGE_JOB_OPEN), 0);
	part = link_queued(guest.link) + FRAME_HEAD_SIZE + 3;
	ck_assert_int_eq(say(&guest, MESSAGE_BYE), 0);
	(void)end_step(&guest);
	(void)carry(guest.far, host.far, _i == 1 ? part : ALL);
	if (_i == 2) /* as if it died with unread bytes: reading then ends with ECONNRESET */
		ck_assert_int_eq(say(&host, MESSAGE_PRINTER), 0);
	host.far = close_fd(host.far);
	host.result = link_step(host.link, host.clock);
	ck_assert_int_eq(host.result, 0);
	ck_assert(link_again(host.link));
	ck_assert_uint_le(link_deadline(host.link), host.clock);
	ck_assert_int_eq(link_step(host.link, host.clock), 0); /* nobody listened yet */
	(void)end_listen(&host);
	ck_assert_str_eq(host.log, _i == 1 ? "JobOpen" : "JobOpen Bye LOST");
	ck_assert_int_lt(link_step(host.link, host.clock), 0);
	ck_assert_int_lt(link_step(host.link, host.clock), 0);
	ck_assert(!end_listen(&host));
	ck_assert_str_eq(host.log, _i == 1 ? "JobOpen" : "JobOpen Bye LOST");
}
END_TEST

/* A socket that is still connecting is waited for, without turning round. vsock(7) says ENOTCONN
 * then; here a socket of packets does, which is enough to see the first bytes go. */
START_TEST(test_connecting)
{
	static uint8_t packet[2 * FRAME_MAX];
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), far;
	struct sockaddr_un address = {.sun_family = AF_UNIX}; /* the kernel picks a name */
	socklen_t size = sizeof(sa_family_t);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	size = sizeof(address);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	end_close(&guest);
	guest.clock = 1000 * MSEC;
	ck_assert_int_eq(link_new(LINK_GUEST, fd, false, &guest.link), 0);
	for (int i = 0; i < 3; i++) {
		(void)end_step(&guest);
		ck_assert_int_eq(guest.result, 0);
		ck_assert(!link_again(guest.link));
		ck_assert(link_events(guest.link) & POLLOUT);
	}
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, size), 0);
	far = accept(listener, NULL, NULL);
	(void)end_step(&guest);
	ck_assert_int_eq(guest.result, 0);
	ck_assert_int_eq(recv(far, packet, sizeof(packet), 0), FRAME_MAX + TOKEN_SIZE);
	(void)close_fd(far);
	(void)close_fd(listener);
}
END_TEST

/* With nothing unread, the end is told at once, as -ECONNRESET. */
START_TEST(test_end_at_once)
{
	meet(&guest, &host);
	host.far = close_fd(host.far);
	(void)end_step(&host);
	ck_assert_int_eq(host.result, -ECONNRESET);
}
END_TEST

/* An owner that does not listen makes the peer wait, and loses nothing. */
START_TEST(test_deaf_owner)
{
	unsigned int sent = 0;

	meet(&guest, &host);
	for (int i = 0; i < 10; i++) {
		while (say(&guest, MESSAGE_JOB_OPEN) == 0)
			sent++;
		(void)end_step(&guest);
		(void)carry(guest.far, host.far, ALL);
		ck_assert_int_eq(link_step(host.link, host.clock), 0);
	}
	ck_assert(link_again(host.link));
	ck_assert(!(link_events(host.link) & POLLIN));
	while (sent) {
		static struct message m;

		(void)end_step(&guest);
		(void)carry(guest.far, host.far, ALL);
		ck_assert_int_eq(link_step(host.link, host.clock), 0);
		while (link_next(host.link, &m) == LINK_MESSAGE)
			sent--;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("link");
	TCase *tc = tcase_create("link");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_start, 0, 3);
	tcase_add_loop_test(tc, test_short_reads, 0, 6);
	tcase_add_test(tc, test_host_bulk);
	tcase_add_test(tc, test_rest);
	tcase_add_loop_test(tc, test_violation, 0, 12);
	tcase_add_test(tc, test_violation_when_full);
	tcase_add_test(tc, test_violation_by_host);
	tcase_add_test(tc, test_padding);
	tcase_add_test(tc, test_tokens);
	tcase_add_test(tc, test_two_syncs);
	tcase_add_loop_test(tc, test_queue_full, 0, 2);
	tcase_add_loop_test(tc, test_bye, 0, 3);
	tcase_add_test(tc, test_bye_crossing);
	tcase_add_test(tc, test_send_order);
	tcase_add_loop_test(tc, test_end_of_stream, 0, 3);
	tcase_add_test(tc, test_connecting);
	tcase_add_test(tc, test_end_at_once);
	tcase_add_test(tc, test_deaf_owner);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
