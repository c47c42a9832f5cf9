/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of a link: what is thrown away never leaves half a frame on the wire, wherever the
 * writing stopped, and an empty queue gives its memory back.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/frame.h"
#include "proto/outbox.h"

#define MOST (1024 * 1024)

static struct outbox outbox;
static int fds[2];

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void teardown(void)
{
	outbox_deinit(&outbox);
	fds[0] = close_fd(fds[0]);
	fds[1] = close_fd(fds[1]);
}

static void put_frame(size_t payload)
{
	uint8_t *at = outbox_reserve(&outbox, FRAME_HEAD_SIZE + payload, MOST);

	ck_assert_ptr_nonnull(at);
	memset(at + FRAME_HEAD_SIZE, 0xAA, payload);
	frame_head(at, at + FRAME_HEAD_SIZE, payload);
	outbox_commit(&outbox, FRAME_HEAD_SIZE + payload);
}

static void put_token(size_t padding)
{
	struct token token = {.kind = TOKEN_SYNC};
	uint8_t *at = outbox_reserve(&outbox, padding + TOKEN_SIZE, MOST);

	ck_assert_ptr_nonnull(at);
	memset(at, 0, padding);
	token_write(at + padding, &token);
	outbox_commit(&outbox, padding + TOKEN_SIZE);
}

/* Writes so that the socket takes exactly so many bytes. */
static size_t write_some(size_t size)
{
	struct outbox part = outbox;
	size_t before = outbox_waiting(&outbox);

	part.used = part.done + (size < before ? size : before);
	ck_assert_int_eq(outbox_write(&part, fds[0]), 0);
	/* The rest is still there: take over how far it came. */
	if (part.used == 0)
		part.done = outbox.done + (size < before ? size : before);
	outbox.done = part.done;
	outbox.rest = part.rest;
	return before - outbox_waiting(&outbox);
}

/* Reads all there is and checks that it is whole units to the end. Returns their number. */
static int read_units(void)
{
	static uint8_t buf[300000];
	size_t used = 0, at = 0;
	ssize_t n;
	int units = 0;

	while ((n = read(fds[1], buf + used, sizeof(buf) - used)) > 0)
		used += (size_t)n;
	while (at < used) {
		size_t size = 0;

		switch (frame_look(buf + at, used - at, &size)) {
		case FRAME_WHOLE: at += FRAME_HEAD_SIZE + size; break;
		case FRAME_TOKEN: at += TOKEN_SIZE; break;
		case FRAME_PADDING: at += size; continue;
		default: ck_abort_msg("at %zu of %zu stands half a unit", at, used);
		}
		units++;
	}
	return units;
}

/* Writing stops after any number of bytes, what has not begun is thrown away, something else is
 * put behind: the reader sees whole units only. */
START_TEST(test_trim_anywhere)
{
	size_t size = 300;

	for (size_t at = 0; at <= size; at++) {
		put_frame(30);
		put_token(20);
		put_frame(1);
		put_frame(100);
		size = outbox_waiting(&outbox);
		ck_assert_uint_eq(write_some(at), at);
		outbox_trim(&outbox);
		ck_assert_uint_le(outbox_waiting(&outbox), FRAME_HEAD_SIZE + 100);
		put_token(0);
		ck_assert_int_eq(outbox_write(&outbox, fds[0]), 0);
		ck_assert_uint_eq(outbox_waiting(&outbox), 0);
		ck_assert_int_ge(read_units(), 1);
	}
}
END_TEST

/* There is an end to it, and what was refused leaves no trace. */
START_TEST(test_most)
{
	ck_assert_ptr_null(outbox_reserve(&outbox, MOST + 1, MOST));
	ck_assert_ptr_null(outbox_reserve(&outbox, SIZE_MAX, MOST));
	put_frame(1000);
	ck_assert_ptr_null(outbox_reserve(&outbox, MOST - 1000, MOST));
	ck_assert_ptr_null(outbox_reserve(&outbox, SIZE_MAX - 100, MOST));
	ck_assert_uint_eq(outbox_waiting(&outbox), FRAME_HEAD_SIZE + 1000);
	ck_assert_int_eq(outbox_write(&outbox, fds[0]), 0);
	ck_assert_int_eq(read_units(), 1);
}
END_TEST

/* Growing from any size to a whole frame, and giving a burst's memory back. */
START_TEST(test_memory)
{
	static const size_t first[] = {1, 100, 4000, 5000, 60000};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		size_t all;

		put_frame(first[i]);
		put_frame(FRAME_PAYLOAD_MAX);
		put_frame(FRAME_PAYLOAD_MAX);
		put_frame(FRAME_PAYLOAD_MAX);
		all = outbox_waiting(&outbox);
		while (all) {
			static uint8_t buf[4096];
			ssize_t n;

			ck_assert_int_eq(outbox_write(&outbox, fds[0]), 0);
			n = read(fds[1], buf, sizeof(buf));
			ck_assert_int_gt(n, 0);
			all -= (size_t)n;
		}
		ck_assert_uint_eq(outbox_waiting(&outbox), 0);
		ck_assert_uint_le(outbox.size, 2 * FRAME_MAX);
	}
}
END_TEST

/* A reader that is gone is told as it is. */
START_TEST(test_error)
{
	put_frame(10);
	fds[1] = close_fd(fds[1]);
	ck_assert_int_eq(outbox_write(&outbox, fds[0]), -EPIPE);
	outbox_drop(&outbox);
	ck_assert_uint_eq(outbox_waiting(&outbox), 0);
	ck_assert_int_eq(outbox_write(&outbox, fds[0]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *tc = tcase_create("outbox");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_trim_anywhere);
	tcase_add_test(tc, test_most);
	tcase_add_test(tc, test_memory);
	tcase_add_test(tc, test_error);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
