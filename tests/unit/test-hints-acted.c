/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `platen-spool watch` makes of a batch of hints, one of which cannot be read.
 *
 * What is read is the test's, and its libcups is connected to a cupsd that says yes to all else. A
 * hint comes once: that of another job must not go with one that failed.
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
#include "host/spool/watch.h"
#include "proto/base/cleanup.h"
#include "proto/base/ipc.h"

/* How often each was read, in memory that the watcher shares. */
static struct {
	uint32_t job, printer, all; /* job 2, the printer, all printers since the hints */
} * reads;

static char dir[] = "/tmp/platen-acted-XXXXXX";
static int owner = -1; /* platend's end of the connection */
static bool hinted;

int spool_sandbox(void);

int spool_sandbox(void)
{
	return 0;
}

/* -- libcups */

http_t *httpConnect2(const char *host, int port, http_addrlist_t *addresses, int family,
	http_encryption_t encryption, int blocking, int msec, int *cancel)
{
	static char cupsd;

	(void)host;
	(void)port;
	(void)addresses;
	(void)family;
	(void)encryption;
	(void)blocking;
	(void)msec;
	(void)cancel;
	return (http_t *)&cupsd; /* never looked into */
}

void httpClose(http_t *http)
{
	(void)http;
}

int httpGetFd(http_t *http)
{
	(void)http;
	return -1;
}

const char *httpGetField(http_t *http, http_field_t field)
{
	(void)http;
	(void)field;
	return "";
}

ipp_t *cupsDoRequest(http_t *http, ipp_t *request, const char *resource)
{
	ipp_t *response = ippNew();

	(void)http;
	(void)resource;
	ippDelete(request);
	(void)ippAddInteger(
		response, IPP_TAG_SUBSCRIPTION, IPP_TAG_INTEGER, "notify-subscription-id", 1);
	return response;
}

ipp_status_t cupsLastError(void)
{
	return IPP_STATUS_OK;
}

/* -- list.c */

static void hint(int fd, uint32_t host_job, const char *printer)
{
	struct spool_hint hint = {.host_job = host_job};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(hint.printer, sizeof(hint.printer), "%s", printer);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" HINT_SOCKET, dir);
	(void)sendto(fd, &hint, sizeof(hint), 0, (struct sockaddr *)&address, sizeof(address));
}

int watch_list_printers(struct watch *watch, const char *only)
{
	(void)watch;
	reads->printer += only != NULL;
	reads->all += !only && hinted;
	return only ? -EIO : 1;
}

/* The hints come with the list at the beginning; with the next one platend hangs up. */
int watch_list_jobs(struct watch *watch, uint32_t only)
{
	_cleanup_close_ int fd = -1;

	(void)watch;
	reads->job += only == 2;
	if (only)
		return only == 1 ? -ENOMEM : 0;
	if (hinted) {
		owner = close_fd(owner);
		return 0;
	}
	hinted = true;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	hint(fd, 0, "laser");
	hint(fd, 1, "");
	hint(fd, 2, "");
	return 0;
}

void watch_job_purged(struct watch *watch, uint32_t host_job, uint32_t state)
{
	(void)watch;
	(void)host_job;
	(void)state;
}

void watch_forget_job(struct watch *watch, uint32_t host_job)
{
	(void)watch;
	(void)host_job;
}

void watch_forget(struct watch *watch)
{
	(void)watch;
}

/* platen-spool watch, with platend at the other end. It ends when that has hung up. */
static void watcher(void)
{
	int pair[2];

	(void)alarm(10);
	(void)socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
	owner = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	(void)close_fd(pair[0]);
	if (pair[1] != IPC_FD) {
		(void)dup2(pair[1], IPC_FD);
		(void)close_fd(pair[1]);
	}
	(void)watch_run("cupsd", dir);
	_exit(0);
}

START_TEST(test_one_fails)
{
	char path[64];
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	reads = mmap(
		NULL, sizeof(*reads), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(reads, MAP_FAILED);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		watcher();
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	(void)snprintf(path, sizeof(path), "%s/" HINT_SOCKET, dir);
	(void)unlink(path);
	(void)rmdir(dir);
	ck_assert_uint_eq(reads->printer, 1);
	ck_assert_uint_eq(reads->job, 1);
	ck_assert_uint_eq(reads->all, 1);
	(void)munmap(reads, sizeof(*reads));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hints-acted");
	TCase *tc = tcase_create("hints-acted");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_one_fails);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
