/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed messages over SOCK_SEQPACKET, with at most one descriptor beside each.
 *
 * A sequenced packet is received whole or not at all, which is what makes "type, size, plain
 * struct" a complete protocol between programs of one build. The receiver accepts one descriptor
 * and closes whatever else a peer may have attached, so a peer cannot fill our table.
 */
#include "proto/base/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/base/cleanup.h"

#define FDS_MAX 4 /* accepted by recvmsg() so that extra ones can be closed; see unix(7) */

int ipc_pair(int flags, int ret_fds[static 2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int ipc_send(int sock, const void *msg, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	const struct ipc_head *head = msg;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = head->size};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		hdr.msg_control = control.bytes;
		hdr.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		n = sendmsg(sock, &hdr, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int ipc_recv(int sock, void *buf, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	_cleanup_close_ int fd = -1;
	struct ipc_head head;
	ssize_t n;

	do
		n = recvmsg(sock, &hdr, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fd < 0)
				fd = got;
			else
				(void)close_fd(got);
		}
	}
	if (n == 0) {
		*ret_fd = -1;
		return 0;
	}
	if ((hdr.msg_flags & MSG_TRUNC) || (size_t)n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (head.size != (size_t)n)
		return -EBADMSG;
	*ret_fd = steal_fd(&fd);
	return (int)n;
}
