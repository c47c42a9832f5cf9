/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to the host, driven by the loop.
 *
 * Transports differ in how a descriptor comes about and in what "the host is away" looks like: a
 * virtio port stays open and is waited for edge-triggered, a socket ends and is opened again with
 * growing patience. A port or a socket that does not exist yet is watched for, so that a channel
 * that is attached to a running workspace is used at once.
 *
 * Where nothing is set, vsock is preferred and the port is what it falls back to: when there is no
 * vsock, nobody accepts it, or nobody greets over it. A session over the port tries vsock, see
 * guest/trial.c.
 */
#include "guest/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest/appear.h"
#include "guest/jobs.h"
#include "guest/peer.h"
#include "guest/trial.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/link.h"
#include "proto/transport.h"

#define REOPEN_FIRST 100000ULL	  /* usec; doubles with each failure */
#define REOPEN_MOST  5000000ULL	  /* usec */
#define REOPEN_REST  60000000ULL  /* usec, where an event tells of the port */
#define APPEAR_USEC  20000ULL	  /* from a socket's making to its listening; for udev's chmod */
#ifndef VSOCK_DEVICE		  /* tests have one of their own */
#define VSOCK_DEVICE "/dev/vsock" /* vsock(7) */
#endif
#define ROUNDS_MOST 64	 /* pieces of documents before other sources have their turn */
#define TURN_USEC   2000 /* the same: a piece full of drivers takes longer than one of a document */

struct channel {
	struct agent *agent;
	struct link *link;
	struct appear *appear, *vsock_appear; /* the second for AGENT_AUTO */
	struct trial *trial;		      /* likewise */
	bool told_failure;
	bool persistent;   /* what is open is the port */
	bool greeted;	   /* over what is open */
	bool moved;	   /* a trial has brought it */
	bool vsock_failed; /* so the port is next */
	uint32_t failures; /* since the last greeting */
	sd_event_source *io, *timer, *turn, *reopen;
	struct message in;
};

static void open_channel(struct channel *channel);

void channel_kick(struct channel *channel)
{
	if (channel && channel->link)
		(void)sd_event_source_set_enabled(channel->turn, SD_EVENT_ONESHOT);
}

int channel_send(struct channel *channel, const struct message *m)
{
	int r = channel && channel->link ? link_send(channel->link, m) : -ENOTCONN;

	if (r == 0)
		channel_kick(channel);
	return r;
}

void channel_greeted(struct channel *channel, uint32_t keepalive_msec)
{
	channel->failures = 0;
	channel->told_failure = false;
	channel->greeted = true;
	if (channel->trial && !channel->persistent)
		trial_good(channel->trial);
	else if (channel->trial && access(VSOCK_DEVICE, F_OK) == 0)
		trial_begin(channel->trial);
	link_keepalive(channel->link, keepalive_msec);
}

void channel_restart(struct channel *channel)
{
	if (!channel->link)
		return;
	link_restart(channel->link);
	channel_kick(channel);
}

static void detach(struct channel *channel)
{
	channel->io = sd_event_source_disable_unref(channel->io);
	(void)sd_event_source_set_enabled(channel->timer, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(channel->turn, SD_EVENT_OFF);
	channel->link = link_free(channel->link);
	if (channel->trial)
		trial_end(channel->trial);
}

/* Once, until somebody has greeted. */
static void tell_failure(struct channel *channel, int error)
{
	const struct agent_config *config = &channel->agent->config;
	bool vsock = config->transport == AGENT_VSOCK ||
		     (config->transport == AGENT_AUTO && access(config->path, F_OK) < 0 &&
			     access(VSOCK_DEVICE, F_OK) == 0);

	if (channel->told_failure)
		return;
	channel->told_failure = true;
	if (vsock)
		log_line(LOG_NOTICE, NULL,
			"no channel to the host yet: vsock port %u: %s; on the host: `platenctl "
			"doctor`",
			config->vsock_port, strerror(-error));
	else
		log_line(LOG_NOTICE, NULL,
			"no channel to the host yet: %s: %s; on the host: `platenctl %s`",
			config->path, strerror(-error), error == -ENOENT ? "attach" : "doctor");
}

/* What is learnt from the end of what was open. */
static void judge(struct channel *channel, int error)
{
	enum agent_transport transport = channel->agent->config.transport;
	bool failed = !channel->persistent && !channel->greeted && transport != AGENT_UNIX;

	if (failed && (transport == AGENT_VSOCK || access(channel->agent->config.path, F_OK) < 0))
		tell_failure(channel, error);
	channel->vsock_failed = failed;
	if (failed && channel->moved)
		trial_useless(channel->trial);
}

static void open_later(struct channel *channel, uint64_t most)
{
	uint64_t wait = REOPEN_FIRST << (channel->failures < 10 ? channel->failures : 10);

	channel->failures++;
	wait = wait < most ? wait : most;
	(void)sd_event_source_set_time_relative(channel->reopen, wait);
	(void)sd_event_source_set_enabled(channel->reopen, SD_EVENT_ONESHOT);
}

/* The descriptor is of no use any more. */
static void lost(struct channel *channel, int error)
{
	peer_over(channel->agent,
		error == -ECONNRESET ? "the host closed the channel" : strerror(-error));
	judge(channel, error);
	detach(channel);
	open_later(channel, REOPEN_MOST);
}

static void take_events(struct channel *channel)
{
	struct agent *agent = channel->agent;

	for (;;) {
		switch (link_next(channel->link, &channel->in)) {
		case LINK_NONE: return;
		case LINK_SYNCED: peer_synced(agent); break;
		case LINK_LOST: peer_over(agent, link_reason(channel->link)); break;
		case LINK_MESSAGE: peer_message(agent, &channel->in); break;
		}
	}
}

/* Has the loop wait for what the link waits for. */
static void rearm(struct channel *channel)
{
	uint64_t deadline = link_deadline(channel->link);

	if (deadline == UINT64_MAX) {
		(void)sd_event_source_set_enabled(channel->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(channel->timer, deadline);
	(void)sd_event_source_set_enabled(channel->timer, SD_EVENT_ONESHOT);
}

/* Reads, acts, writes, until the descriptor has no more to give or take. */
static void turn(struct channel *channel)
{
	struct link *link = channel->link;
	uint64_t begun = agent_now();
	bool more = true;
	int r = 0;

	for (int i = 0; more && i < ROUNDS_MOST && agent_now() - begun < TURN_USEC; i++) {
		r = link_step(link, agent_now());
		take_events(channel);
		if (r < 0)
			return lost(channel, r);
		more = link_bulk_ready(link) && jobs_feed(channel->agent);
		more |= link_again(link);
	}
	if (more)
		channel_kick(channel);
	rearm(channel);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	turn(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	turn(userdata);
	return 0;
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct channel *channel = userdata;

	(void)source;
	if (channel->link)
		turn(channel);
	return 0;
}

static int on_reopen(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	open_channel(userdata);
	return 0;
}

/* The port or socket may be there now. */
static void on_appear(void *userdata)
{
	struct channel *channel = userdata;

	if (channel->link)
		return;
	(void)sd_event_source_set_time_relative(channel->reopen, APPEAR_USEC);
	(void)sd_event_source_set_enabled(channel->reopen, SD_EVENT_ONESHOT);
}

/* A vsock device came: it is used at once, or tried beside the port. */
static void on_vsock_appear(void *userdata)
{
	struct channel *channel = userdata;

	if (channel->link && channel->persistent)
		trial_now(channel->trial);
	else if (!channel->link)
		on_appear(channel);
}

/* A descriptor to the host, by the settings. */
static int open_transport(const struct channel *channel, bool *ret_persistent)
{
	const struct agent_config *config = &channel->agent->config;
	int fd;

	*ret_persistent = false;
	switch (config->transport) {
	case AGENT_UNIX: return transport_unix_connect(config->path);
	case AGENT_VSOCK: return transport_vsock_connect(config->vsock_port);
	case AGENT_AUTO:
		/* Without the device, asking for it would only load its module. */
		if (access(VSOCK_DEVICE, F_OK) < 0 ||
			(channel->vsock_failed && access(config->path, F_OK) == 0))
			break;
		fd = transport_vsock_connect(config->vsock_port);
		if (fd >= 0)
			return fd;
		break;
	case AGENT_VIRTIO: break;
	}
	*ret_persistent = true;
	return transport_virtio_open(config->path);
}

static int attach(struct channel *channel, int fd, bool persistent)
{
	int r = link_new(LINK_GUEST, fd, persistent, &channel->link);

	if (r < 0) {
		(void)close_fd(fd);
		return r;
	}
	r = sd_event_add_io(channel->agent->event, &channel->io, fd, EPOLLIN | EPOLLOUT | EPOLLET,
		on_io, channel);
	if (r < 0) {
		detach(channel);
		return r;
	}
	channel->persistent = persistent;
	channel->greeted = channel->moved = false;
	return 0;
}

/* The session moves over to vsock. */
static void on_trial(int fd, void *userdata)
{
	struct channel *channel = userdata;

	if (!channel->link || !channel->persistent) {
		(void)close_fd(fd);
		return;
	}
	log_line(LOG_INFO, NULL, "the host is there by vsock, too: it is used from now on");
	peer_over(channel->agent, "it goes on over vsock");
	detach(channel);
	if (attach(channel, fd, false) < 0)
		return open_later(channel, REOPEN_MOST);
	channel->moved = true;
	channel_kick(channel);
}

static void open_channel(struct channel *channel)
{
	const struct agent_config *config = &channel->agent->config;
	bool watched = config->transport != AGENT_VSOCK && appear_arm(channel->appear);
	bool persistent;
	int fd = open_transport(channel, &persistent), r = fd;

	if (fd >= 0)
		r = attach(channel, fd, persistent);
	if (r < 0) {
		tell_failure(channel, r);
		open_later(channel, watched && config->transport == AGENT_VIRTIO && r == -ENOENT
					    ? REOPEN_REST
					    : REOPEN_MOST);
		return;
	}
	appear_disarm(channel->appear);
	channel_kick(channel);
}

/* For both devices at once. */
static int set_up_choice(struct channel *channel)
{
	struct agent *agent = channel->agent;
	int r;

	if (agent->config.transport != AGENT_AUTO)
		return 0;
	r = appear_new(
		agent->event, VSOCK_DEVICE, on_vsock_appear, channel, &channel->vsock_appear);
	if (r < 0)
		return r;
	(void)appear_arm(channel->vsock_appear);
	return trial_new(
		agent->event, agent->config.vsock_port, on_trial, channel, &channel->trial);
}

int channel_new(struct agent *agent, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	sd_event *event = agent->event;
	int r;

	if (!channel)
		return -ENOMEM;
	channel->agent = agent;
	r = appear_new(event, agent->config.path, on_appear, channel, &channel->appear);
	if (r >= 0)
		r = set_up_choice(channel);
	if (r >= 0)
		r = sd_event_add_defer(event, &channel->turn, on_turn, channel);
	if (r >= 0)
		r = sd_event_source_set_enabled(channel->turn, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(
			event, &channel->timer, CLOCK_MONOTONIC, 0, 50000, on_timer, channel);
	if (r >= 0)
		r = sd_event_source_set_enabled(channel->timer, SD_EVENT_OFF);
	if (r >= 0) /* at once, with the loop's first turn */
		r = sd_event_add_time(
			event, &channel->reopen, CLOCK_MONOTONIC, 0, 10000, on_reopen, channel);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot wait for the host: %s", strerror(-r));
		(void)channel_free(channel);
		return r;
	}
	*ret_channel = channel;
	return 0;
}

struct channel *channel_free(struct channel *channel)
{
	if (!channel)
		return NULL;
	if (channel->link) {
		link_close(channel->link, BYE_CLOSING, "platen-agent is closing");
		detach(channel);
	}
	channel->turn = sd_event_source_disable_unref(channel->turn);
	channel->timer = sd_event_source_disable_unref(channel->timer);
	channel->reopen = sd_event_source_disable_unref(channel->reopen);
	channel->appear = appear_free(channel->appear);
	channel->vsock_appear = appear_free(channel->vsock_appear);
	channel->trial = trial_free(channel->trial);
	free(channel);
	return NULL;
}
