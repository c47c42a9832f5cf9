/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transports, as far as this machine has them: unix sockets wholly, the guest's port with a
 * terminal in its place, vsock where the kernel has it, and never with an address of a machine
 * that the test did not start.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/limits.h"
#include "proto/transport.h"

static char dir[] = "/tmp/platen-transport-XXXXXX";
static char path[128];

static void setup(void)
{
	(void)strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/channel", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

static void is_plain(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* The socket is its owner's alone, is connected to, and carries bytes. */
START_TEST(test_unix)
{
	int listener = transport_unix_listen(path), guest, host;
	struct stat st;
	char c = 0;

	is_plain(listener);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(transport_unix_accept(listener), -EAGAIN);
	guest = _i == 0 ? transport_unix_connect(path) : transport_virtio_connect(path);
	is_plain(guest);
	host = transport_unix_accept(listener);
	is_plain(host);
	ck_assert_int_eq(write(guest, "x", 1), 1);
	ck_assert_int_eq(read(host, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	(void)close_fd(guest);
	(void)close_fd(host);
	(void)close_fd(listener);
}
END_TEST

/* A socket that a dead host left is replaced, anything else is not; the mask of the process is
 * what it was. */
START_TEST(test_unix_in_the_way)
{
	int first = transport_unix_listen(path), second;
	mode_t mask = umask(022);

	is_plain(first);
	second = transport_unix_listen(path);
	is_plain(second);
	ck_assert_uint_eq(umask(mask), 022);
	(void)close_fd(first);
	(void)close_fd(second);
	ck_assert_int_eq(transport_unix_connect(path), -ECONNREFUSED);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(transport_unix_connect(path), -ENOENT);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(transport_unix_listen(path), -EEXIST);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(transport_unix_listen(path), -EEXIST);
}
END_TEST

/* A path of the longest length there is, and one more. */
START_TEST(test_unix_long)
{
	struct sockaddr_un address;
	char text[sizeof(address.sun_path) + 1];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s/", dir);
	int fd;

	memset(text + used, 'x', sizeof(text) - used);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(transport_unix_listen(text), -ENAMETOOLONG);
	ck_assert_int_eq(transport_unix_connect(text), -ENAMETOOLONG);
	ck_assert_int_eq(transport_unix_listen(""), -ENAMETOOLONG);
	text[sizeof(text) - 2] = '\0';
	fd = transport_unix_listen(text);
	is_plain(fd);
	(void)close_fd(fd);
	ck_assert_int_eq(unlink(text), 0);
	(void)snprintf(text, sizeof(text), "%s/no/folder", dir);
	ck_assert_int_eq(transport_unix_listen(text), -ENOENT);
}
END_TEST

/* The guest's port is a character device and nothing else, and never becomes our terminal. */
START_TEST(test_virtio_open)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), port;

	ck_assert_int_eq(transport_virtio_open(path), -ENOENT);
	port = open(path, O_CREAT | O_WRONLY, 0600);
	(void)close_fd(port);
	ck_assert_int_eq(transport_virtio_open(path), -ENOTTY);
	ck_assert_int_eq(transport_virtio_open(dir), -EISDIR);
	if (master < 0)
		return;
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	port = transport_virtio_open(ptsname(master));
	is_plain(port);
	(void)close_fd(port);
	(void)close_fd(master);
}
END_TEST

/* vsock: a listener says that nobody came; a kernel without vsock says so at once. */
START_TEST(test_vsock)
{
	int listener = transport_vsock_listen(62310);
	uint32_t cid;

	if (listener == -EAFNOSUPPORT || listener == -ENODEV || listener == -EADDRNOTAVAIL)
		return;
	is_plain(listener);
	ck_assert_int_eq(transport_vsock_accept(listener, &cid), -EAGAIN);
	ck_assert_int_eq(transport_vsock_listen(62310), -EADDRINUSE);
	(void)close_fd(listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport");
	TCase *tc = tcase_create("transport");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_unix, 0, 2);
	tcase_add_test(tc, test_unix_in_the_way);
	tcase_add_test(tc, test_unix_long);
	tcase_add_test(tc, test_virtio_open);
	tcase_add_test(tc, test_vsock);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
