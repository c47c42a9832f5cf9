/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cupsd that hangs up in the middle of an answer, after one in which it knew of nothing.
 *
 * libcups remembers the error of the question before. An answer that did not come is no "not
 * found": by that a job is taken for one that somebody cancelled, and a queue for one that is gone.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/queues/cupsd.h"

/* IPP 2.0, client-error-not-found, request 1, attributes-charset utf-8 */
static const char not_found[] = "\2\0\4\6\0\0\0\1\1\x47\0\22attributes-charset\0\5utf-8\3";

#define READ_MOST 65536

/* Takes a question: its head, what was announced with it, and no more. False: hung up. */
static bool question(int fd)
{
	static char buf[READ_MOST];
	size_t size = 0, whole = sizeof(buf);

	memset(buf, 0, sizeof(buf));
	while (size < whole && size < sizeof(buf) - 1) {
		ssize_t n = read(fd, buf + size, sizeof(buf) - 1 - size);
		const char *end, *length;

		if (n <= 0)
			return false;
		size += (size_t)n;
		end = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "Content-Length:");
		if (!end || !length || whole != sizeof(buf))
			continue;
		whole = (size_t)(end + 4 - buf) + strtoul(length + 15, NULL, 10);
		if (strcasestr(buf, "Expect: 100-continue"))
			(void)dprintf(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	}
	return true;
}

/* Two questions are answered; in the answer to the third it hangs up. `early`: before it. */
static void cupsd(int listener, bool early)
{
	int fd = accept(listener, NULL, NULL);

	(void)close(listener);
	for (int i = 0; i < 2; i++) {
		if (fd < 0 || !question(fd))
			_exit(1);
		(void)dprintf(fd,
			"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n"
			"Content-Length: %zu\r\n\r\n",
			sizeof(not_found) - 1);
		(void)!write(fd, not_found, sizeof(not_found) - 1);
	}
	if (!question(fd))
		_exit(1);
	if (!early)
		(void)dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n"
				  "Content-Length: 500\r\n\r\n\2");
	(void)close(fd);
	_exit(0);
}

START_TEST(test_hangs_up)
{
	char dir[] = "/tmp/platen-silent-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ipp_t *response = NULL;
	struct cupsd c;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0)
		cupsd(listener, _i);
	(void)close(listener);
	cupsd_init(&c, address.sun_path);
	ck_assert(cupsd_answers(&c));
	ippDelete(cupsDoRequest(c.http, cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, 6), "/"));
	ck_assert_int_eq(cupsLastError(), IPP_STATUS_ERROR_NOT_FOUND);
	ck_assert_int_eq(
		cupsd_run(&c, cupsd_job_request(IPP_OP_GET_JOB_ATTRIBUTES, 7), "/", -1, &response),
		-ECONNRESET);
	ck_assert_ptr_null(response);
	ck_assert_ptr_null(c.http);
	ck_assert_ptr_nonnull(strstr(c.text, "went away"));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	(void)unlink(address.sun_path);
	(void)rmdir(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cupsd-silent");
	TCase *tcase = tcase_create("cupsd-silent");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_hangs_up, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
