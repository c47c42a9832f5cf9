/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that cannot be taken: the loop rests, somebody tries again, and it is taken then. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/loop.h"
#include "proto/transport.h"

static int calls, said, taken, refusal; /* refusal: what accept(2) is said to have failed with */

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int connection = refusal ? refusal : transport_unix_accept(fd);

	(void)revents;
	if (*(uint32_t *)userdata & EPOLLET) /* as host/workspace.c: there may be another */
		(void)sd_event_source_set_io_events(source, *(uint32_t *)userdata);
	calls++;
	said += loop_accepted(source, connection);
	if (connection >= 0) {
		taken++;
		(void)close(connection);
	}
	return 0;
}

static void run_for(sd_event *event, uint64_t usec)
{
	uint64_t end = clock_usec() + usec;

	do /* once at least, however busy the machine */
		ck_assert_int_ge(sd_event_run(event, 10000), 0);
	while (clock_usec() < end);
}

static void until_taken(sd_event *event, int count)
{
	for (uint64_t end = clock_usec() + 10000000; taken < count && clock_usec() < end;)
		ck_assert_int_ge(sd_event_run(event, 10000), 0);
	ck_assert_int_eq(taken, count);
}

static uint32_t triggers[] = {EPOLLIN, EPOLLIN | EPOLLET};

/* valgrind's own limit of descriptors takes a connection and closes it: what accept(2) leaves in
 * the queue is left there by the test. */
START_TEST(test_rests_and_resumes)
{
	static const int refusals[] = {-EMFILE, -EACCES};
	char dir[] = "/tmp/platen-loop-XXXXXX", path[64];
	sd_event *event = NULL;
	sd_event_source *source = NULL;
	int listener, guest, other;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	listener = transport_unix_listen(path);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_ge(sd_event_add_io(event, &source, listener, triggers[_i], on_connection,
				 &triggers[_i]),
		0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		refusal = refusals[i];
		calls = said = taken = 0;
		guest = transport_unix_connect(path);
		ck_assert_int_ge(guest, 0);
		run_for(event, 150000);
		other = transport_unix_connect(path); /* one more comes meanwhile */
		ck_assert_int_ge(other, 0);
		run_for(event, 150000);
		ck_assert_int_ge(calls, 1);
		ck_assert_int_le(calls, 3); /* not as often as it could */
		ck_assert_int_eq(said, 1);
		refusal = 0;
		until_taken(event, 2);
		ck_assert_int_lt(sd_event_source_get_ratelimit(source, NULL, NULL), 0);
		(void)close_fd(guest);
		(void)close_fd(other);
	}
	(void)sd_event_source_unref(source);
	(void)sd_event_unref(event);
	(void)close_fd(listener);
	(void)unlink(path);
	(void)rmdir(dir);
}
END_TEST

/* What was a passing thing of one connection gives the next no rest. */
START_TEST(test_passing)
{
	static const int results[] = {-EAGAIN, -ECONNABORTED, -EINTR, -EPERM, -EPROTO, 0, 7};
	sd_event *event = NULL;
	sd_event_source *source = NULL;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_ge(sd_event_add_io(event, &source, fds[0], EPOLLIN, on_connection, NULL), 0);
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		ck_assert(!loop_accepted(source, results[i]));
		ck_assert_int_lt(sd_event_source_get_ratelimit(source, NULL, NULL), 0);
	}
	(void)sd_event_source_unref(source);
	(void)sd_event_unref(event);
	(void)close(fds[0]);
	(void)close(fds[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_rests_and_resumes, 0, 2);
	tcase_add_test(tc, test_passing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
