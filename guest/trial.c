/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vsock connection beside the channel that works.
 *
 * Where a workspace has both devices, vsock is preferred, but it may be the later one: its module
 * comes after the port's, or the host was not listening yet. So when a session has begun over the
 * port, a connection is made on the side, and only when it stands does the session move over to it;
 * jobs go on at the byte that they had reached. Nothing is tried again and again: a host without
 * vsock costs one refused connection for each session.
 */
#include "guest/trial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "proto/base/cleanup.h"
#include "proto/transport.h"

#define TRIES	      3
#define AGAIN_USEC    1000000ULL
#define ACCURACY_USEC 50000ULL

struct trial {
	uint32_t port, tries;
	trial_fn *on_connected;
	void *userdata;
	int fd; /* -1: none under way */
	sd_event *event;
	sd_event_source *io, *again;
};

static void drop(struct trial *trial)
{
	trial->io = sd_event_source_disable_unref(trial->io);
	trial->fd = close_fd(trial->fd);
}

/* A device that has only just come may have no driver yet; a refusal is a host's word. */
static void failed(struct trial *trial, int error)
{
	drop(trial);
	if (error != -ENODEV || ++trial->tries >= TRIES)
		return;
	(void)sd_event_source_set_time_relative(trial->again, AGAIN_USEC);
	(void)sd_event_source_set_enabled(trial->again, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct trial *trial = userdata;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)source;
	(void)revents;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		failed(trial, -error);
		return 0;
	}
	trial->io = sd_event_source_disable_unref(trial->io);
	trial->on_connected(steal_fd(&trial->fd), trial->userdata);
	return 0;
}

static void try(struct trial *trial)
{
	int r = transport_vsock_connect(trial->port);

	if (r < 0)
		return failed(trial, r);
	trial->fd = r;
	r = sd_event_add_io(trial->event, &trial->io, trial->fd, EPOLLOUT, on_io, trial);
	if (r < 0)
		failed(trial, r);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	try(userdata);
	return 0;
}

int trial_new(sd_event *event, uint32_t port, trial_fn *on_connected, void *userdata,
	struct trial **ret_trial)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	int r;

	if (!trial)
		return -ENOMEM;
	*trial = (struct trial){.port = port,
		.on_connected = on_connected,
		.userdata = userdata,
		.fd = -1,
		.event = event};
	r = sd_event_add_time(
		event, &trial->again, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_again, trial);
	if (r >= 0)
		r = sd_event_source_set_enabled(trial->again, SD_EVENT_OFF);
	if (r < 0) {
		(void)trial_free(trial);
		return r;
	}
	*ret_trial = trial;
	return 0;
}

struct trial *trial_free(struct trial *trial)
{
	if (!trial)
		return NULL;
	drop(trial);
	trial->again = sd_event_source_disable_unref(trial->again);
	free(trial);
	return NULL;
}

void trial_begin(struct trial *trial)
{
	if (trial->fd >= 0)
		return;
	trial->tries = 0;
	(void)sd_event_source_set_time_relative(trial->again, ACCURACY_USEC);
	(void)sd_event_source_set_enabled(trial->again, SD_EVENT_ONESHOT);
}

void trial_end(struct trial *trial)
{
	drop(trial);
	(void)sd_event_source_set_enabled(trial->again, SD_EVENT_OFF);
}
