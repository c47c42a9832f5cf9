/* SPDX-License-Identifier: Apache-2.0 */
/* The port at which workspaces with vsock(7) are awaited. */
#ifndef PLATEN_VSOCK_H
#define PLATEN_VSOCK_H

#include "host/host.h"

struct vsock;

/* Begins to listen where the settings say so. 0 or -ENOMEM; whatever else is wrong is said, and
 * tried again. */
int vsock_new(struct host *host, struct vsock **ret_vsock);
struct vsock *vsock_free(struct vsock *vsock);

/* The settings were read again: listens at their port, and no longer at one before. */
void vsock_look(struct vsock *vsock);

/* 0: it listens; or why it does not, -errno; -ENODEV where it is not to. */
int vsock_error(const struct vsock *vsock);

#endif
