/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, with a cupsd that does what a cupsd does at the worst of times: each
 * time it is counted how often it had a request whole, as one that it had must not come again.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/ipp/exchange.h"

/* IPP 2.0, successful-ok, request 1, attributes-charset utf-8 */
static const char fine[] = "\2\0\0\0\0\0\0\1\1\x47\0\22attributes-charset\0\5utf-8\3";

#define BODY_MOST (2U << 20) /* bytes */
#define REFUSED	  "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

enum deed {
	ANSWER,	      /* and stay connected */
	ANSWER_CLOSE, /* and hang up, as announced */
	ANSWER_LEAVE, /* and hang up */
	REFUSE,	      /* when all is there */
	REFUSE_EARLY, /* at the head, and hang up */
	LEAVE,	      /* without an answer when all is there */
};

static char dir[32], path[64];
static int listener;

/* Takes a request, or its head. 1: it came whole; 0: it did not; -1: nobody is there. */
static int take(int fd, bool head_alone)
{
	char *buf = calloc(1, BODY_MOST + 1);
	size_t size = 0, whole = BODY_MOST;
	int r = -1;

	ck_assert_ptr_nonnull(buf);
	while (size < whole) {
		ssize_t n = read(fd, buf + size, BODY_MOST - size);
		const char *end, *length;

		if (n <= 0)
			break;
		r = 0;
		size += (size_t)n;
		end = strstr(buf, "\r\n\r\n");
		if (!end || whole != BODY_MOST)
			continue;
		if (head_alone)
			break;
		length = strcasestr(buf, "Content-Length:");
		if (length && length < end)
			whole = (size_t)(end + 4 - buf) + strtoul(length + 15, NULL, 10);
		else if (size > 5 && memcmp(buf + size - 5, "0\r\n\r\n", 5) == 0)
			whole = size; /* chunks */
		if (strcasestr(buf, "Expect: 100-continue"))
			(void)dprintf(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	}
	free(buf);
	return size == whole ? 1 : r;
}

static void answer(int fd, const char *field)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
		"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n%sContent-Length: %zu\r\n\r\n",
		field, sizeof(fine) - 1);

	memcpy(head + n, fine, sizeof(fine) - 1);
	(void)!write(fd, head, (size_t)n + sizeof(fine) - 1);
}

/* Serves so many turns, and ends with the number of requests that came whole. */
static void cupsd(const enum deed *deeds, int count)
{
	int fd = -1, whole = 0, turn = 0;

	alarm(20);
	for (;;) {
		/* Behind the last it waits for the end. */
		enum deed deed = deeds[turn < count ? turn : count - 1];
		int r;

		if (fd < 0)
			fd = accept(listener, NULL, NULL);
		r = take(fd, deed == REFUSE_EARLY);
		if (r < 0) {
			(void)close(fd);
			fd = -1;
			if (turn >= count)
				_exit(whole);
			continue;
		}
		whole += r;
		turn++;
		if (deed == REFUSE || deed == REFUSE_EARLY)
			(void)!write(fd, REFUSED, strlen(REFUSED));
		else if (deed != LEAVE)
			answer(fd, deed == ANSWER_CLOSE ? "Connection: close\r\n" : "");
		if (deed != ANSWER) {
			(void)close(fd);
			fd = -1;
			if (turn >= count)
				_exit(whole);
		}
	}
}

static pid_t begin(const enum deed *deeds, int count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pid_t pid;

	(void)strcpy(dir, "/tmp/platen-exchange-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	(void)strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	pid = fork();
	if (pid == 0)
		cupsd(deeds, count);
	(void)close(listener);
	return pid;
}

/* How many requests it had whole. */
static int end(pid_t pid, http_t *http)
{
	int status;

	httpClose(http);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	(void)unlink(path);
	(void)rmdir(dir);
	return WEXITSTATUS(status);
}

static http_t *meet(void)
{
	http_t *http = httpConnect2(
		path, 0, NULL, AF_UNSPEC, HTTP_ENCRYPTION_IF_REQUESTED, 1, 10000, NULL);

	ck_assert_ptr_nonnull(http);
	return http;
}

static void count(void *userdata)
{
	(*(int *)userdata)++;
}

/* Whether there was an answer, and a good one. */
static bool ask(http_t *http, int file, int *calls, bool *silent)
{
	ipp_t *request = ippNewRequest(IPP_OP_CUPS_GET_DEFAULT);
	ipp_t *response = ipp_exchange(http, request, "/", file, count, calls, silent);
	bool good = response && ippGetStatusCode(response) == IPP_STATUS_OK;

	ippDelete(response);
	return good;
}

static int file_of(size_t size)
{
	int fd = memfd_create("driver", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

START_TEST(test_each_comes_once)
{
	static const enum deed deeds[] = {ANSWER, ANSWER, ANSWER};
	pid_t pid = begin(deeds, 3);
	int calls = 0, file = file_of(300000);
	http_t *http = meet();
	bool silent;

	ck_assert(ask(http, -1, &calls, &silent));
	ck_assert(ask(http, file, &calls, &silent));
	ck_assert(ask(http, file, &calls, &silent)); /* from its start on, wherever it stands */
	ck_assert_int_eq(calls, 3);
	ck_assert(!silent);
	(void)close(file);
	ck_assert_int_eq(end(pid, http), 3);
}
END_TEST

/* The second request finds the connection closed, with and without an announcement. */
START_TEST(test_connects_again)
{
	const enum deed deeds[] = {_i ? ANSWER_CLOSE : ANSWER_LEAVE, ANSWER};
	pid_t pid = begin(deeds, 2);
	http_t *http = meet();
	int calls = 0;
	bool silent;

	ck_assert(ask(http, -1, &calls, &silent));
	ck_assert_int_eq(calls, 1);
	while (!httpWait(http, 5000)) /* it has hung up */
		continue;
	ck_assert(ask(http, -1, &calls, &silent));
	ck_assert_int_eq(calls, 1); /* that was libcups */
	ck_assert_int_eq(end(pid, http), 2);
}
END_TEST

START_TEST(test_no_answer_is_not_asked_again)
{
	static const enum deed deeds[] = {LEAVE};
	pid_t pid = begin(deeds, 1);
	http_t *http = meet();
	int calls = 0;
	bool silent;

	ck_assert(!ask(http, -1, &calls, &silent));
	ck_assert(silent);
	ck_assert_int_eq(end(pid, http), 1);
}
END_TEST

/* A refusal, when all is there and in the middle of a driver that no socket's buffer holds. */
START_TEST(test_refusals)
{
	const enum deed deeds[] = {_i ? REFUSE_EARLY : REFUSE, _i ? REFUSE_EARLY : REFUSE};
	pid_t pid = begin(deeds, 2);
	int calls = 0, file = file_of(_i ? BODY_MOST / 2 : 100);
	http_t *http = meet();
	bool silent;

	ck_assert(!ask(http, file, &calls, &silent));
	ck_assert(!silent);
	ck_assert_int_eq(calls, _i ? 0 : 1);
	ck_assert_int_ne(cupsLastError(), IPP_STATUS_OK);
	if (!_i)
		ck_assert_int_eq(cupsLastError(), IPP_STATUS_ERROR_FORBIDDEN);
	(void)close(file);
	ck_assert_int_eq(end(pid, http), _i ? 0 : 2); /* by us, and by libcups for its words */
}
END_TEST

START_TEST(test_a_pipe_has_no_length)
{
	static const enum deed deeds[] = {ANSWER};
	pid_t pid = begin(deeds, 1);
	http_t *http = meet();
	int fds[2], calls = 0;
	bool silent;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "driver", 6), 6);
	(void)close(fds[1]);
	ck_assert(ask(http, fds[0], &calls, &silent));
	ck_assert_int_eq(calls, 0);
	(void)close(fds[0]);
	ck_assert_int_eq(end(pid, http), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipp-exchange");
	TCase *tcase = tcase_create("ipp-exchange");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_each_comes_once);
	tcase_add_loop_test(tcase, test_connects_again, 0, 2);
	tcase_add_test(tcase, test_no_answer_is_not_asked_again);
	tcase_add_loop_test(tcase, test_refusals, 0, 2);
	tcase_add_test(tcase, test_a_pipe_has_no_length);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
