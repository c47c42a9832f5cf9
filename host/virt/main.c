/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-virt: the one program of Platen that speaks with libvirt.
 *
 * libvirt's own event loop carries it: the connection to platend is one descriptor in it, the next
 * try to connect one timer. A call that libvirt does not answer blocks everything here, which is
 * why platend pings, and kills what does not pong.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "host/virt/libvirt.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/sandbox.h"
#include "proto/base/text.h"

#define MEMORY_MAX  (1024UL * 1024 * 1024) /* bytes of address space */
#define RETRY_FIRST 200			   /* msec; doubles with each failure */
#define RETRY_MOST  10000		   /* msec */

/* libvirt tells that a domain has gone to another host before it undefines it, and nothing tells of
 * that: how long after it all are looked at again. */
static const int looks_msec[] = {1000, 10000};
#define LOOKS (sizeof(looks_msec) / sizeof(looks_msec[0]))

static void tell_text(uint32_t type, const char *text)
{
	struct virt_text m = {.head = {.type = type, .size = sizeof(m)}};

	text_copy_line(m.text, sizeof(m.text), text);
	virt_tell(&m);
}

static int on_lifecycle(
	virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
	struct virt *virt = opaque;

	(void)connection;
	virt_look(virt, domain);
	if (event == VIR_DOMAIN_EVENT_STOPPED &&
		(detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED ||
			detail == VIR_DOMAIN_EVENT_STOPPED_FAILED)) {
		virt->looks = 0;
		virEventUpdateTimeout(virt->timer, looks_msec[0]);
	}
	return 0;
}

static void on_device(
	virConnectPtr connection, virDomainPtr domain, const char *alias, void *opaque)
{
	(void)connection;
	(void)alias;
	virt_look(opaque, domain);
}

static void on_metadata(
	virConnectPtr connection, virDomainPtr domain, int type, const char *uri, void *opaque)
{
	(void)connection;
	(void)type;
	(void)uri;
	virt_look(opaque, domain);
}

static void on_reboot(virConnectPtr connection, virDomainPtr domain, void *opaque)
{
	struct virt_domain m = {.head = {.type = VIRT_REBOOTED, .size = sizeof(m)}};

	(void)connection;
	(void)opaque;
	if (virDomainGetUUID(domain, m.uuid.bytes) == 0)
		virt_tell(&m);
}

static void on_close(virConnectPtr connection, int reason, void *opaque)
{
	struct virt *virt = opaque;

	(void)connection;
	(void)reason;
	virt->lost = true; /* it may not be closed from within its own callback */
}

static void down(struct virt *virt, const char *why)
{
	unsigned int wait = RETRY_FIRST << (virt->failures < 6 ? virt->failures : 6);

	if (virt->failures == 0)
		tell_text(VIRT_DOWN, why ? why : "no connection");
	virt->failures++;
	virEventUpdateTimeout(virt->timer, (int)(wait < RETRY_MOST ? wait : RETRY_MOST));
}

static void up(struct virt *virt)
{
	char text[MESSAGE_SIZE];
	unsigned long version = 0;

	virt->connection = virConnectOpen(virt->uri);
	if (!virt->connection)
		return down(virt, virGetLastErrorMessage());
	(void)virConnectRegisterCloseCallback(virt->connection, on_close, virt, NULL);
	(void)virConnectDomainEventRegisterAny(virt->connection, NULL,
		VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), virt, NULL);
	(void)virConnectDomainEventRegisterAny(virt->connection, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
		VIR_DOMAIN_EVENT_CALLBACK(on_reboot), virt, NULL);
	(void)virConnectDomainEventRegisterAny(virt->connection, NULL,
		VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device), virt, NULL);
	(void)virConnectDomainEventRegisterAny(virt->connection, NULL,
		VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device), virt,
		NULL);
	(void)virConnectDomainEventRegisterAny(virt->connection, NULL,
		VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata), virt,
		NULL);
	(void)virConnectGetLibVersion(virt->connection, &version);
	(void)text_printf(text, sizeof(text), "libvirt %lu.%lu.%lu, %.200s", version / 1000000,
		version / 1000 % 1000, version % 1000, virt->uri);
	tell_text(VIRT_UP, text);
	virt->failures = 0;
	virEventUpdateTimeout(virt->timer, -1);
	if (virt_look_at_all(virt) < 0)
		virt->lost = true;
}

static void on_timer(int timer, void *opaque)
{
	struct virt *virt = opaque;

	virEventUpdateTimeout(timer, -1);
	if (!virt->connection)
		return up(virt);
	if (virt_look_at_all(virt) < 0)
		virt->lost = true;
	else if (++virt->looks < LOOKS)
		virEventUpdateTimeout(timer, looks_msec[virt->looks]);
}

static void on_platend(int watch, int fd, int events, void *opaque)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	struct ipc_head pong = {.type = VIRT_PONG, .size = sizeof(pong)};
	const struct ipc_head *m = (const struct ipc_head *)buf;
	struct virt *virt = opaque;
	int beside, r;

	(void)watch;
	(void)events;
	r = ipc_recv(fd, buf, sizeof(buf), &beside);
	(void)close_fd(beside);
	if (r <= 0)
		exit(r == 0 ? 0 : 1);
	if (m->type == VIRT_PING)
		return virt_tell(&pong);
	/* Who asks in the first moment, or while we wait to try again, is not sent away for that.
	 */
	if (!virt->connection)
		up(virt);
	virt_do(virt, m);
}

/* libvirt writes its errors to stderr by itself; ours say what matters. */
static void on_error(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

int main(int argc, char **argv)
{
	/* libvirt reaches its daemons in many ways, by programs too: what none does is refused. */
	static const struct sandbox sandbox = {
		.limits = {.memory = MEMORY_MAX, .secret = true},
		.otherwise = SCMP_ACT_ALLOW,
	};
	struct virt virt = {0};
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-virt %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
			"Usage: platen-virt URI\n"
			"Watches libvirt's domains for platend(8), which starts it with a "
			"connection at\n"
			"descriptor 3.\n");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	log_open("platen-virt", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	virt.uri = argv[1];
	r = sandbox_enter(&sandbox);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "the sandbox cannot be entered: %s", strerror(-r));
		return 1;
	}
	virSetErrorFunc(NULL, on_error);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0 ||
		virEventAddHandle(IPC_FD, VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_HANGUP,
			on_platend, &virt, NULL) < 0) {
		log_line(LOG_ERR, NULL, "libvirt's event loop cannot be set up");
		return 1;
	}
	virt.timer = virEventAddTimeout(0, on_timer, &virt, NULL);
	while (virEventRunDefaultImpl() == 0) {
		if (!virt.lost)
			continue;
		virt.lost = false;
		(void)virConnectClose(virt.connection);
		virt.connection = NULL;
		down(&virt, "libvirtd closed the connection");
	}
	return 1;
}
