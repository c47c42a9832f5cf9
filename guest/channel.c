/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to the host, driven by the loop.
 *
 * Transports differ in how a descriptor comes about and in what "the host is away" looks like: a
 * virtio port stays open and is waited for edge-triggered, a socket ends and is opened again with
 * growing patience. Above that there is one session, which begins with HELLO.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "guest/job.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/link.h"
#include "proto/transport.h"

#define REOPEN_FIRST 100000ULL	/* usec; doubles with each failure */
#define REOPEN_MOST  5000000ULL /* usec */
#define AGAIN_USEC   5000000ULL /* after the host ended a session for a violation */
#define FEED_MOST    64		/* pieces queued in one turn */

struct channel {
	struct agent *agent;
	struct link *link;
	bool open; /* WELCOME was received */
	bool told_failure;
	uint32_t failures;
	sd_event_source *io, *timer, *reopen, *defer, *again;
	struct message in;
};

static void turn(struct channel *channel);
static void reopen(struct channel *channel);

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool channel_is_open(const struct channel *channel)
{
	return channel->open;
}

static int on_defer(sd_event_source *source, void *userdata)
{
	struct channel *channel = userdata;

	(void)source;
	channel->defer = sd_event_source_unref(channel->defer);
	if (channel->link) /* else it ended meanwhile */
		turn(channel);
	return 0;
}

void channel_kick(struct channel *channel)
{
	if (!channel->defer && channel->link)
		(void)sd_event_add_defer(channel->agent->event, &channel->defer, on_defer, channel);
}

int channel_send(struct channel *channel, const struct message *m)
{
	int r;

	if (!channel->link || (!channel->open && m->head.type != MESSAGE_HELLO))
		return -ENOTCONN;
	r = link_send(channel->link, m);
	if (r == 0)
		channel_kick(channel);
	return r;
}

void agent_report_status(struct agent *agent)
{
	struct message m;

	message_init(&m, MESSAGE_GUEST_STATUS);
	queues_status(agent->queues, &m.guest_status);
	m.guest_status.jobs = job_count(agent);
	(void)channel_send(agent->channel, &m); /* told again when a session begins */
}

static void session_over(struct channel *channel, const char *why)
{
	struct agent *agent = channel->agent;

	if (channel->open)
		log_line(LOG_NOTICE, NULL, "session over: %s", why);
	channel->open = false;
	(void)sd_notifyf(0, "STATUS=Waiting for the host: %s", why);
	drivers_session_over(agent->drivers);
	offer_lost(agent);
	job_session_over(agent);
}

/* The machine's UUID as its firmware tells it: for people, the host knows better. */
static void read_machine(struct uuid *uuid)
{
	_cleanup_close_ int fd = open("/sys/class/dmi/id/product_uuid", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (n <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	(void)uuid_parse(text, uuid);
}

static void say_hello(struct channel *channel)
{
	struct message m;

	message_init(&m, MESSAGE_HELLO);
	m.hello.version_min = PROTOCOL_VERSION_MIN;
	m.hello.version_max = PROTOCOL_VERSION_MAX;
	(void)text_copy(m.hello.agent, sizeof(m.hello.agent), "platen-agent " PLATEN_VERSION);
	read_machine(&m.hello.machine);
	(void)channel_send(channel, &m); /* it fails only with the session */
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct channel *channel = userdata;

	(void)source;
	(void)usec;
	channel->again = sd_event_source_unref(channel->again);
	if (channel->link) {
		link_restart(channel->link);
		turn(channel);
	}
	return 0;
}

static void on_bye(struct channel *channel, const struct message_bye *bye)
{
	session_over(channel, bye->text);
	switch (bye->code) {
	case BYE_VERSION: log_line(LOG_ERR, NULL, "%s", bye->text); return;
	case BYE_CLOSING: return; /* it comes back, and synchronises then */
	default:
		log_line(LOG_ERR, NULL, "the host ended the session: %s", bye->text);
		(void)sd_event_add_time_relative(channel->agent->event, &channel->again,
			CLOCK_MONOTONIC, AGAIN_USEC, 0, on_again, channel);
	}
}

static void on_welcome(struct channel *channel, const struct message_welcome *w)
{
	log_line(LOG_INFO, NULL, "connected to %s as workspace %s", w->host, w->workspace);
	(void)sd_notifyf(0, "STATUS=Connected to %s", w->host);
	channel->open = true;
	channel->failures = 0;
	link_keepalive(channel->link, w->keepalive_msec);
	agent_report_status(channel->agent);
}

static void on_message(struct channel *channel, const struct message *m)
{
	struct agent *agent = channel->agent;

	switch (m->head.type) {
	case MESSAGE_WELCOME: return on_welcome(channel, &m->welcome);
	case MESSAGE_BYE: return on_bye(channel, &m->bye);
	case MESSAGE_OFFER_BEGIN: return offer_begin(agent, &m->offer_begin);
	case MESSAGE_PRINTER: return offer_printer(agent, &m->printer);
	case MESSAGE_PRINTER_GONE: return offer_gone(agent, m->printer_gone.index);
	case MESSAGE_OFFER_END: return offer_end(agent);
	case MESSAGE_PRINTER_STATE: return offer_state(agent, &m->printer_state);
	case MESSAGE_DRIVER_DATA: return drivers_data(agent->drivers, &m->driver_data);
	case MESSAGE_JOB_ACCEPT: return job_accepted(agent, &m->job_accept);
	case MESSAGE_JOB_CREDIT: return job_credited(agent, &m->job_credit);
	case MESSAGE_JOB_STATE: return job_told(agent, &m->job_state);
	default: return; /* the link lets nothing else through */
	}
}

static void take_events(struct channel *channel)
{
	for (;;) {
		switch (link_next(channel->link, &channel->in)) {
		case LINK_NONE: return;
		case LINK_SYNCED:
			if (channel->open)
				session_over(channel, "the host began anew");
			channel->again = sd_event_source_disable_unref(channel->again);
			say_hello(channel);
			break;
		case LINK_LOST: session_over(channel, link_reason(channel->link)); break;
		case LINK_MESSAGE: on_message(channel, &channel->in); break;
		}
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	turn(userdata);
	return 0;
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

static void detach(struct channel *channel)
{
	channel->io = sd_event_source_disable_unref(channel->io);
	channel->timer = sd_event_source_disable_unref(channel->timer);
	channel->again = sd_event_source_disable_unref(channel->again);
	channel->link = link_free(channel->link);
}

/* Reads, acts, writes, until the descriptor has no more to give or take. */
static void turn(struct channel *channel)
{
	int r;

	do {
		r = link_step(channel->link, now_usec());
		take_events(channel);
		for (int i = 0; i < FEED_MOST && link_bulk_ready(channel->link); i++) {
			if (!job_feed(channel->agent))
				break;
			if (r == 0)
				r = link_step(channel->link, now_usec());
		}
		if (r == 0)
			r = link_step(channel->link, now_usec());
	} while (r == 0 && link_again(channel->link));
	take_events(channel);
	if (r < 0) {
		session_over(
			channel, r == -ECONNRESET ? "the host closed the channel" : strerror(-r));
		detach(channel);
		reopen(channel);
		return;
	}
	if (link_bulk_ready(channel->link) && job_feed(channel->agent))
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

/* A descriptor to the host, by the settings. */
static int open_transport(const struct agent_config *config, bool *ret_persistent)
{
	*ret_persistent = false;
	switch (config->transport) {
	case AGENT_UNIX: return transport_unix_connect(config->path);
	case AGENT_VSOCK: return transport_vsock_connect(config->vsock_port);
	case AGENT_AUTO:
		if (access(config->path, F_OK) < 0)
			return transport_vsock_connect(config->vsock_port);
		break;
	case AGENT_VIRTIO: break;
	}
	*ret_persistent = true;
	return transport_virtio_open(config->path);
}

static int on_reopen(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct channel *channel = userdata;

	(void)source;
	(void)usec;
	channel->reopen = sd_event_source_unref(channel->reopen);
	reopen(channel);
	return 0;
}

static void reopen_later(struct channel *channel)
{
	uint64_t wait = REOPEN_FIRST << (channel->failures < 6 ? channel->failures : 6);

	channel->failures++;
	(void)sd_event_add_time_relative(channel->agent->event, &channel->reopen, CLOCK_MONOTONIC,
		wait < REOPEN_MOST ? wait : REOPEN_MOST, 50000, on_reopen, channel);
}

static int attach(struct channel *channel, int fd, bool persistent)
{
	sd_event *event = channel->agent->event;
	int r = link_new(LINK_GUEST, fd, persistent, &channel->link);

	if (r < 0) {
		(void)close_fd(fd);
		return r;
	}
	r = sd_event_add_io(event, &channel->io, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_io, channel);
	if (r >= 0)
		r = sd_event_add_time(
			event, &channel->timer, CLOCK_MONOTONIC, 0, 50000, on_timer, channel);
	if (r < 0)
		detach(channel);
	return r < 0 ? r : 0;
}

static void reopen(struct channel *channel)
{
	bool persistent;
	int fd = open_transport(&channel->agent->config, &persistent), r = fd;

	if (channel->reopen)
		return;
	if (fd >= 0)
		r = attach(channel, fd, persistent);
	if (r < 0) {
		if (!channel->told_failure)
			log_line(LOG_NOTICE, NULL,
				"no channel to the host yet (%s): is it attached? On the host: "
				"`platenctl attach WORKSPACE`",
				strerror(-r));
		channel->told_failure = true;
		reopen_later(channel);
		return;
	}
	channel->told_failure = false;
	channel_kick(channel);
}

int channel_new(struct agent *agent, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return -ENOMEM;
	channel->agent = agent;
	*ret_channel = channel;
	return 0;
}

void channel_start(struct channel *channel)
{
	reopen(channel);
}

struct channel *channel_free(struct channel *channel)
{
	if (!channel)
		return NULL;
	if (channel->link)
		link_close(channel->link, BYE_CLOSING, "platen-agent is closing");
	channel->defer = sd_event_source_disable_unref(channel->defer);
	channel->reopen = sd_event_source_disable_unref(channel->reopen);
	detach(channel);
	free(channel);
	return NULL;
}
