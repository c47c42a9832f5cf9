/* SPDX-License-Identifier: Apache-2.0 */
/* What was read and not consumed yet: in order, bounded, and without memory at rest. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/inbox.h"
#include "proto/limits.h"

#define SIZE (2 * FRAME_MAX) /* of the array */

static struct inbox inbox;
static uint8_t bytes[SIZE + 1];
static int near, far;

static void setup(void)
{
	int fds[2], most = 4 * SIZE;

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	near = fds[0];
	far = fds[1];
	ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_SNDBUF, &most, sizeof(most)), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761U >> 11);
}

static void teardown(void)
{
	inbox_deinit(&inbox);
	near = close_fd(near);
	far = close_fd(far);
}

static void put(size_t from, size_t size)
{
	ck_assert_int_eq(write(far, bytes + from, size), (ssize_t)size);
}

static void holds(size_t from, size_t size)
{
	ck_assert_uint_eq(inbox_size(&inbox), size);
	ck_assert(size == 0 || memcmp(inbox_at(&inbox), bytes + from, size) == 0);
}

/* However much is consumed between, what is there is what was written, in order. */
START_TEST(test_order)
{
	static const size_t rows[][2] = {{10, 10}, {10, 3}, {100, 0}, {1, 108}, {7, 0}, {9, 16}};
	size_t put_to = 0, took_to = 0, came = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(put_to, rows[i][0]);
		put_to += rows[i][0];
		ck_assert_int_eq(inbox_read(&inbox, near, &came), 0);
		ck_assert_uint_eq(came, put_to);
		holds(took_to, put_to - took_to);
		inbox_take(&inbox, rows[i][1]);
		took_to += rows[i][1];
		holds(took_to, put_to - took_to);
		if (_i)
			inbox_rest(&inbox); /* at any time: it keeps what is there */
		holds(took_to, put_to - took_to);
	}
	ck_assert_uint_eq(took_to, put_to);
	ck_assert(!_i == !!inbox.bytes);
}
END_TEST

/* It has an end, behind which nothing is read; what is consumed makes room. */
START_TEST(test_full)
{
	size_t came = 0;

	put(0, SIZE + 1);
	ck_assert(inbox_has_room(&inbox));
	ck_assert_int_eq(inbox_read(&inbox, near, &came), 1);
	ck_assert_uint_eq(came, SIZE);
	holds(0, SIZE);
	ck_assert(!inbox_has_room(&inbox));
	ck_assert_int_eq(inbox_read(&inbox, near, &came), 1);
	ck_assert_uint_eq(came, SIZE);
	inbox_take(&inbox, 1);
	ck_assert(inbox_has_room(&inbox));
	ck_assert_int_eq(inbox_read(&inbox, near, &came), 1);
	holds(1, SIZE);
	inbox_drop(&inbox);
	holds(0, 0);
	ck_assert_int_eq(inbox_read(&inbox, near, &came), 0);
}
END_TEST

/* The end of a stream and a fault are told behind what came before them. */
START_TEST(test_end)
{
	_cleanup_close_ int lone = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t came = 0;

	ck_assert_ptr_null(inbox_at(&inbox));
	put(0, 5);
	far = close_fd(far);
	ck_assert_int_eq(inbox_read(&inbox, near, &came), -ECONNRESET);
	ck_assert_uint_eq(came, 5);
	holds(0, 5);
	ck_assert_int_eq(inbox_read(&inbox, -1, &came), -EBADF);
	ck_assert_int_eq(inbox_read(&inbox, lone, &came), -EINVAL);
	holds(0, 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inbox");
	TCase *tc = tcase_create("inbox");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_order, 0, 2);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_end);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
