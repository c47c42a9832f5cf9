/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains as they are now, told when they are other than before.
 *
 * Whatever event made us look, the domain is read as a whole and compared with what was told, so
 * events may come twice, late or in any order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/virt/domain.h"
#include "host/virt/libvirt.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

void virt_tell(const void *msg)
{
	if (ipc_send(IPC_FD, msg, -1) < 0)
		exit(0); /* platend is gone */
}

static struct known *known_find(struct virt *virt, const struct uuid *uuid)
{
	for (size_t i = 0; i < virt->count; i++)
		if (uuid_equal(&virt->known[i].is.uuid, uuid))
			return &virt->known[i];
	return NULL;
}

static struct known *known_add(struct virt *virt)
{
	if (virt->count == virt->size) {
		size_t size = virt->size ? virt->size * 2 : 16;
		struct known *grown = reallocarray(virt->known, size, sizeof(*grown));

		if (!grown)
			return NULL;
		virt->known = grown;
		virt->size = size;
	}
	memset(&virt->known[virt->count], 0, sizeof(*virt->known));
	return &virt->known[virt->count++];
}

static void forget(struct virt *virt, struct known *known)
{
	struct virt_domain gone = {
		.head = {.type = VIRT_GONE, .size = sizeof(gone)}, .uuid = known->is.uuid};

	*known = virt->known[--virt->count];
	virt_tell(&gone);
}

/* What is stored for its next start. That is read only where something may be: for a domain without
 * a device, and one that attach gave vsock. */
static void read_later(virDomainPtr domain, const char *metadata, struct virt_domain *d)
{
	_cleanup_free_ char *xml = NULL;
	struct virt_domain stored;
	char socket[108];

	if (!d->running || (d->devices && (d->devices & VIRT_DEVICE_VSOCK ||
						  !domain_brought(metadata, DOMAIN_VSOCK))))
		return;
	xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
	if (xml && domain_read_xml(xml, &stored, socket) == 0)
		d->later = stored.devices & ~d->devices;
}

/* Reads a domain. 0; -ENOENT when it went away meanwhile. */
static int read_domain(virDomainPtr domain, struct virt_domain *d)
{
	_cleanup_free_ char *xml = NULL, *metadata = NULL;
	char socket[108];
	int state = VIR_DOMAIN_NOSTATE, reason;
	unsigned int id;

	*d = (struct virt_domain){.head = {.type = VIRT_DOMAIN, .size = sizeof(*d)}};
	if (virDomainGetUUID(domain, d->uuid.bytes) < 0 ||
		virDomainGetState(domain, &state, &reason, 0) < 0)
		return -ENOENT;
	xml = virDomainGetXMLDesc(domain, 0);
	if (!xml || domain_read_xml(xml, d, socket) < 0)
		return -ENOENT;
	d->running = state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_PAUSED ||
		     state == VIR_DOMAIN_BLOCKED || state == VIR_DOMAIN_PMSUSPENDED;
	d->paused = state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_PMSUSPENDED;
	id = virDomainGetID(domain);
	d->id = d->running && id != (unsigned int)-1 ? id : 0;
	text_copy_line(d->name, sizeof(d->name), virDomainGetName(domain));
	metadata = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_URI, 0);
	domain_read_metadata(metadata, d);
	read_later(domain, metadata, d);
	return 0;
}

void virt_look(struct virt *virt, virDomainPtr domain)
{
	struct known *known;
	struct virt_domain now;
	struct uuid uuid;

	if (virDomainGetUUID(domain, uuid.bytes) < 0)
		return;
	known = known_find(virt, &uuid);
	if (read_domain(domain, &now) < 0) {
		if (known)
			forget(virt, known);
		return;
	}
	if (known) {
		known->seen = true;
		if (memcmp(&known->is, &now, sizeof(now)) == 0)
			return;
	} else {
		known = known_add(virt);
		if (!known)
			return;
		known->seen = true;
	}
	known->is = now;
	virt_tell(&now);
}

int virt_look_at_all(struct virt *virt)
{
	struct ipc_head listed = {.type = VIRT_LISTED, .size = sizeof(listed)};
	virDomainPtr *domains;
	int count = virConnectListAllDomains(virt->connection, &domains, 0);

	if (count < 0)
		return -EIO;
	for (size_t i = 0; i < virt->count; i++)
		virt->known[i].seen = false;
	for (int i = 0; i < count; i++) {
		virt_look(virt, domains[i]);
		(void)virDomainFree(domains[i]);
	}
	free(domains);
	for (size_t i = 0; i < virt->count;) {
		if (virt->known[i].seen)
			i++;
		else
			forget(virt, &virt->known[i]);
	}
	virt_tell(&listed);
	return 0;
}
