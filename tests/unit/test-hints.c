/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket for hints, which anybody on the host may write to: one who writes faster than it can
 * be read keeps `platen-spool watch` from nothing else.
 *
 * recv() and the sandbox are the test's: the socket then never runs dry, however fast its reader
 * is.
 */
#include <errno.h>
#include <stdint.h>

#include "tests/unit/watcher.h"

#define ENDLESS 200000U /* as good as for ever: far beyond a turn's hints */

static uint32_t *taken; /* hints, in memory that the watcher shares */

ssize_t recv(int fd, void *buf, size_t size, int flags);

/* With the first hint platend hangs up: that is to be seen as soon as the turn is over. */
ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	struct spool_hint hint = {.host_job = *taken + 1};

	if (size != sizeof(hint) || flags != MSG_DONTWAIT)
		return recvfrom(fd, buf, size, flags, NULL, NULL);
	watcher_hang_up();
	if (++*taken >= ENDLESS) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(buf, &hint, sizeof(hint));
	return (ssize_t)size;
}

START_TEST(test_a_flood)
{
	struct spool_hint hint = {.printers = 1};
	pid_t pid;

	taken = watcher_begin(sizeof(*taken));
	pid = watcher_start("no-cupsd");
	while (!watcher_hint(&hint))
		(void)usleep(
			1000); /* until it listens; then it lies there, and poll() tells of it */
	watcher_end(pid);
	ck_assert_uint_gt(*taken, 0);
	ck_assert_uint_lt(*taken, ENDLESS / 10);
	(void)munmap(taken, sizeof(*taken));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hints");
	TCase *tc = tcase_create("hints");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_a_flood);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
