/* SPDX-License-Identifier: Apache-2.0 */
/* platend's side of platen-virt: libvirt's domains become workspaces. */
#ifndef PLATEN_DOMAINS_H
#define PLATEN_DOMAINS_H

#include "host/host.h"
#include "host/virt/virt.h"

struct domains;
struct workspace;

/* The end of a request: what platen-virt answered, or -ETIMEDOUT, -ENOTCONN. */
typedef void domains_done_fn(const struct virt_result *result, void *userdata);

int domains_new(struct host *host, struct domains **ret_domains);
struct domains *domains_free(struct domains *domains);

/* Whether libvirt answers, and one line about it. */
bool domains_up(const struct domains *domains, const char **ret_text);

/* Asks for a workspace's virtio channel; workspace_opened() hears of it. 0 or -errno. */
int domains_open(struct domains *domains, struct workspace *workspace);

/* A connection over vsock came from `cid`: finds out which workspace it is and connects it. Takes
 * `fd`. */
void domains_vsock(struct domains *domains, uint32_t cid, int fd);

/* Sends VIRT_SET, VIRT_ATTACH, VIRT_DETACH or VIRT_RESTART (the serial is filled in here). `done`
 * is called once, later, unless domains_abandon() comes first. 0 or -errno. */
int domains_request(struct domains *domains, struct ipc_head *msg, uint32_t *serial,
	domains_done_fn *done, void *userdata);

/* Nobody waits for these any more. */
void domains_abandon(struct domains *domains, void *userdata);

/* Called now and then: is the worker alive? */
void domains_tick(struct domains *domains);

#endif
