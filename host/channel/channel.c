/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a guest's bytes and platend's fixed messages.
 *
 * One poll(2) loop over the channel, the connection to platend, and the pipes of documents under
 * way. The link has already refused what is malformed or out of order; document.c and feed.c refuse
 * the rest of what a guest may not do. Every queue is bounded by making the other side wait: the
 * guest by credit, platend by not being read. So is every rate: a guest that says too much to
 * platend, or begins too many sessions, is not read for a while; bytes beyond a minute's measure
 * give credit back later.
 */
#include "host/channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/channel/document.h"
#include "host/channel/feed.h"
#include "proto/base/bucket.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "proto/link.h"

#define SAID_RATE     (200 * 60)   /* messages to platend a minute */
#define SAID_BURST    10000	   /* the reports of an offer, and some */
#define SESSION_COST  500	   /* messages: what a new session costs of them */
#define FRAMES_RATE   (20000 * 60) /* of any kind a minute */
#define FRAMES_BURST  20000
#define AWAKE_USEC    1000000	   /* at least so often when platend takes nothing */
#define LISTEN_QUEUED (256 * 1024) /* bytes: above it platend is not read */
#define IDLE_USEC     2000000	   /* nothing came and nothing went: memory is given back */

struct channel {
	int ipc;
	struct link *link;
	bool synced;
	struct bucket said, frames;
	bool platend_full;	/* `waiting` could not be sent yet */
	struct message waiting; /* for platend */
	struct message in;	/* from the guest or platend */
	struct documents documents;
	struct feed feed;
};

int channel_new(int ipc, struct channel **ret_channel)
{
	struct channel *channel;
	int flags = fcntl(ipc, F_GETFL);

	if (flags < 0 || fcntl(ipc, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	channel->ipc = ipc;
	bucket_init(&channel->said, SAID_RATE, SAID_BURST);
	bucket_init(&channel->frames, FRAMES_RATE, FRAMES_BURST);
	documents_init(&channel->documents);
	feed_init(&channel->feed);
	*ret_channel = channel;
	return 0;
}

/* Everything that belonged to the session that is over. */
static void session_reset(struct channel *channel)
{
	documents_reset(&channel->documents);
	feed_reset(&channel->feed);
	channel->synced = false;
}

struct channel *channel_free(struct channel *channel)
{
	if (!channel)
		return NULL;
	session_reset(channel);
	channel->link = link_free(channel->link);
	channel->ipc = close_fd(channel->ipc);
	free(channel);
	return NULL;
}

/* Hands a fixed message to platend; keeps it if platend's queue is full. */
static int tell(struct channel *channel, const void *msg)
{
	const struct ipc_head *head = msg;
	int r = ipc_send(channel->ipc, msg, -1);

	if (r != -EAGAIN)
		return r;
	memcpy(&channel->waiting, msg, head->size);
	channel->platend_full = true;
	return 0;
}

static int tell_text(struct channel *channel, uint32_t type, const char *text)
{
	struct channel_text m = {.head = {.type = type, .size = sizeof(m)}};

	text_copy_line(m.text, sizeof(m.text), text);
	return tell(channel, &m);
}

static void violation(struct channel *channel, const char *why)
{
	link_close(channel->link, BYE_VIOLATION, why);
	session_reset(channel);
	(void)tell_text(channel, CHANNEL_LOST, why);
}

static void on_guest_message(struct channel *channel, const struct message *m)
{
	const char *why = NULL;
	bool pass = true;

	switch (m->head.type) {
	case MESSAGE_JOB_DATA: pass = false; /* fall through */
	case MESSAGE_JOB_OPEN:
	case MESSAGE_JOB_SEAL:
	case MESSAGE_JOB_CANCEL:
	case MESSAGE_JOB_CLOSE: why = documents_message(&channel->documents, m); break;
	case MESSAGE_DRIVER_GET:
	case MESSAGE_PACKAGE_GET:
		why = feed_get(&channel->feed, m);
		pass = false;
		break;
	default: break;
	}
	if (m->head.type != MESSAGE_JOB_DATA)
		bucket_charge(&channel->said, clock_usec(), 1);
	if (why)
		violation(channel, why);
	else if (pass)
		(void)tell(channel, m); /* a broken connection ends the loop by itself */
}

/* usec until the guest is listened to again; 0: it is. */
static uint64_t rest(const struct channel *channel)
{
	uint64_t now = clock_usec(), said = bucket_wait(&channel->said, now, 1);
	uint64_t frames = bucket_wait(&channel->frames, now, 1);

	return said > frames ? said : frames;
}

/* Takes what the link has, as long as platend can be told and the guest keeps measure. */
static void from_guest(struct channel *channel)
{
	while (!channel->platend_full && rest(channel) == 0) {
		bucket_charge(&channel->frames, clock_usec(), 1);
		switch (link_next(channel->link, &channel->in)) {
		case LINK_NONE: return;
		case LINK_SYNCED:
			session_reset(channel);
			channel->synced = true;
			bucket_charge(&channel->said, clock_usec(), SESSION_COST);
			(void)tell_text(channel, CHANNEL_SYNCED, "");
			break;
		case LINK_LOST:
			session_reset(channel);
			(void)tell_text(channel, CHANNEL_LOST, link_reason(channel->link));
			break;
		case LINK_MESSAGE:
			if (channel->synced)
				on_guest_message(channel, &channel->in);
			break;
		}
	}
}

static void set_limits(struct channel *channel, const struct channel_limits *limits)
{
	link_keepalive(channel->link, limits->keepalive_msec);
	documents_limit(&channel->documents, limits->bytes_per_minute);
}

static int start_link(struct channel *channel, const struct channel_limits *limits, int *fd)
{
	int r;

	if (channel->link || *fd < 0)
		return -EPROTO;
	r = link_new(LINK_HOST, *fd, false, &channel->link);
	if (r < 0)
		return r;
	*fd = -1;
	channel->documents.link = channel->link;
	set_limits(channel, limits);
	channel->feed.link = channel->link;
	return channel_sandbox();
}

/* One message of platend's. */
static int on_platend_message(struct channel *channel, const struct message *m, int size, int *fd)
{
	struct ipc_head pong = {.type = CHANNEL_PONG, .size = sizeof(pong)};
	char why[128];

	if (m->head.type == CHANNEL_START)
		return size == sizeof(struct channel_limits)
			       ? start_link(channel, (const struct channel_limits *)m, fd)
			       : -EPROTO;
	if (!channel->link)
		return -EPROTO;
	if (m->head.type == CHANNEL_PING) /* while it takes nothing, the next will do */
		return channel->platend_full ? 0 : tell(channel, &pong);
	if (m->head.type == CHANNEL_LIMITS) {
		if (size != sizeof(struct channel_limits))
			return -EPROTO;
		set_limits(channel, (const struct channel_limits *)m);
		return 0;
	}
	if (m->head.type == CHANNEL_DRIVER) {
		if (size != sizeof(struct channel_driver))
			return -EPROTO;
		if (channel->synced)
			feed_answer(&channel->feed, (const struct channel_driver *)m, fd);
		return 0;
	}
	if (message_check(m, (size_t)size, why) < 0)
		return -EPROTO;
	if (!channel->synced)
		return 0; /* meant for the session that is over */
	if (m->head.type == MESSAGE_JOB_ACCEPT)
		documents_accept(&channel->documents, m, fd);
	else
		(void)link_send(channel->link, m); /* -EPROTO: of the last session */
	return 0;
}

static int from_platend(struct channel *channel)
{
	while (!channel->link || link_queued(channel->link) < LISTEN_QUEUED) {
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(channel->ipc, &channel->in, sizeof(channel->in), &fd);

		if (r == -EAGAIN)
			return 0;
		if (r <= 0)
			return r < 0 ? r : -ECONNRESET;
		r = on_platend_message(channel, &channel->in, r, &fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Asks platend for the next drivers, and sends a piece of one. */
static void feed_guest(struct channel *channel)
{
	struct message m;

	while (!channel->platend_full && feed_question(&channel->feed, &m))
		(void)tell(channel, &m);
	feed_send(&channel->feed);
}

/* What is waited for on the guest's side, and how long at most, in usec. While platend takes
 * nothing, or the guest is to rest, nothing is read; nor would its hanging up let us sleep. */
static uint64_t watch_guest(struct channel *channel, struct pollfd *fd)
{
	uint64_t resting = rest(channel), credit = documents_give_credit(&channel->documents),
		 now = clock_usec(), most;
	uint64_t deadline = link_deadline(channel->link);

	fd->events = link_events(channel->link);
	most = deadline == UINT64_MAX ? UINT64_MAX : deadline > now ? deadline - now : 0;
	if (resting || channel->platend_full) {
		fd->events &= (short)~POLLIN;
		most = resting ? resting : AWAKE_USEC; /* its timers have time */
	}
	if (fd->events)
		fd->fd = link_fd(channel->link);
	return most < credit ? most : credit;
}

/* Nothing goes on. A host has hundreds like us, nearly all at rest. */
static void rest_link(struct link *link)
{
	link_rest(link);
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

static int wait(struct channel *channel)
{
	struct pollfd fds[2 + JOBS_OPEN_MAX];
	struct document *held[JOBS_OPEN_MAX];
	uint64_t most = UINT64_MAX;
	bool is_spent = channel->link && link_has_worked(channel->link);
	nfds_t n = 2;
	int ready;

	fds[0] = (struct pollfd){.fd = channel->ipc};
	if (channel->platend_full)
		fds[0].events = POLLOUT;
	if (!channel->link || link_queued(channel->link) < LISTEN_QUEUED)
		fds[0].events |= POLLIN;
	fds[1] = (struct pollfd){.fd = -1};
	if (channel->link)
		most = watch_guest(channel, &fds[1]);
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		struct document *doc = &channel->documents.all[i];

		if (!doc->held)
			continue;
		held[n - 2] = doc;
		fds[n++] = (struct pollfd){.fd = doc->pipe, .events = POLLOUT};
	}
	if (channel->synced && feed_is_due(&channel->feed, !channel->platend_full))
		most = 0;
	if (is_spent && most > IDLE_USEC)
		most = IDLE_USEC;
	ready = poll(fds, n, most == UINT64_MAX ? -1 : most ? (int)(most / 1000 + 1) : 0);
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	if (ready == 0 && is_spent && most == IDLE_USEC)
		rest_link(channel->link);
	for (nfds_t i = 2; i < n; i++)
		if (fds[i].revents)
			document_drain(&channel->documents, held[i - 2]);
	if (channel->platend_full && fds[0].revents & POLLOUT) {
		channel->platend_full = false;
		return tell(channel, &channel->waiting);
	}
	return 0;
}

int channel_run(struct channel *channel)
{
	for (;;) {
		int r = wait(channel);

		if (r == 0)
			r = from_platend(channel);
		if (r == 0 && channel->link) {
			r = link_step(channel->link, clock_usec());
			from_guest(channel);
			if (channel->synced)
				feed_guest(channel);
			if (r == 0) { /* writes what that made, and reads: never without looking */
				r = link_step(channel->link, clock_usec());
				from_guest(channel);
			}
		}
		if (r < 0) {
			if (channel->link)
				link_close(channel->link, BYE_CLOSING, "the host is closing");
			return r == -ECONNRESET ? 0 : r;
		}
	}
}
