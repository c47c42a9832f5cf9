/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe that is made of a socket's buffers.
 *
 * Those of pipe(7) are pages that the kernel takes and gives back one by one, for each byte twice,
 * which large documents feel. But a socket goes both ways, and what reads a guest's bytes must not
 * hear from who hands documents to cupsd, or a fault in one reached the other: the way back is shut
 * before anybody else has an end.
 */
#include "host/document-pipe.h"

#include <errno.h>
#include <sys/socket.h>

#define PIPE_BYTES (512 * 1024)

int document_pipe(int ret[static 2])
{
	int size = PIPE_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) < 0)
		return -errno;
	(void)setsockopt(ret[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* or less: slower */
	(void)shutdown(ret[0], SHUT_WR); /* cannot fail: it is connected */
	return 0;
}
