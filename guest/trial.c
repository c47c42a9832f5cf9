/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vsock connection beside the channel that works.
 *
 * Where a workspace has both devices, vsock is preferred, but it may be the later one: its module
 * comes after the port's, or the host was not listening yet. So when a session has begun over the
 * port, a connection is made on the side, and only when it stands does the session move over to it;
 * jobs go on at the byte that they had reached.
 *
 * A connection that is refused costs nothing: each session over the port tries at once. One that
 * stands and leads nowhere has cost a session, so that the next waits until it has rested. Both are
 * tried again after a minute, then after twice as long, and in the end once an hour.
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
#define REST_MOST     3600000000ULL /* usec */
#ifndef REST_FIRST		    /* a test has less time */
#define REST_FIRST 60000000ULL	    /* usec; doubles with each failure */
#endif

struct trial {
	uint32_t port, tries;
	uint64_t rest, not_before; /* usec, 0: none; the second by CLOCK_MONOTONIC */
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

static uint64_t now(const struct trial *trial)
{
	uint64_t usec = 0;

	(void)sd_event_now(trial->event, CLOCK_MONOTONIC, &usec);
	return usec;
}

static void rest(struct trial *trial)
{
	trial->rest = trial->rest ? trial->rest * 2 : REST_FIRST;
	if (trial->rest > REST_MOST)
		trial->rest = REST_MOST;
}

static void try_in(struct trial *trial, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(trial->again, usec);
	(void)sd_event_source_set_enabled(trial->again, SD_EVENT_ONESHOT);
}

/* A device that has only just come may have no driver yet; a refusal is a host's word for now. */
static void failed(struct trial *trial, int error)
{
	drop(trial);
	if (error == -ENODEV && ++trial->tries < TRIES)
		return try_in(trial, AGAIN_USEC);
	rest(trial);
	try_in(trial, trial->rest);
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
	uint64_t usec = now(trial);

	if (trial->fd >= 0)
		return;
	trial->tries = 0;
	if (!trial->not_before)
		trial->rest = 0;
	try_in(trial, trial->not_before > usec ? trial->not_before - usec : ACCURACY_USEC);
}

void trial_now(struct trial *trial)
{
	trial_good(trial);
	trial_begin(trial);
}

void trial_good(struct trial *trial)
{
	trial->rest = trial->not_before = 0;
}

void trial_useless(struct trial *trial)
{
	rest(trial);
	trial->not_before = now(trial) + trial->rest;
}

void trial_end(struct trial *trial)
{
	drop(trial);
	(void)sd_event_source_set_enabled(trial->again, SD_EVENT_OFF);
}
