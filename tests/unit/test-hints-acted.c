/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `platen-spool watch` makes of a batch of hints, one of which cannot be read.
 *
 * What is read is the test's, and its libcups is connected to a cupsd that says yes to all else. A
 * hint comes once: that of another job must not go with one that failed. Others are purged, of
 * which several hints tell.
 */
#include <errno.h>
#include <stdint.h>

#include "host/spool/watch.h"
#include "tests/unit/watcher.h"

/* How often each was read, in memory that the watcher shares. */
static struct {
	uint32_t job, printer, all; /* job 2, the printer, all printers since the hints */
	uint32_t purged;
	uint32_t states[2]; /* of jobs 3 and 4 */
	bool began[2], given_up[2];
} * reads;

static bool hinted;

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
	static const struct spool_hint hints[] = {{.printer = "laser"}, {.host_job = 1},
		{.host_job = 2}, {.host_job = 3, .job_state = IPP_JSTATE_PROCESSING},
		{.host_job = 3, .job_state = IPP_JSTATE_PENDING},
		{.host_job = 3,
			.printer = "laser",
			.job_state = IPP_JSTATE_CANCELED,
			.given_up = 1},
		{.host_job = 4, .job_state = IPP_JSTATE_COMPLETED},
		{.host_job = 4, .job_state = IPP_JSTATE_CANCELED}};

	(void)watch;
	reads->job += only == 2;
	if (only)
		return only == 1 ? -ENOMEM : only >= 3 ? -ENOENT : 0;
	if (hinted) {
		watcher_hang_up();
		return 0;
	}
	hinted = true;
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		(void)watcher_hint(&hints[i]); /* what did not go is missed below */
	return 0;
}

void watch_job_purged(struct watch *watch, uint32_t host_job, uint32_t state, bool began)
{
	reads->purged++;
	reads->states[host_job - 3] = state;
	reads->began[host_job - 3] = began;
	for (size_t i = 0; i < GIVEN_UP; i++)
		reads->given_up[host_job - 3] |= watch->given_up[i] == host_job;
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

START_TEST(test_one_fails)
{
	reads = watcher_begin(sizeof(*reads));
	watcher_end(watcher_start("cupsd"));
	ck_assert_uint_eq(reads->printer, 1);
	ck_assert_uint_eq(reads->job, 1);
	ck_assert_uint_eq(
		reads->all, 2); /* for the job that was cancelled, and for what was lost */
	ck_assert_uint_eq(reads->purged, 2);
	ck_assert_uint_eq(reads->states[0], IPP_JSTATE_CANCELED);
	ck_assert_uint_eq(reads->states[1], IPP_JSTATE_COMPLETED);
	ck_assert(reads->began[0] && reads->began[1]);
	ck_assert(reads->given_up[0] && !reads->given_up[1]);
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
