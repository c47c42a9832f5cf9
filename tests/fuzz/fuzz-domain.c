/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's XML and Platen's element in its metadata, which whoever may define domains wrote: what
 * is read of it is sound, and what is written reads back as it was meant.
 *
 * The first byte says what is set, the rest is the XML, of a domain and of the element.
 */
#include <stdlib.h>
#include <string.h>

#include "host/virt/domain.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

static void look_at(const struct virt_domain *d)
{
	PROMISE(d->mode <= VIRT_MODE_ALL && d->restart <= VIRT_RESTART_NEVER);
	PROMISE(text_terminated(d->owner, sizeof(d->owner)));
	PROMISE(!d->owner[0] || text_is_user(d->owner));
}

static void write_and_read(const char *xml, uint8_t how)
{
	struct virt_set set = {.mode = how % 4,
		.set_restart = how >> 2 & 1,
		.restart = (how >> 3) % 4,
		.set_owner = how >> 5 & 1,
		.owner = "alice"};
	struct virt_domain before = {0}, after = {0};
	char *text = domain_write_metadata(xml, &set);

	domain_read_metadata(xml, &before);
	domain_read_metadata(text, &after);
	look_at(&before);
	look_at(&after);
	if (set.set_restart)
		PROMISE(after.restart == set.restart && after.mode == before.mode);
	else
		PROMISE(after.mode == set.mode && after.restart == before.restart);
	PROMISE(domain_brought(text, DOMAIN_VSOCK) == domain_brought(xml, DOMAIN_VSOCK));
	free(text);
	text = domain_note(xml, DOMAIN_VSOCK);
	PROMISE(!text || domain_brought(text, DOMAIN_VSOCK));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virt_domain d = {0};
	char *xml, *element, socket[108] = "";

	if (size < 1)
		return 0;
	xml = strndup((const char *)data + 1, size - 1);
	PROMISE(xml);
	if (domain_read_xml(xml, &d, socket) == 0) {
		PROMISE(memchr(socket, '\0', sizeof(socket)) && d.connected <= 1 &&
			d.confined <= 1);
		PROMISE(!(d.devices & ~(uint32_t)(VIRT_DEVICE_VIRTIO | VIRT_DEVICE_VSOCK)));
	}
	for (uint32_t device = VIRT_DEVICE_VIRTIO; device <= VIRT_DEVICE_VSOCK; device++) {
		element = domain_device_xml(xml, device);
		PROMISE(!element || element[0] == '<');
		free(element);
	}
	write_and_read(xml, data[0]);
	free(xml);
	return 0;
}
