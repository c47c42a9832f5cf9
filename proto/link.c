/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a channel as a state machine over a byte stream.
 *
 *            SYNC sent / SYNC seen          BYE
 *   HUNTING ───────────────────────► ON ─────────► OVER
 *      ▲   bad frame, silence, end    │              │
 *      └──────────────────────────────┴──────────────┘  (a new SYNC, from any state)
 *
 * HUNTING discards everything but a token. The guest leads with zeros as long as the longest
 * frame, so that a host in the middle of a dead session's frame completes it with zeros, finds
 * its checksum wrong, and hunts; the host answers the token with the guest's nonce, and the guest
 * believes nothing before that nonce. Both directions are then at a border, whatever the transport
 * had kept from before.
 */
#include "proto/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/frame.h"
#include "proto/session.h"

#define RX_SIZE (2 * FRAME_MAX) /* bytes: a whole frame always fits behind a consumed one */

enum phase {
	PHASE_HUNTING,
	PHASE_ON,
	PHASE_OVER,
};

struct link {
	int fd;
	enum link_side side;
	bool persistent;
	bool again;  /* the last read filled the buffer */
	bool away;   /* persistent: the last read said end of file */
	bool synced; /* LINK_SYNCED is to be reported */
	bool lost;   /* LINK_LOST is to be reported */
	bool pinged; /* a ping waits for anything to come back */
	enum phase phase;
	struct session session;
	uint8_t nonce[NONCE_SIZE];
	uint64_t now, heard, since; /* usec: last step, last bytes of a session, phase began */
	uint32_t keepalive;	    /* msec */
	uint32_t serial;
	uint8_t *rx;
	size_t rx_used, rx_done; /* bytes read, bytes consumed of them */
	uint8_t *tx;
	size_t tx_size, tx_used, tx_done; /* allocated, queued, written */
	char reason[192];
};

#define USEC(msec) ((uint64_t)(msec)*1000)

/* Makes room for `size` more bytes at the end of tx. 0 or -ENOBUFS. */
static int tx_reserve(struct link *link, size_t size)
{
	size_t waiting = link->tx_used - link->tx_done, want;
	uint8_t *grown;

	if (waiting + size > LINK_QUEUE_MAX)
		return -ENOBUFS;
	if (link->tx_done) {
		memmove(link->tx, link->tx + link->tx_done, waiting);
		link->tx_used = waiting;
		link->tx_done = 0;
	}
	if (waiting + size <= link->tx_size)
		return 0;
	want = waiting + size > FRAME_MAX ? waiting + size : 4096;
	if (want < link->tx_size * 2)
		want = link->tx_size * 2;
	grown = realloc(link->tx, want);
	if (!grown)
		return -ENOBUFS;
	link->tx = grown;
	link->tx_size = want;
	return 0;
}

static void tx_clear(struct link *link)
{
	link->tx_used = link->tx_done = 0;
}

static void tx_token(struct link *link, enum token_kind kind, size_t padding)
{
	if (tx_reserve(link, padding + TOKEN_SIZE) < 0)
		return; /* no memory: the deadline brings the next try */
	memset(link->tx + link->tx_used, 0, padding);
	token_write(link->tx + link->tx_used + padding, kind, link->nonce);
	link->tx_used += padding + TOKEN_SIZE;
}

/* Everything of the current session is over; what was queued for it must not be sent into the
 * next, but a frame that is partly written is made harmless by the next padding. */
static void lose(struct link *link, const char *reason)
{
	if (link->phase != PHASE_HUNTING) {
		link->lost = true;
		link->synced = false;
		(void)text_printf(link->reason, sizeof(link->reason), "%s", reason);
	}
	link->phase = PHASE_HUNTING;
	link->since = link->now;
	link->pinged = false;
	tx_clear(link);
}

static void sync_begin(struct link *link)
{
	if (getrandom(link->nonce, sizeof(link->nonce), 0) != (ssize_t)sizeof(link->nonce))
		abort();
	link->since = link->now;
	tx_clear(link);
	tx_token(link, TOKEN_SYNC, FRAME_MAX);
}

static void session_begin(struct link *link)
{
	session_init(&link->session);
	link->phase = PHASE_ON;
	link->synced = true;
	link->heard = link->since = link->now;
	link->pinged = false;
}

int link_new(enum link_side side, int fd, bool persistent, struct link **ret_link)
{
	struct link *link;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->rx = malloc(RX_SIZE);
	if (!link->rx) {
		free(link);
		return -ENOMEM;
	}
	link->fd = fd;
	link->side = side;
	link->persistent = persistent;
	link->keepalive = KEEPALIVE_MSEC;
	if (side == LINK_GUEST)
		sync_begin(link);
	else
		tx_token(link, TOKEN_RESYNC, 0);
	*ret_link = link;
	return 0;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	link->fd = close_fd(link->fd);
	free(link->rx);
	free(link->tx);
	free(link);
	return NULL;
}

int link_fd(const struct link *link)
{
	return link->fd;
}

short link_events(const struct link *link)
{
	short events = 0;

	if (link->rx_used - link->rx_done < RX_SIZE)
		events |= POLLIN;
	if (link->tx_used > link->tx_done)
		events |= POLLOUT;
	return events;
}

/* A guest whose host also pings waits longer, so that one ping a minute serves both. */
static uint64_t silence_usec(const struct link *link)
{
	uint64_t usec = USEC(link->keepalive);

	return link->side == LINK_HOST ? usec : usec + usec / 2;
}

uint64_t link_deadline(const struct link *link)
{
	switch (link->phase) {
	case PHASE_HUNTING:
		if (link->side == LINK_GUEST && !link->away && link->tx_used == link->tx_done)
			return link->since + USEC(SYNC_MSEC);
		return UINT64_MAX;
	case PHASE_ON:
		if (link->session.state != SESSION_OPEN)
			return link->since + USEC(HELLO_MSEC);
		if (link->pinged)
			return link->heard + silence_usec(link) + USEC(KEEPALIVE_DEAD_MSEC);
		return link->heard + silence_usec(link);
	case PHASE_OVER: break;
	}
	return UINT64_MAX;
}

static void ping(struct link *link)
{
	struct message m;

	message_init(&m, MESSAGE_PING);
	m.ping.serial = ++link->serial;
	(void)link_send(link, &m); /* a full queue: the deadline decides */
	link->pinged = true;
}

static void timers(struct link *link)
{
	if (link->now < link_deadline(link))
		return;
	if (link->phase == PHASE_HUNTING) {
		link->since = link->now;
		tx_token(link, TOKEN_SYNC, FRAME_MAX);
		return;
	}
	if (link->session.state != SESSION_OPEN)
		lose(link, "no greeting came in time");
	else if (!link->pinged)
		ping(link);
	else
		lose(link, "the peer is silent, also when pinged");
	if (link->phase == PHASE_HUNTING && link->side == LINK_GUEST)
		sync_begin(link);
}

static int do_write(struct link *link)
{
	while (link->tx_done < link->tx_used) {
		ssize_t n =
			write(link->fd, link->tx + link->tx_done, link->tx_used - link->tx_done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return 0;
		if (n < 0 && link->persistent && (errno == EPIPE || errno == ENODEV))
			return errno == EPIPE ? 0 : -errno;
		if (n < 0)
			return -errno;
		link->tx_done += (size_t)n;
	}
	tx_clear(link);
	if (link->tx_size > FRAME_MAX * 2) { /* a burst is over: give the memory back */
		free(link->tx);
		link->tx = NULL;
		link->tx_size = 0;
	}
	return 0;
}

/* 0; 1 at the end of the stream; -errno. */
static int do_read(struct link *link)
{
	ssize_t n;

	link->again = false;
	if (link->rx_done) {
		memmove(link->rx, link->rx + link->rx_done, link->rx_used - link->rx_done);
		link->rx_used -= link->rx_done;
		link->rx_done = 0;
	}
	while (link->rx_used < RX_SIZE) {
		n = read(link->fd, link->rx + link->rx_used, RX_SIZE - link->rx_used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return 0;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 1;
		link->away = false;
		link->heard = link->now;
		link->pinged = false;
		link->rx_used += (size_t)n;
	}
	link->again = true;
	return 0;
}

int link_step(struct link *link, uint64_t now)
{
	int r;

	link->now = now;
	r = do_read(link);
	if (r < 0)
		return r;
	if (r == 1 && !link->persistent)
		return link->rx_used > link->rx_done ? 0 : -ECONNRESET;
	if (r == 1 && !link->away) {
		link->away = true;
		link->rx_used = link->rx_done = 0;
		lose(link, "the host is away");
		sync_begin(link);
	}
	timers(link);
	return do_write(link);
}

bool link_again(const struct link *link)
{
	return link->again;
}

/* A violation or bytes that are no frame: the session ends with a BYE that may never be read. */
static void violate(struct link *link, const char *why)
{
	char reason[160];

	(void)text_printf(reason, sizeof(reason), "%s", why);
	link_close(link, BYE_VIOLATION, reason);
	lose(link, reason);
	if (link->side == LINK_GUEST)
		sync_begin(link);
}

/* A token stands at the border. */
static void take_token(struct link *link)
{
	uint8_t nonce[NONCE_SIZE];
	int kind = token_read(link->rx + link->rx_done, nonce);

	link->rx_done += TOKEN_SIZE;
	if (link->side == LINK_HOST) {
		if (kind != TOKEN_SYNC)
			return;
		lose(link, "the guest began a new session");
		memcpy(link->nonce, nonce, sizeof(nonce));
		tx_token(link, TOKEN_ACK, 0);
		session_begin(link);
	} else if (kind == TOKEN_ACK && link->phase == PHASE_HUNTING &&
		   memcmp(nonce, link->nonce, sizeof(nonce)) == 0) {
		session_begin(link);
	} else if (kind == TOKEN_RESYNC) {
		bool hunting = link->phase == PHASE_HUNTING;

		lose(link, "the host asked for a new session");
		if (!hunting)
			sync_begin(link);
		else if (link->tx_used == link->tx_done)
			tx_token(link, TOKEN_SYNC, FRAME_MAX);
	}
}

static void hunt(struct link *link)
{
	size_t left = link->rx_used - link->rx_done;
	size_t at = token_find(link->rx + link->rx_done, left);

	link->rx_done += at;
	if (link->rx_used - link->rx_done >= TOKEN_SIZE)
		take_token(link);
}

/* Looks at one frame. Returns whether `m` holds a message for the owner. */
static bool take_frame(struct link *link, size_t payload, struct message *m)
{
	enum session_sender sender = link->side == LINK_HOST ? SESSION_GUEST : SESSION_HOST;
	const uint8_t *bytes = link->rx + link->rx_done + FRAME_HEAD_SIZE;
	char why[128];

	link->rx_done += FRAME_HEAD_SIZE + payload;
	if (message_decode(bytes, payload, m, why) < 0) {
		violate(link, why);
		return false;
	}
	if (session_pass(&link->session, sender, m->head.type) < 0) {
		(void)snprintf(why, sizeof(why), "%s may not come in state %s",
			message_name(m->head.type), session_state_name(link->session.state));
		violate(link, why);
		return false;
	}
	if (m->head.type == MESSAGE_PING) {
		uint32_t serial = m->ping.serial;

		message_init(m, MESSAGE_PONG);
		m->ping.serial = serial;
		(void)link_send(link, m); /* a full queue speaks for itself */
		return false;
	}
	if (m->head.type == MESSAGE_BYE)
		link->phase = PHASE_OVER;
	return m->head.type != MESSAGE_PONG;
}

/* One look at the border. Returns whether `m` holds a message for the owner. */
static bool look(struct link *link, struct message *m, bool *ret_more)
{
	size_t payload;

	*ret_more = true;
	switch (frame_look(link->rx + link->rx_done, link->rx_used - link->rx_done, &payload)) {
	case FRAME_MORE: *ret_more = false; return false;
	case FRAME_TOKEN: take_token(link); return false;
	case FRAME_WHOLE:
		if (link->phase == PHASE_ON)
			return take_frame(link, payload, m);
		link->rx_done += FRAME_HEAD_SIZE + payload; /* OVER: no one listens */
		return false;
	case FRAME_BAD: violate(link, "bytes came that are no frame"); return false;
	}
	return false;
}

enum link_event link_next(struct link *link, struct message *m)
{
	for (;;) {
		bool more = true;

		if (link->lost) {
			link->lost = false;
			return LINK_LOST;
		}
		if (link->synced) {
			link->synced = false;
			return LINK_SYNCED;
		}
		if (link->phase == PHASE_HUNTING) {
			size_t before = link->rx_done;

			hunt(link);
			if (link->rx_done == before || link->rx_done == link->rx_used)
				more = link->synced || link->lost;
		} else if (look(link, m, &more)) {
			return LINK_MESSAGE;
		}
		if (!more && !link->lost && !link->synced)
			return LINK_NONE;
	}
}

const char *link_reason(const struct link *link)
{
	return link->reason;
}

bool link_is_synced(const struct link *link)
{
	return link->phase == PHASE_ON;
}

void link_restart(struct link *link)
{
	lose(link, "the session is begun anew");
	link->rx_used = link->rx_done = 0;
	sync_begin(link);
}

void link_keepalive(struct link *link, uint32_t msec)
{
	link->keepalive = msec;
}

int link_send(struct link *link, const struct message *m)
{
	enum session_sender sender = link->side == LINK_HOST ? SESSION_HOST : SESSION_GUEST;
	struct session next = link->session;
	size_t size;
	uint8_t *at;
	int r;

	if (link->phase != PHASE_ON)
		return -ENOTCONN;
	r = session_pass(&next, sender, m->head.type);
	if (r < 0)
		return r;
	r = tx_reserve(link, FRAME_MAX);
	if (r < 0)
		return r;
	at = link->tx + link->tx_used;
	size = message_encode(m, at + FRAME_HEAD_SIZE);
	frame_head(at, at + FRAME_HEAD_SIZE, size);
	link->tx_used += FRAME_HEAD_SIZE + size;
	link->session = next;
	if (m->head.type == MESSAGE_BYE)
		link->phase = PHASE_OVER;
	return 0;
}

bool link_bulk_ready(const struct link *link)
{
	return link->phase == PHASE_ON && link->session.state == SESSION_OPEN &&
	       link->tx_used == link->tx_done;
}

size_t link_queued(const struct link *link)
{
	return link->tx_used - link->tx_done;
}

void link_close(struct link *link, enum bye_code code, const char *text)
{
	struct message m;

	if (link->phase != PHASE_ON)
		return;
	message_init(&m, MESSAGE_BYE);
	m.bye.code = code;
	text_copy_line(m.bye.text, sizeof(m.bye.text), text);
	(void)link_send(link, &m);
	(void)do_write(link);
}
