/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket for hints, which anybody on the host may write to: one who writes faster than it can
 * be read keeps `platen-spool watch` from nothing else.
 *
 * recv() and the sandbox are the test's: the socket then never runs dry, however fast its reader
 * is.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/spool/hint.h"
#include "host/spool/spooler-ipp.h"
#include "proto/base/cleanup.h"
#include "proto/base/ipc.h"

#define ENDLESS 200000U /* as good as for ever: far beyond a turn's hints */

static char dir[] = "/tmp/platen-hints-XXXXXX";
static int owner = -1;	/* platend's end of the connection */
static uint32_t *taken; /* hints, in memory that the watcher shares */

ssize_t recv(int fd, void *buf, size_t size, int flags);
int spool_sandbox(void);

/* With the first hint platend hangs up: that is to be seen as soon as the turn is over. */
ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	struct spool_hint hint = {.host_job = *taken + 1};

	if (size != sizeof(hint) || flags != MSG_DONTWAIT)
		return recvfrom(fd, buf, size, flags, NULL, NULL);
	owner = close_fd(owner);
	if (++*taken >= ENDLESS) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(buf, &hint, sizeof(hint));
	return (ssize_t)size;
}

int spool_sandbox(void)
{
	return 0;
}

static void hint_once(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct spool_hint hint = {.printers = 1};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" HINT_SOCKET, dir);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		(void)usleep(1000); /* until it listens */
	(void)send(fd, &hint, sizeof(hint), 0);
}

/* platen-spool watch, with platend at the other end. It ends when that has hung up. */
static void watcher(void)
{
	char cups[64];
	int pair[2];

	(void)snprintf(cups, sizeof(cups), "%s/no-cupsd", dir);
	(void)socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
	owner = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	(void)close_fd(pair[0]);
	if (pair[1] != IPC_FD) {
		(void)dup2(pair[1], IPC_FD);
		(void)close_fd(pair[1]);
	}
	(void)watch_run(cups, dir);
	_exit(0);
}

START_TEST(test_a_flood)
{
	char events[64];
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(events, sizeof(events), "%s/" HINT_SOCKET, dir);
	taken = mmap(
		NULL, sizeof(*taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(taken, MAP_FAILED);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		watcher();
	hint_once(); /* it lies there, and poll() tells of it for ever */
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_uint_gt(*taken, 0);
	ck_assert_uint_lt(*taken, ENDLESS / 10);
	(void)munmap(taken, sizeof(*taken));
	(void)unlink(events);
	(void)rmdir(dir);
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
