/* SPDX-License-Identifier: Apache-2.0 */
/* Where a service manager starts platen-fetch: each connection is a fetch of its own. */
#ifndef PLATEN_SERVE_H
#define PLATEN_SERVE_H

#include "proto/base/ipc.h"

/* Fetches under way at once, and how long the server stays without any, in milliseconds. */
#define SERVE_AT_ONCE	8
#define SERVE_IDLE_MSEC 30000

/*
 * Takes connections of the listening socket (SOCK_SEQPACKET) at IPC_FD, a process for each, and
 * ends that process and all that it started when its connection is closed from the other side.
 *
 * Returns 1 in such a process, with its connection at IPC_FD in place of the listening socket; 0 in
 * the server when nothing came for a while or it was told to end (SIGTERM); -errno, -ENOTSOCK where
 * IPC_FD listens to nothing.
 */
int serve(void);

#endif
