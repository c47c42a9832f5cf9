/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platend asks to have done, and nothing else: open a channel, store settings, attach and
 * detach Platen's device, restart, find a CID.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "host/virt/domain.h"
#include "host/virt/libvirt.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/transport.h"

static const char channel_xml[] =
	"<channel type='unix'><target type='virtio' name='" VIRTIO_PORT "'/></channel>";
#define LIBVIRT_CHANNELS "/libvirt/qemu/channel/" /* in a path that libvirt made */
static const char vsock_xml[] = "<vsock model='virtio'><cid auto='yes'/></vsock>";

/* What goes beside the answer, or -1. */
static int answer_fd = -1;

/* Notes the answer; it is sent when what it changed was told, so that who asked finds it so. */
static void answer(struct virt_result *result, int error, const char *text, int fd)
{
	result->error = error;
	text_copy_line(result->text, sizeof(result->text), text);
	answer_fd = fd;
}

/* Answers with libvirt's own words. */
static void answer_virt(struct virt_result *result, int error)
{
	const char *words = virGetLastErrorMessage();

	if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		error = -ENOENT;
	answer(result, error, words ? words : "libvirt failed", -1);
}

static virDomainPtr domain_of(struct virt *virt, const struct uuid *uuid, const char *name)
{
	struct uuid parsed;

	if (!uuid_is_null(uuid))
		return virDomainLookupByUUID(virt->connection, uuid->bytes);
	if (uuid_parse(name, &parsed) == 0)
		return virDomainLookupByUUID(virt->connection, parsed.bytes);
	return virDomainLookupByName(virt->connection, name);
}

/* A path that a person gave to two domains, by a copied definition: who started last has the
 * socket, and the first one's jobs would be the other's. Paths of libvirt's own are one for each.
 */
static bool is_shared(
	struct virt *virt, virDomainPtr domain, const char *socket, struct virt_result *result)
{
	virDomainPtr *domains;
	char text[MESSAGE_SIZE], other[108];
	struct virt_domain d;
	bool shared = false;
	int count = strstr(socket, LIBVIRT_CHANNELS)
			    ? 0
			    : virConnectListAllDomains(
				      virt->connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *xml = virDomainGetXMLDesc(domains[i], 0);

		if (!shared &&
			strcmp(virDomainGetName(domains[i]), virDomainGetName(domain)) != 0 &&
			xml && domain_read_xml(xml, &d, other) == 0 && strcmp(other, socket) == 0) {
			(void)text_printf(text, sizeof(text),
				"its channel's socket %s is %.200s's, too: give each a path of its "
				"own, or none",
				socket, virDomainGetName(domains[i]));
			shared = true;
		}
		(void)virDomainFree(domains[i]);
	}
	if (count > 0)
		free(domains);
	if (shared)
		answer(result, -EEXIST, text, -1);
	return shared;
}

static void do_open(struct virt *virt, virDomainPtr domain, struct virt_result *result)
{
	_cleanup_free_ char *xml = virDomainGetXMLDesc(domain, 0);
	struct virt_domain d;
	char socket[108];
	int fd;

	if (!xml || domain_read_xml(xml, &d, socket) < 0)
		return answer_virt(result, -EIO);
	if (!socket[0])
		return answer(result, -ENOENT,
			"the domain's channel has no socket: attach it with `platenctl attach`",
			-1);
	if (is_shared(virt, domain, socket, result))
		return;
	fd = transport_virtio_connect(socket);
	if (fd == -EAGAIN || fd == -EBUSY)
		return answer(result, -EBUSY, "another program is connected to the channel", -1);
	if (fd < 0) {
		char text[MESSAGE_SIZE];

		(void)text_printf(text, sizeof(text), "%s: %s", socket, strerror(-fd));
		return answer(result, fd, text, -1);
	}
	answer(result, 0, "", fd);
}

static unsigned int scope(virDomainPtr domain)
{
	unsigned int flags = 0;

	if (virDomainIsActive(domain) == 1)
		flags |= VIR_DOMAIN_AFFECT_LIVE;
	if (virDomainIsPersistent(domain) == 1)
		flags |= VIR_DOMAIN_AFFECT_CONFIG;
	return flags;
}

static void do_set(virDomainPtr domain, const struct virt_set *set, struct virt_result *result)
{
	_cleanup_free_ char *old =
		virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_URI, 0);
	_cleanup_free_ char *fresh = domain_write_metadata(old, set);

	(void)virDomainGetUUID(domain, result->uuid.bytes);
	if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, fresh, VIRT_METADATA_PREFIX,
		    VIRT_METADATA_URI, scope(domain)) < 0)
		return answer_virt(result, -EIO);
	answer(result, 0, "", -1);
}

/* So that detach knows later that the device is ours. */
static void note_brought(virDomainPtr domain, const char *device, unsigned int flags)
{
	_cleanup_free_ char *old =
		virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_URI, 0);
	_cleanup_free_ char *fresh = domain_note(old, device);

	(void)virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, fresh, VIRT_METADATA_PREFIX,
		VIRT_METADATA_URI, flags); /* without it the device only stays */
}

static bool has(const char *xml, uint32_t device)
{
	char socket[108];
	struct virt_domain d;

	return xml && domain_read_xml(xml, &d, socket) == 0 && d.devices & device;
}

/* Live first; what libvirt cannot do live is stored for the next start. */
static void do_attach(virDomainPtr domain, uint32_t device, struct virt_result *result)
{
	const char *xml = device == VIRT_DEVICE_VSOCK ? vsock_xml : channel_xml;
	_cleanup_free_ char *now = virDomainGetXMLDesc(domain, 0);
	_cleanup_free_ char *defined = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
	unsigned int flags = scope(domain);
	char why[MESSAGE_SIZE] = "", text[MESSAGE_SIZE];
	bool stored = has(defined, device), live = false;

	if (has(now, device))
		return answer(result, 0, "it is attached already", -1);
	if (flags & VIR_DOMAIN_AFFECT_LIVE)
		live = virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) == 0;
	if (!live && flags & VIR_DOMAIN_AFFECT_LIVE)
		text_copy_line(why, sizeof(why), virGetLastErrorMessage());
	if (flags & VIR_DOMAIN_AFFECT_CONFIG && !stored &&
		virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_CONFIG) < 0 && !live)
		return answer_virt(result, -EIO);
	if (!stored && device == VIRT_DEVICE_VSOCK)
		note_brought(domain, DOMAIN_VSOCK, flags);
	else if (!stored && defined &&
		 !domain_has_controller(defined)) /* libvirt brought it along */
		note_brought(domain, DOMAIN_CONTROLLER, flags);
	result->live = live || !(flags & VIR_DOMAIN_AFFECT_LIVE);
	if (result->live)
		return answer(result, 0, live ? "attached, in force now" : "attached", -1);
	if (!(flags & VIR_DOMAIN_AFFECT_CONFIG))
		return answer(result, -ENOTSUP, why, -1);
	(void)text_printf(text, sizeof(text),
		"attached; libvirt cannot do it live (%.300s): shut the workspace down and start "
		"it; a reboot does not bring it",
		why);
	answer(result, 0, text, -1);
}

/* Takes one device out, here and now or for the next start. It must be named as libvirt has it,
 * with alias and address. Whether it is gone. */
static bool take_out(virDomainPtr domain, uint32_t device, unsigned int scope_flag)
{
	_cleanup_free_ char *xml = virDomainGetXMLDesc(
		domain, scope_flag == VIR_DOMAIN_AFFECT_CONFIG ? VIR_DOMAIN_XML_INACTIVE : 0);
	_cleanup_free_ char *element = xml ? domain_device_xml(xml, device) : NULL;

	return xml && (!element || virDomainDetachDeviceFlags(domain, element, scope_flag) == 0);
}

/* The controller of ports that attach brought goes with the last of them; from a workspace that
 * runs it goes with its end. */
static void take_out_controller(virDomainPtr domain)
{
	_cleanup_free_ char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
	_cleanup_free_ char *element = xml ? domain_unused_controller(xml) : NULL;

	if (element) /* without it there is one device that does nothing */
		(void)virDomainDetachDeviceFlags(domain, element, VIR_DOMAIN_AFFECT_CONFIG);
}

/* A vsock device may serve others too: it goes only if attach brought it. */
static void do_detach(virDomainPtr domain, struct virt_result *result)
{
	static const uint32_t devices[] = {VIRT_DEVICE_VIRTIO, VIRT_DEVICE_VSOCK};
	_cleanup_free_ char *old =
		virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VIRT_METADATA_URI, 0);
	unsigned int flags = scope(domain);
	char why[MESSAGE_SIZE] = "", text[MESSAGE_SIZE];

	result->live = 1;
	for (size_t i = 0; i < 2; i++) {
		if (devices[i] == VIRT_DEVICE_VSOCK && !domain_brought(old, DOMAIN_VSOCK))
			continue;
		if (flags & VIR_DOMAIN_AFFECT_CONFIG &&
			!take_out(domain, devices[i], VIR_DOMAIN_AFFECT_CONFIG))
			return answer_virt(result, -EIO);
		if (flags & VIR_DOMAIN_AFFECT_LIVE &&
			!take_out(domain, devices[i], VIR_DOMAIN_AFFECT_LIVE)) {
			result->live = 0;
			text_copy_line(why, sizeof(why), virGetLastErrorMessage());
		}
	}
	if (flags & VIR_DOMAIN_AFFECT_CONFIG && domain_brought(old, DOMAIN_CONTROLLER))
		take_out_controller(domain);
	(void)virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NULL, VIRT_METADATA_PREFIX,
		VIRT_METADATA_URI, flags); /* none there is as good */
	(void)text_printf(text, sizeof(text),
		"detached; libvirt cannot do it live (%.300s): shut the workspace down and start "
		"it; a reboot does not take it away",
		why);
	answer(result, 0, result->live ? "detached" : text, -1);
}

static void do_find_cid(struct virt *virt, uint32_t cid, struct virt_result *result)
{
	virDomainPtr *domains;
	int count = virConnectListAllDomains(
		virt->connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	bool found = false;

	if (count < 0)
		return answer_virt(result, -EIO);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *xml = virDomainGetXMLDesc(domains[i], 0);
		struct virt_domain d;
		char socket[108];

		if (!found && xml && domain_read_xml(xml, &d, socket) == 0 && d.cid == cid) {
			(void)virDomainGetUUID(domains[i], result->uuid.bytes);
			found = true;
		}
		(void)virDomainFree(domains[i]);
	}
	free(domains);
	answer(result, found ? 0 : -ENOENT, found ? "" : "no running domain has this CID", -1);
}

static void do_on_domain(struct virt *virt, const struct ipc_head *msg, struct virt_result *result)
{
	const struct virt_request *request = (const struct virt_request *)msg;
	const struct virt_set *set = (const struct virt_set *)msg;
	virDomainPtr domain = msg->type == VIRT_SET
				      ? domain_of(virt, &set->uuid, "")
				      : domain_of(virt, &request->uuid, request->name);

	if (!domain)
		return answer_virt(result, -EIO);
	switch (msg->type) {
	case VIRT_OPEN: do_open(virt, domain, result); break;
	case VIRT_SET: do_set(domain, set, result); break;
	case VIRT_ATTACH: do_attach(domain, request->device, result); break;
	case VIRT_DETACH: do_detach(domain, result); break;
	case VIRT_RESET:
		if (virDomainReset(domain, 0) < 0)
			answer_virt(result, -EIO);
		else
			answer(result, 0, "reset", -1);
		break;
	default: /* VIRT_RESTART */
		if (virDomainReboot(domain, 0) < 0)
			answer_virt(result, -EIO);
		else
			answer(result, 0, "restarting", -1);
		break;
	}
	if (msg->type != VIRT_OPEN)
		virt_look(virt, domain);
	(void)virDomainFree(domain);
}

void virt_do(struct virt *virt, const struct ipc_head *msg)
{
	const struct virt_request *request = (const struct virt_request *)msg;
	struct virt_result result = {.head = {.type = VIRT_RESULT, .size = sizeof(result)}};
	size_t expected = msg->type == VIRT_SET ? sizeof(struct virt_set) : sizeof(*request);

	if (msg->size != expected)
		return;
	result.serial = request->serial; /* stands at one place in both */
	if (msg->type != VIRT_SET && !text_terminated(request->name, sizeof(request->name)))
		return;
	if (!virt->connection)
		answer(&result, -ENOTCONN, "libvirt does not answer", -1);
	else if (msg->type == VIRT_FIND_CID)
		do_find_cid(virt, request->cid, &result);
	else
		do_on_domain(virt, msg, &result);
	(void)ipc_send(IPC_FD, &result, answer_fd); /* platend gone: the loop ends by itself */
	answer_fd = close_fd(answer_fd);
}
