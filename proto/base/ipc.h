/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between Platen's own programs on one machine: fixed structs over SOCK_SEQPACKET.
 *
 * Every message begins with struct ipc_head and has the one size that its type has, so a receiver
 * checks type and size and then reads a plain struct: no parser stands between two programs of
 * different trust. Strings are fixed arrays that the receiver checks with text_terminated().
 * Descriptors travel beside a message by SCM_RIGHTS (unix(7)).
 */
#ifndef PLATEN_BASE_IPC_H
#define PLATEN_BASE_IPC_H

#include <stddef.h>
#include <stdint.h>

#define IPC_FD	     3		 /* the descriptor at which a worker finds its connection */
#define IPC_SIZE_MAX (64 * 1024) /* bytes of the largest message; asserted where one is defined */

struct ipc_head {
	uint32_t type; /* the enum of that connection */
	uint32_t size; /* of the whole message, in bytes */
};

/* Makes a connected pair, both close-on-exec; `flags` may add SOCK_NONBLOCK. 0 or -errno. */
int ipc_pair(int flags, int ret_fds[static 2]);

/*
 * Sends one message (head.size bytes at `msg`) with a copy of `fd` unless that is -1; the caller
 * keeps its own. Never raises SIGPIPE. 0, or -errno (-EAGAIN: a non-blocking socket is full).
 */
int ipc_send(int sock, const void *msg, int fd);

/*
 * Receives one message into `buf`. Returns its size; 0 at the end of the connection; -errno
 * (-EAGAIN: nothing there; -EBADMSG: not a whole message, or head.size does not fit). ret_fd gets
 * a close-on-exec descriptor that the caller owns, or -1.
 */
int ipc_recv(int sock, void *buf, size_t size, int *ret_fd);

#endif
