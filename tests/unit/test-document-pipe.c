/* SPDX-License-Identifier: Apache-2.0 */
/* A document's pipe: all of it and in order, one way, and nothing comes back. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/document-pipe.h"

static int ends[2];

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(document_pipe(ends), 0);
}

static void teardown(void)
{
	(void)close(ends[0]);
	(void)close(ends[1]);
}

START_TEST(test_through)
{
	char c = 0;

	for (int i = 0; i < 2; i++) {
		ck_assert(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
		ck_assert(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
	}
	ck_assert_int_eq(read(ends[0], &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(write(ends[1], "ab", 2), 2);
	(void)close(ends[1]);
	ends[1] = -1;
	ck_assert_int_eq(read(ends[0], &c, 1), 1);
	ck_assert_int_eq(c, 'a');
	ck_assert_int_eq(read(ends[0], &c, 1), 1);
	ck_assert_int_eq(c, 'b');
	ck_assert_int_eq(read(ends[0], &c, 1), 0);
}
END_TEST

/* It is bounded: who writes waits for who reads. */
START_TEST(test_full)
{
	static char piece[65536];
	size_t in = 0, out = 0;
	ssize_t n;

	while ((n = write(ends[1], piece, sizeof(piece))) > 0)
		in += (size_t)n;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(in, 65536);
	ck_assert_uint_lt(in, 4U << 20);
	while ((n = read(ends[0], piece, sizeof(piece))) > 0)
		out += (size_t)n;
	ck_assert_uint_eq(in, out);
	ck_assert_int_gt(write(ends[1], piece, 1), 0);
}
END_TEST

/* A worker that is taken over, or confused, cannot reach the channel by any call there is. */
START_TEST(test_nothing_comes_back)
{
	struct iovec iov = {.iov_base = "x", .iov_len = 1};
	struct msghdr plain = {.msg_iov = &iov, .msg_iovlen = 1};
	char c = 0;

	ck_assert_int_eq(write(ends[0], "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(send(ends[0], "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(sendmsg(ends[0], &plain, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(writev(ends[0], &iov, 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(read(ends[1], &c, 1), 0);   /* never a byte, and never a wait for one */
	ck_assert_int_eq(write(ends[1], "y", 1), 1); /* the document goes on */
	ck_assert_int_eq(read(ends[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
}
END_TEST

START_TEST(test_gone)
{
	(void)close(ends[0]);
	ends[0] = -1;
	ck_assert_int_eq(write(ends[1], "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("document-pipe");
	TCase *tc = tcase_create("document-pipe");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_through);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_nothing_comes_back);
	tcase_add_test(tc, test_gone);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
