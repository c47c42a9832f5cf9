/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed messages between programs: whole or not at all, with at most one descriptor beside. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/ipc.h"

struct text {
	struct ipc_head head;
	char text[24];
};

static int fds[2];

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_DFL); /* sending must not raise it */
	ck_assert_int_eq(ipc_pair(SOCK_NONBLOCK, fds), 0);
}

static void teardown(void)
{
	fds[0] = close_fd(fds[0]);
	fds[1] = close_fd(fds[1]);
}

static struct text hello(void)
{
	return (struct text){.head = {.type = 7, .size = sizeof(struct text)}, .text = "hello"};
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* Raw bytes with some descriptors, as a program that does not use ipc_send() could send them. */
static void send_raw(const void *data, size_t size, int count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count) {
		struct cmsghdr *c;
		int zero = 0;

		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
		for (int i = 0; i < count; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &zero, sizeof(int));
	}
	ck_assert_int_ge(sendmsg(fds[0], &hdr, MSG_NOSIGNAL), 0);
}

/* Messages keep their borders and their order; both ends are closed on exec. */
START_TEST(test_messages)
{
	struct text m = hello(), got;
	int fd;

	ck_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC && fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(ipc_recv(fds[1], &got, sizeof(got), &fd), -EAGAIN);
	ck_assert_int_eq(ipc_send(fds[0], &m, -1), 0);
	m.head.size = sizeof(m.head);
	ck_assert_int_eq(ipc_send(fds[0], &m, -1), 0);
	ck_assert_int_eq(ipc_recv(fds[1], &got, sizeof(got), &fd), sizeof(got));
	ck_assert_int_eq(fd, -1);
	ck_assert_str_eq(got.text, "hello");
	ck_assert_int_eq(ipc_recv(fds[1], &got, sizeof(got), &fd), sizeof(got.head));
	fds[0] = close_fd(fds[0]);
	ck_assert_int_eq(ipc_recv(fds[1], &got, sizeof(got), &fd), 0);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(ipc_send(fds[1], &m, -1), -EPIPE);
}
END_TEST

/* A descriptor comes as a copy that is closed on exec. */
START_TEST(test_descriptor)
{
	struct text m = hello(), got;
	int pipe_fds[2], fd;
	char c = 0;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(ipc_send(fds[0], &m, pipe_fds[1]), 0);
	ck_assert_int_ge(fcntl(pipe_fds[1], F_GETFD), 0);
	ck_assert_int_eq(ipc_recv(fds[1], &got, sizeof(got), &fd), sizeof(got));
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(pipe_fds[0], &c, 1), 1);
	ck_assert_int_eq(c, 'x');
}
END_TEST

/* What is no message is refused, and descriptors that came with it are closed. */
START_TEST(test_refused)
{
	static const struct {
		const char *what;
		uint32_t size_said;
		size_t size_sent;
		int descriptors;
		int result;
	} rows[] = {
		{"whole", sizeof(struct text), sizeof(struct text), 0, sizeof(struct text)},
		{"said more", sizeof(struct text) + 1, sizeof(struct text), 1, -EBADMSG},
		{"said less", sizeof(struct text) - 1, sizeof(struct text), 1, -EBADMSG},
		{"said nothing", 0, sizeof(struct text), 0, -EBADMSG},
		{"half a head", 4, 4, 1, -EBADMSG},
		{"larger than the buffer", sizeof(struct text) + 8, sizeof(struct text) + 8, 1,
			-EBADMSG},
		{"empty", 0, 0, 1, 0}, /* cannot be told from the end, and is taken for it */
		{"many descriptors", sizeof(struct text), sizeof(struct text), 4,
			sizeof(struct text)},
		{"more than are taken", sizeof(struct text), sizeof(struct text), 16,
			sizeof(struct text)},
	};
	char bytes[2 * sizeof(struct text)] = {0};
	struct ipc_head head = {.type = 7, .size = rows[_i].size_said};
	int before = open_fds(), fd, r;
	struct text got;

	memcpy(bytes, &head, sizeof(head));
	send_raw(bytes, rows[_i].size_sent, rows[_i].descriptors);
	r = ipc_recv(fds[1], &got, sizeof(got), &fd);
	ck_assert_msg(r == rows[_i].result, "%s: %d", rows[_i].what, r);
	if (r > 0)
		fd = close_fd(fd);
	ck_assert_msg(open_fds() == before, "%s: a descriptor is left", rows[_i].what);
}
END_TEST

/* A full socket says so and takes nothing. */
START_TEST(test_full)
{
	struct text m = hello(), got;
	int sent = 0, fd, r;

	while ((r = ipc_send(fds[0], &m, -1)) == 0)
		sent++;
	ck_assert_int_eq(r, -EAGAIN);
	while (ipc_recv(fds[1], &got, sizeof(got), &fd) > 0)
		sent--;
	ck_assert_int_eq(sent, 0);
	ck_assert_int_eq(ipc_send(fds[0], &m, -1), 0);
}
END_TEST

/* The largest message there is. */
START_TEST(test_largest)
{
	struct ipc_head *m = calloc(1, IPC_SIZE_MAX);
	void *got = malloc(IPC_SIZE_MAX);
	int fd;

	m->size = IPC_SIZE_MAX;
	ck_assert_int_eq(ipc_send(fds[0], m, -1), 0);
	ck_assert_int_eq(ipc_recv(fds[1], got, IPC_SIZE_MAX, &fd), IPC_SIZE_MAX);
	free(m);
	free(got);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipc");
	TCase *tc = tcase_create("ipc");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_messages);
	tcase_add_test(tc, test_descriptor);
	tcase_add_loop_test(tc, test_refused, 0, 9);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_largest);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
