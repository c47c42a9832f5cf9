/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order platend hears of a cancelled job and of its printer. What cupsd answers is the
 * test's: the job, and a printer that was deleted before it is asked for.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/spool/spool.h"
#include "host/spool/watch.h"
#include "proto/base/cleanup.h"
#include "proto/base/ipc.h"
#include "proto/ipp/exchange.h"

#define KEY	  "6f1c1c43-0d8e-4a4c-9a4e-3f2d2a0f0a01/1"
#define WORKSPACE "6f1c1c43-0d8e-4a4c-9a4e-3f2d2a0f0a02"
#define NAME	  "B\xc3\xbcro" /* as cupsd's job-printer-uri has it: B%C3%BCro */

static int platend = -1; /* its end of the connection */
static bool there;	 /* the printer */
static bool hollow; /* the job: its printer was deleted, and cupsd has forgotten its attributes */
static bool hidden; /* the job, by a policy */
static bool strangers;		/* the job: none of Platen's */
static uint32_t state;		/* of the job */
static int begun = 1000;	/* the job's time-at-processing */
static const char *hold;	/* the job's job-hold-until */
static bool given_up, released; /* the job as it was told last */
static int ended, whole;	/* the job's end; how often all printers were read */

/* -- libcups, and what goes beside it */

ipp_t *cupsDoRequest(http_t *http, ipp_t *request, const char *resource)
{
	ipp_t *response = ippNew();

	(void)http;
	(void)resource;
	ippDelete(request);
	(void)ippAddString(
		response, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-name", NULL, "another");
	return response;
}

ipp_status_t cupsLastError(void)
{
	return IPP_STATUS_OK;
}

static void add_printer(ipp_t *response)
{
	(void)ippAddString(response, IPP_TAG_PRINTER, IPP_TAG_NAME, "printer-name", NULL, NAME);
	(void)ippAddString(response, IPP_TAG_PRINTER, IPP_TAG_URI, "device-uri", NULL,
		"socket://192.0.2.1:9100");
	(void)ippAddInteger(response, IPP_TAG_PRINTER, IPP_TAG_ENUM, "printer-state", 3);
}

static void add_job(ipp_t *response)
{
	(void)ippAddInteger(response, IPP_TAG_JOB, IPP_TAG_INTEGER, "job-id", 7);
	(void)ippAddString(response, IPP_TAG_JOB, IPP_TAG_URI, "job-printer-uri", NULL,
		"ipp://localhost/printers/B%C3%BCro");
	if (hidden)
		return;
	(void)ippAddInteger(response, IPP_TAG_JOB, IPP_TAG_ENUM, "job-state", (int)state);
	(void)ippAddInteger(response, IPP_TAG_JOB, IPP_TAG_INTEGER, "time-at-completed", ended);
	if (hollow)
		return;
	(void)ippAddInteger(response, IPP_TAG_JOB, IPP_TAG_INTEGER, "time-at-processing", begun);
	(void)ippAddString(response, IPP_TAG_JOB, IPP_TAG_KEYWORD, "job-hold-until", NULL, hold);
	(void)ippAddInteger(response, IPP_TAG_JOB, IPP_TAG_INTEGER, "job-impressions-completed", 0);
	if (strangers)
		return;
	(void)ippAddString(response, IPP_TAG_JOB, IPP_TAG_TEXT, SPOOL_ATTR_JOB, NULL, KEY);
	(void)ippAddString(
		response, IPP_TAG_JOB, IPP_TAG_TEXT, SPOOL_ATTR_WORKSPACE, NULL, WORKSPACE);
}

ipp_t *ipp_exchange(http_t *http, ipp_t *request, const char *resource, int file,
	exchange_fn *meanwhile, void *userdata, bool *ret_silent)
{
	ipp_op_t operation = ippGetOperation(request);
	ipp_t *response = ippNewResponse(request);

	(void)http;
	(void)resource;
	(void)file;
	(void)meanwhile;
	(void)userdata;
	*ret_silent = false;
	whole += operation == IPP_OP_CUPS_GET_PRINTERS;
	if (operation == IPP_OP_GET_JOBS || operation == IPP_OP_GET_JOB_ATTRIBUTES)
		add_job(response);
	else if (there)
		add_printer(response);
	else
		(void)ippSetStatusCode(response, IPP_STATUS_ERROR_NOT_FOUND);
	ippDelete(request);
	return response;
}

void httpSetAuthString(http_t *http, const char *scheme, const char *data)
{
	(void)http;
	(void)scheme;
	(void)data;
}

/* -- */

static struct watch watch;

/* What platend was told, in its order: P, a printer; G, it is gone; J and a state, the job. */
static const char *told(void)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	static char what[32];
	size_t used = 0;
	_cleanup_close_ int fd = -1;

	while (used < sizeof(what) - 3 && ipc_recv(platend, buf, sizeof(buf), &fd) > 0) {
		const struct ipc_head *m = (const struct ipc_head *)buf;
		const struct spool_job *job = (const struct spool_job *)buf;

		if (m->type == SPOOL_PRINTER)
			what[used++] = 'P';
		if (m->type == SPOOL_PRINTER_GONE)
			what[used++] = 'G';
		if (m->type != SPOOL_JOB)
			continue;
		ck_assert_str_eq(job->printer, NAME);
		ck_assert_int_eq((int)job->began, begun ? 1 : 0);
		given_up = job->given_up;
		released = job->released;
		what[used++] = 'J';
		what[used++] = (char)('0' + job->state);
	}
	what[used] = '\0';
	return what;
}

/* Before Check takes the descriptor that a worker's messages go by. */
static void connect_platend(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	platend = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	if (platend < 0 || dup2(pair[1], IPC_FD) < 0)
		abort();
	for (int i = 0; i < 2; i++)
		if (pair[i] != IPC_FD)
			(void)close_fd(pair[i]);
}

static void setup(void)
{
	(void)told();					  /* of a test that failed */
	watch = (struct watch){.http = (http_t *)&watch}; /* never looked into */
	there = true;
	hidden = hollow = strangers = false;
	state = IPP_JSTATE_PROCESSING;
	begun = 1000;
	hold = "no-hold";
	ended = whole = 0;
	ck_assert_int_ge(watch_list_printers(&watch, NULL), 0);
	ck_assert_int_eq(watch_list_jobs(&watch, 0), 0);
	ck_assert_str_eq(told(), "PJ5");
}

static void teardown(void)
{
	watch_forget(&watch);
}

/* The printer first, however the job was come upon; _i: the job alone, or the list. */
START_TEST(test_a_printer_that_went)
{
	there = false;
	state = IPP_JSTATE_CANCELED;
	ended = (int)time(NULL);
	ck_assert_int_eq(watch_list_jobs(&watch, _i ? 7 : 0), 0);
	ck_assert_str_eq(told(), "GJ7");
}
END_TEST

START_TEST(test_a_printer_that_is_there)
{
	state = IPP_JSTATE_CANCELED;
	ended = (int)time(NULL);
	ck_assert_int_eq(watch_list_jobs(&watch, 7), 0);
	ck_assert_str_eq(told(), "J7");
}
END_TEST

/* What was cancelled long ago has no printer read again and again. */
START_TEST(test_a_job_of_long_ago)
{
	state = IPP_JSTATE_CANCELED;
	ended = (int)time(NULL) - 3600;
	whole = 0;
	ck_assert_int_eq(watch_list_jobs(&watch, 0), 0);
	ck_assert_int_eq(whole, 0);
	ended = (int)time(NULL) + 1;
	ck_assert_int_eq(watch_list_jobs(&watch, 0), 0);
	ck_assert_int_eq(whole, 1);
}
END_TEST

/* One that cupsd has forgotten all but the number of is as one that it has purged: what the hints
 * say of it goes. A stranger's is nothing to us. */
START_TEST(test_a_job_without_attributes)
{
	there = false;
	state = IPP_JSTATE_CANCELED;
	ended = (int)time(NULL);
	hollow = true;
	ck_assert_int_eq(watch_list_jobs(&watch, 7), -ENOENT);
	hollow = false;
	strangers = true;
	ck_assert_int_eq(watch_list_jobs(&watch, 7), 0);
	ck_assert(!watch.blind);
	hidden = true; /* it may be there, and print */
	ck_assert_int_eq(watch_list_jobs(&watch, 7), 0);
	ck_assert(watch.blind);
	ck_assert_str_eq(told(), "");
}
END_TEST

/* What is held bears a sign of its release only if that took the hold away, or it has begun: before
 * it, too, a person may have it held until some time. */
START_TEST(test_whether_it_was_released)
{
	static const struct {
		uint32_t state;
		int begun;
		const char *hold;
		bool released;
	} jobs[] = {
		{IPP_JSTATE_HELD, 0, "indefinite", false},
		{IPP_JSTATE_HELD, 0, "18:00:00", false},
		{IPP_JSTATE_HELD, 0, "no-hold", true},
		{IPP_JSTATE_HELD, 1000, "indefinite", true},
		{IPP_JSTATE_PENDING, 0, "18:00:00", true},
		{IPP_JSTATE_CANCELED, 0, "indefinite", false},
	};

	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		state = jobs[i].state;
		begun = jobs[i].begun;
		hold = jobs[i].hold;
		watch_forget_job(&watch, 7);
		ck_assert_int_eq(watch_list_jobs(&watch, 0), 0);
		ck_assert_ptr_nonnull(strchr(told(), 'J'));
		ck_assert_msg(released == jobs[i].released, "job %zu", i);
	}
}
END_TEST

/* Whoever has cancelled it: the hint at that says so, and not one at what it was before. */
START_TEST(test_who_has_cancelled_it)
{
	struct spool_hint hint = {.host_job = 7, .job_state = IPP_JSTATE_PROCESSING};

	state = IPP_JSTATE_CANCELED;
	ended = (int)time(NULL);
	watch.hint = &hint;
	ck_assert_int_eq(watch_list_jobs(&watch, 7), 0);
	ck_assert_str_eq(told(), "");
	hint.job_state = IPP_JSTATE_CANCELED;
	watch.given_up[0] = _i ? 7 : 8;
	ck_assert_int_eq(watch_list_jobs(&watch, 7), 0);
	ck_assert_str_eq(told(), "J7");
	ck_assert_int_eq(given_up, _i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list");
	TCase *tc = tcase_create("list");
	SRunner *runner;
	int failed;

	connect_platend();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_a_printer_that_went, 0, 2);
	tcase_add_test(tc, test_a_printer_that_is_there);
	tcase_add_test(tc, test_a_job_of_long_ago);
	tcase_add_test(tc, test_a_job_without_attributes);
	tcase_add_test(tc, test_whether_it_was_released);
	tcase_add_loop_test(tc, test_who_has_cancelled_it, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
