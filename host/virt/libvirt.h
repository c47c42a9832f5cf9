/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to libvirt, and what platen-virt does over it. */
#ifndef PLATEN_LIBVIRT_H
#define PLATEN_LIBVIRT_H

#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "host/virt/virt.h"

struct known {
	struct virt_domain is; /* as it was told */
	bool seen;
};

struct virt {
	const char *uri;
	virConnectPtr connection; /* NULL: libvirt does not answer */
	int timer;		  /* virEventAddTimeout: the next try, or a look again */
	unsigned int failures, looks;
	bool lost; /* the connection was closed: noticed in the loop */
	struct known *known;
	size_t count, size;
};

/* Says a message to platend. */
void virt_tell(const void *msg);

/* Tells a domain if it is other than it was told before; one that is gone, as gone. */
void virt_look(struct virt *virt, virDomainPtr domain);

/* Tells all domains, and which are gone. 0 or -EIO. */
int virt_look_at_all(struct virt *virt);

/* Does a request and answers it. */
void virt_do(struct virt *virt, const struct ipc_head *msg);

#endif
