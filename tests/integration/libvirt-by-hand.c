/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's test driver as a driver of VMs would behave when it is slow or refuses: linked into a
 * platen-virt of the tests, instead of the functions of the same name.
 *
 * No event comes but those that a test orders, by a line in the FIFO beside the driver's file: so a
 * domain can go without a word, as one does that has migrated. A device is never added live, which
 * is what AppArmor does to vsock, nor taken. Whenever all domains are looked at, stderr says so.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

typedef int list_fn(virConnectPtr connection, virDomainPtr **domains, unsigned int flags);

static virConnectDomainEventCallback tell;
static void *tell_userdata;

/* "migrated NAME": libvirt says that it went to another host. "undefine NAME": it is gone, and
 * libvirt says nothing. "start NAME": it runs. */
static void obey(virConnectPtr connection, const char *deed, const char *name)
{
	virDomainPtr domain = virDomainLookupByName(connection, name);

	if (!domain) {
		fprintf(stderr, "no domain %s\n", name);
		return;
	}
	if (strcmp(deed, "migrated") == 0 && virDomainDestroy(domain) == 0)
		(void)tell(connection, domain, VIR_DOMAIN_EVENT_STOPPED,
			VIR_DOMAIN_EVENT_STOPPED_MIGRATED, tell_userdata);
	else if (strcmp(deed, "start") == 0 && virDomainCreate(domain) == 0)
		(void)tell(connection, domain, VIR_DOMAIN_EVENT_STARTED,
			VIR_DOMAIN_EVENT_STARTED_BOOTED, tell_userdata);
	else if (strcmp(deed, "undefine") == 0 && virDomainUndefine(domain) == 0)
		fprintf(stderr, "undefined %s\n", name);
	else
		fprintf(stderr, "%s %s failed\n", deed, name);
	(void)virDomainFree(domain);
}

static void on_fifo(int watch, int fd, int events, void *opaque)
{
	char line[128], *rest = line, *one;
	ssize_t length = read(fd, line, sizeof(line) - 1);

	(void)watch;
	(void)events;
	line[length > 0 ? length : 0] = '\0';
	while ((one = strsep(&rest, "\n"))) {
		char *deed = strsep(&one, " ");

		if (one)
			obey(opaque, deed, one);
	}
}

int virConnectDomainEventRegisterAny(virConnectPtr connection, virDomainPtr domain, int id,
	virConnectDomainEventGenericCallback callback, void *opaque, virFreeCallback free_opaque)
{
	char path[256];
	_cleanup_free_ char *uri = virConnectGetURI(connection);
	int fd;

	(void)domain;
	(void)free_opaque;
	if (id != VIR_DOMAIN_EVENT_ID_LIFECYCLE)
		return id;
	(void)snprintf(path, sizeof(path), "%s.orders", uri + strlen("test://"));
	/* For writing too: it shall not end with whoever wrote last. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		return -1;
	}
	tell = (virConnectDomainEventCallback)(void (*)(void))callback;
	tell_userdata = opaque;
	return virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_fifo, connection, NULL);
}

int virConnectListAllDomains(virConnectPtr connection, virDomainPtr **domains, unsigned int flags)
{
	list_fn *real;

	*(void **)&real = dlsym(RTLD_NEXT, "virConnectListAllDomains");
	if (!flags)
		fprintf(stderr, "looked at all\n");
	return real(connection, domains, flags);
}

/* Stored for the next start, as a driver of VMs does; the test driver knows no devices. */
int virDomainAttachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
	_cleanup_free_ char *old = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
	_cleanup_free_ char *fresh = NULL;
	char *end = old ? strstr(old, "</devices>") : NULL;
	virDomainPtr defined;

	if (flags & VIR_DOMAIN_AFFECT_LIVE || !end)
		return -1;
	if (asprintf(&fresh, "%.*s%s%s", (int)(end - old), old, xml, end) < 0) {
		fresh = NULL;
		return -1;
	}
	defined = virDomainDefineXML(virDomainGetConnect(domain), fresh);
	if (!defined)
		return -1;
	(void)virDomainFree(defined);
	return 0;
}

/* Of what is stored it only says so. */
int virDomainDetachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
	(void)domain;
	return *xml && !(flags & VIR_DOMAIN_AFFECT_LIVE) ? 0 : -1;
}
