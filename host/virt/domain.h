/* SPDX-License-Identifier: Apache-2.0 */
/* A domain's XML (libvirt's formatdomain) and Platen's element in its metadata, read and written.
 */
#ifndef PLATEN_VIRT_DOMAIN_H
#define PLATEN_VIRT_DOMAIN_H

#include <stdbool.h>

#include "host/virt/virt.h"

/* What the XML says of Platen's devices: devices, connected, cid, confined of `ret_domain`, and the
 * channel's socket path (empty: none). 0, or -EINVAL. */
int domain_read_xml(const char *xml, struct virt_domain *ret_domain, char socket[static 108]);

/* Mode and owner of <platen:workspace mode='' owner=''/>; NULL or another text: unset. */
void domain_read_metadata(const char *xml, struct virt_domain *ret_domain);

/* The element with mode and owner set as asked, everything else in it kept. A malloc'ed text, or
 * NULL when nothing is left to store. */
char *domain_write_metadata(const char *old_xml, const struct virt_set *set);

/* Notes in that element that attach brought a device that others may use too: the vsock device, or
 * the controller of ports. A malloc'ed text, or NULL. */
#define DOMAIN_VSOCK	  "vsock"
#define DOMAIN_CONTROLLER "controller"
char *domain_note(const char *old_xml, const char *device);
bool domain_brought(const char *xml, const char *device);

/* The element of Platen's device (VIRT_DEVICE_VIRTIO or VIRT_DEVICE_VSOCK) as the domain has it,
 * a malloc'ed text; NULL: there is none. */
char *domain_device_xml(const char *xml, uint32_t device);

/* The controller of ports, when the domain has one and no port at it; and whether it has one. */
char *domain_unused_controller(const char *xml);
bool domain_has_controller(const char *xml);

#endif
