/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening for workspaces with vsock.
 *
 * What is in the way may go by itself: a security module's policy is mended, another program leaves
 * the port. So it is tried again, with waits that grow to a minute, and said when the reason is
 * another one. Where the kernel has no vsock at all, to ask for it has it look for the module each
 * time: that is left to a reload, which doctor tells of.
 */
#include "host/vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "host/domains.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/transport.h"

#define AGAIN_FIRST 1000000ULL	/* usec; doubles with each failure */
#define AGAIN_MOST  60000000ULL /* usec */

struct vsock {
	struct host *host;
	int fd;	   /* -1: it does not listen */
	int error; /* why, -errno, or 0 */
	uint32_t port;
	uint64_t wait; /* usec, until the next try */
	sd_event_source *io, *again;
};

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct vsock *vsock = userdata;
	uint32_t cid;
	int connection = transport_vsock_accept(fd, &cid);

	(void)revents;
	if (loop_accepted(source, connection))
		log_line(LOG_ERR, NULL,
			"vsock connections cannot be taken: %s; tried again each second",
			strerror(-connection));
	if (connection >= 0)
		domains_vsock(vsock->host->domains, cid, connection);
	else if (connection == -EPERM)
		log_line(LOG_WARNING, NULL,
			"a vsock connection was refused: its port is not one that only root can "
			"use");
	return 0;
}

static void drop(struct vsock *vsock)
{
	vsock->io = sd_event_source_disable_unref(vsock->io);
	vsock->again = sd_event_source_disable_unref(vsock->again);
	vsock->fd = close_fd(vsock->fd);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata);

static void failed(struct vsock *vsock, int error)
{
	if (error != vsock->error)
		log_line(LOG_NOTICE, NULL, "vsock is not available here: %s", strerror(-error));
	vsock->error = error;
	if (error == -EAFNOSUPPORT)
		return;
	(void)sd_event_add_time_relative(vsock->host->event, &vsock->again, CLOCK_MONOTONIC,
		vsock->wait, AGAIN_FIRST / 2, on_again, vsock);
	vsock->wait = vsock->wait < AGAIN_MOST / 2 ? vsock->wait * 2 : AGAIN_MOST;
}

static void try(struct vsock *vsock)
{
	int r = vsock->fd = transport_vsock_listen(vsock->port);

	if (r >= 0)
		r = sd_event_add_io(
			vsock->host->event, &vsock->io, vsock->fd, EPOLLIN, on_connection, vsock);
	if (r < 0) {
		drop(vsock);
		return failed(vsock, r);
	}
	if (vsock->error)
		log_line(LOG_INFO, NULL, "vsock is available now, at port %u", vsock->port);
	vsock->error = 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct vsock *vsock = userdata;

	(void)source;
	(void)usec;
	vsock->again = sd_event_source_unref(vsock->again);
	try(vsock);
	return 0;
}

void vsock_look(struct vsock *vsock)
{
	const struct config *config = &vsock->host->config;
	uint32_t port = config->libvirt_uri[0] ? config->vsock_port : 0;

	if (vsock->fd >= 0 && port == vsock->port)
		return;
	drop(vsock);
	vsock->port = port;
	vsock->error = 0;
	vsock->wait = AGAIN_FIRST;
	if (port)
		try(vsock);
}

int vsock_error(const struct vsock *vsock)
{
	return vsock->port ? vsock->error : -ENODEV;
}

int vsock_new(struct host *host, struct vsock **ret_vsock)
{
	struct vsock *vsock = calloc(1, sizeof(*vsock));

	if (!vsock)
		return -ENOMEM;
	vsock->host = host;
	vsock->fd = -1;
	vsock_look(vsock);
	*ret_vsock = vsock;
	return 0;
}

struct vsock *vsock_free(struct vsock *vsock)
{
	if (!vsock)
		return NULL;
	drop(vsock);
	free(vsock);
	return NULL;
}
