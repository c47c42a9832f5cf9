/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket between two of our programs, with a peer that was taken over: packets of any bytes and
 * any length, with none to many descriptors, broken off anywhere. A message is taken only when it
 * is as long as it says, and no descriptor stays but the one that was handed out.
 *
 * The bytes are packets: how many descriptors come with it, its length (little-endian), itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/ipc.h"
#include "tests/fuzz/fuzz.h"

#define FDS_SENT 7

/* Descriptors that are open, of the first 64. */
static int count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static bool send_packet(int sock, const uint8_t *bytes, size_t size, unsigned int fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_SENT)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fds) {
		struct cmsghdr *c;

		hdr.msg_control = control.bytes;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds);
		for (unsigned int i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &sock, sizeof(int));
	}
	return sendmsg(sock, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* What is there, taken and judged. */
static void receive(int sock, const uint8_t *sent, size_t size, unsigned int fds)
{
	static uint8_t buf[4096]; /* smaller than what may be sent */
	struct ipc_head head;
	int fd = -2, r = ipc_recv(sock, buf, sizeof(buf), &fd);

	PROMISE(r == -EBADMSG || r >= 0);
	if (r == -EBADMSG) {
		PROMISE(fd == -2);
		if (size >= sizeof(head))
			memcpy(&head, sent, sizeof(head));
		PROMISE(size < sizeof(head) || size > sizeof(buf) || head.size != size);
		return;
	}
	PROMISE((size_t)r == size && (r == 0 || memcmp(buf, sent, size) == 0));
	PROMISE(r > 0 || fd == -1);
	PROMISE((fd >= 0) == (fds > 0 && r > 0));
	if (fd >= 0) {
		PROMISE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		(void)close(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2], before = count_open();

	PROMISE(ipc_pair(0, fds) == 0);
	while (size >= 3) {
		unsigned int passed = data[0] % (FDS_SENT + 1);
		size_t len = (size_t)data[1] | (size_t)data[2] << 8;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		if (send_packet(fds[1], data, len, passed))
			receive(fds[0], data, len, passed);
		data += len;
		size -= len;
	}
	(void)close(fds[1]);
	receive(fds[0], NULL, 0, 0);
	(void)close(fds[0]);
	PROMISE(count_open() == before);
	return 0;
}
