/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a channel as a state machine over a byte stream.
 *
 *            SYNC and ACK passed            BYE
 *   HUNTING ────────────────────► ON ────────────────► OVER
 *      ▲   bad frame, silence, end │                     │
 *      └───────────────────────────┴─────────────────────┘  (a new SYNC or RESYNC, in any phase)
 *
 * A session begins when the guest has named the host's nonce and the host the guest's: then both
 * have heard the other's present, not something that the transport or a dead process had kept.
 * Who starts leads with zeros as long as the longest frame, so a reader in the middle of a dead
 * writer's frame completes it with zeros, finds its checksum wrong, and searches for the token
 * that follows. A reader at a border skips them. PROTOCOL.md, Synchronisation, has the reasons.
 */
#include "proto/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/frame.h"
#include "proto/inbox.h"
#include "proto/outbox.h"
#include "proto/session.h"

#define END_OF_FILE  (-ECONNRESET) /* how the end of the stream is called */
#define REST_TRAFFIC 16384	   /* bytes, after which memory is given back */

enum phase {
	PHASE_HUNTING, /* no session; the guest asks for one */
	PHASE_ON,
	PHASE_OVER, /* BYE was said; the guest's owner asks for the next one */
};

struct link {
	int fd;
	enum link_side side;
	bool persistent;
	bool again;   /* the last read filled the buffer */
	bool away;    /* persistent: the last read said end of file */
	bool drained; /* link_next() has nothing more to say about what was read */
	bool astray;  /* the border is lost: only a token is looked for */
	bool blocked; /* the descriptor took no more of what waits */
	bool synced;  /* LINK_SYNCED is to be reported */
	bool lost;    /* LINK_LOST is to be reported */
	bool pinged;  /* a ping waits for anything to come back */
	int end;      /* -errno that ended the stream; told when drained */
	enum phase phase;
	struct session session;
	uint8_t guest_nonce[NONCE_SIZE], host_nonce[NONCE_SIZE];
	uint64_t now;	    /* usec: the last step */
	uint64_t heard;	    /* the last bytes */
	uint64_t since;	    /* the phase began, or SYNC was sent last */
	uint64_t ping_time; /* the ping went out */
	uint32_t keepalive; /* msec */
	uint32_t serial;
	size_t traffic; /* bytes read and queued since link_rest() */
	struct inbox inbox;
	struct outbox outbox;
	char reason[192];
};

#define USEC(msec) ((uint64_t)(msec)*1000)

static void new_nonce(uint8_t nonce[static NONCE_SIZE])
{
	if (getrandom(nonce, NONCE_SIZE, 0) != NONCE_SIZE)
		abort();
}

static void send_token(struct link *link, enum token_kind kind, size_t padding)
{
	struct token token = {.kind = kind};
	uint8_t *at = outbox_reserve(&link->outbox, padding + TOKEN_SIZE, LINK_QUEUE_MAX);

	if (!at)
		return; /* no memory: the guest's next try comes */
	memcpy(token.guest, link->guest_nonce, NONCE_SIZE);
	memcpy(token.host, link->host_nonce, NONCE_SIZE);
	memset(at, 0, padding);
	token_write(at + padding, &token);
	outbox_commit(&link->outbox, padding + TOKEN_SIZE);
}

/* The owner hears of a session's end if it heard of its start. */
static void tell_lost(struct link *link, const char *reason)
{
	if (link->phase != PHASE_ON)
		return;
	if (!link->synced) {
		link->lost = true;
		(void)text_printf(link->reason, sizeof(link->reason), "%s", reason);
	}
	link->synced = false;
}

/* The session is over; what is queued is the caller's to keep or to trim. */
static void lose(struct link *link, const char *reason)
{
	tell_lost(link, reason);
	link->phase = PHASE_HUNTING;
	link->since = link->now;
	link->pinged = false;
	if (link->side == LINK_GUEST)
		new_nonce(link->guest_nonce);
}

/* Guest: asks for a session, and forgets what else was to be sent. */
static void ask(struct link *link)
{
	link->since = link->now;
	outbox_trim(&link->outbox);
	send_token(link, TOKEN_SYNC, FRAME_MAX);
}

/* The session is over for a reason of ours, of which the peer may not know. */
static void give_up(struct link *link, const char *reason)
{
	lose(link, reason);
	outbox_trim(&link->outbox);
	if (link->side == LINK_GUEST)
		ask(link);
	else
		send_token(link, TOKEN_RESYNC, 0);
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

	assert(side == LINK_GUEST || !persistent);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->fd = fd;
	link->side = side;
	link->persistent = persistent;
	link->astray = link->drained = true;
	link->keepalive = KEEPALIVE_MSEC;
	if (side == LINK_GUEST) {
		new_nonce(link->guest_nonce);
		ask(link);
	} else {
		new_nonce(link->host_nonce);
		send_token(link, TOKEN_RESYNC, FRAME_MAX);
	}
	*ret_link = link;
	return 0;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	link->fd = close_fd(link->fd);
	outbox_deinit(&link->outbox);
	inbox_deinit(&link->inbox);
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

	if (inbox_has_room(&link->inbox))
		events |= POLLIN;
	if (outbox_waiting(&link->outbox))
		events |= POLLOUT;
	return events;
}

/* A guest whose host also pings waits longer, so that one ping a minute serves both. */
static uint64_t silence_usec(const struct link *link)
{
	uint64_t usec = USEC(link->keepalive);

	return link->side == LINK_HOST ? usec : usec + usec / 2;
}

/* When timers() has something to do. */
static uint64_t timer(const struct link *link)
{
	switch (link->phase) {
	case PHASE_HUNTING:
		if (link->side == LINK_GUEST && !link->away && !outbox_waiting(&link->outbox))
			return link->since + USEC(SYNC_MSEC);
		return UINT64_MAX;
	case PHASE_ON:
		if (link->session.state != SESSION_OPEN)
			return link->since + USEC(HELLO_MSEC);
		if (link->pinged)
			return link->ping_time + USEC(KEEPALIVE_DEAD_MSEC);
		return link->heard + silence_usec(link);
	case PHASE_OVER: break;
	}
	return UINT64_MAX;
}

/* Whether there is something to do that no event of the descriptor will tell. */
static bool unsettled(const struct link *link)
{
	return link->end || (outbox_waiting(&link->outbox) && !link->blocked);
}

uint64_t link_deadline(const struct link *link)
{
	return unsettled(link) ? link->now : timer(link);
}

static void ping(struct link *link)
{
	struct message m;

	message_init(&m, MESSAGE_PING);
	m.ping.serial = ++link->serial;
	(void)link_send(link, &m); /* a full queue: the deadline decides */
	link->pinged = true;
	link->ping_time = link->now;
}

static void timers(struct link *link)
{
	if (link->now < timer(link))
		return;
	if (link->phase == PHASE_HUNTING)
		ask(link);
	else if (link->session.state != SESSION_OPEN)
		give_up(link, "no greeting came in time");
	else if (!link->pinged)
		ping(link);
	else
		give_up(link, "the peer is silent, also when pinged");
}

/* Why a socket is not connected: 0 while it still connects, or -errno. */
static int connect_error(int fd)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

static void do_read(struct link *link)
{
	size_t came = 0;
	int r = inbox_read(&link->inbox, link->fd, &came);

	link->again = r > 0;
	link->traffic += came;
	if (came) {
		link->away = link->drained = link->pinged = false;
		link->heard = link->now;
	}
	if (r == 0)
		link->away = false; /* a port without a peer says end of file */
	else if (r < 0)
		link->end = r == -ENOTCONN ? connect_error(link->fd) : r;
}

/* Writes what can be written. 0 or -errno. */
static int flush(struct link *link)
{
	int r = outbox_write(&link->outbox, link->fd);

	if (r == -ENOTCONN || (r == -EPIPE && link->persistent))
		r = 0; /* not yet, or not at the moment: reading tells */
	link->blocked = outbox_waiting(&link->outbox) > 0;
	return r;
}

/* Guest: nobody is at the other end of a port that lasts. Who comes next knows nothing of us. */
static void go_away(struct link *link)
{
	link->end = 0;
	if (link->away)
		return;
	lose(link, "the host is away");
	link->away = link->astray = true;
	inbox_drop(&link->inbox);
	outbox_drop(&link->outbox);
	memset(link->host_nonce, 0, NONCE_SIZE);
	ask(link);
}

int link_step(struct link *link, uint64_t now)
{
	int r;

	if (link->now == 0)
		link->since = link->heard = now;
	link->now = now;
	if (link->end == 0)
		do_read(link);
	if (link->end) {
		if (!link->drained)
			return 0; /* what came before the end is delivered first */
		if (!link->persistent || link->end != END_OF_FILE)
			return link->end;
		go_away(link);
	}
	timers(link);
	r = flush(link);
	link->end = r;
	return link->drained ? r : 0;
}

bool link_again(const struct link *link)
{
	return link->again || unsettled(link);
}

/* The peer broke the protocol: the session ends with a BYE that may never be read. A guest asks
 * for another one only after a while, so that two ends that disagree do not quarrel all the time.
 */
static void violate(struct link *link, const char *why)
{
	tell_lost(link, why);
	outbox_trim(&link->outbox);
	link_close(link, BYE_VIOLATION, why);
	lose(link, why);
}

/* Host: a guest asks for a session. */
static void take_sync(struct link *link, const struct token *token)
{
	bool known = memcmp(token->host, link->host_nonce, NONCE_SIZE) == 0;
	bool same = memcmp(token->guest, link->guest_nonce, NONCE_SIZE) == 0;

	if (known && same && link->phase == PHASE_ON && link->session.state == SESSION_SYNCED) {
		send_token(link, TOKEN_ACK, 0); /* it asked twice before it heard */
		return;
	}
	lose(link, "the guest began a new session");
	outbox_trim(&link->outbox);
	memcpy(link->guest_nonce, token->guest, NONCE_SIZE);
	send_token(link, known ? TOKEN_ACK : TOKEN_RESYNC, 0);
	if (known)
		session_begin(link);
}

/* A token stands at the border. */
static void take_token(struct link *link)
{
	struct token token;

	(void)token_read(inbox_at(&link->inbox), &token); /* it was looked at before */
	inbox_take(&link->inbox, TOKEN_SIZE);
	link->astray = false;
	if (link->side == LINK_HOST) {
		if (token.kind == TOKEN_SYNC)
			take_sync(link, &token);
	} else if (token.kind == TOKEN_ACK) {
		if (link->phase != PHASE_HUNTING ||
			memcmp(token.guest, link->guest_nonce, NONCE_SIZE) != 0)
			return; /* to a SYNC of before */
		outbox_trim(&link->outbox);
		session_begin(link);
	} else if (token.kind == TOKEN_RESYNC) {
		if (link->phase == PHASE_HUNTING &&
			memcmp(token.host, link->host_nonce, NONCE_SIZE) == 0)
			return; /* our SYNC with this nonce is on its way */
		lose(link, "the host asked for a new session");
		memcpy(link->host_nonce, token.host, NONCE_SIZE);
		ask(link);
	}
}

/* Searches for a token. Returns whether one was taken. */
static bool hunt(struct link *link)
{
	struct inbox *inbox = &link->inbox;

	inbox_take(inbox, token_find(inbox_at(inbox), inbox_size(inbox)));
	if (inbox_size(inbox) < TOKEN_SIZE)
		return false;
	take_token(link);
	return true;
}

/* Looks at one frame. Returns whether `m` holds a message for the owner. */
static bool take_frame(struct link *link, size_t payload, struct message *m)
{
	enum session_sender sender = link->side == LINK_HOST ? SESSION_GUEST : SESSION_HOST;
	const uint8_t *bytes = inbox_at(&link->inbox) + FRAME_HEAD_SIZE;
	char why[128];

	inbox_take(&link->inbox, FRAME_HEAD_SIZE + payload);
	if (link->phase != PHASE_ON)
		return false; /* no one listens */
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
	if (m->head.type == MESSAGE_WELCOME)
		link->session.version = m->welcome.version;
	if (m->head.type == MESSAGE_PING) {
		uint32_t serial = m->ping.serial;

		message_init(m, MESSAGE_PONG);
		m->ping.serial = serial;
		(void)link_send(link, m); /* a full queue speaks for itself */
		return false;
	}
	if (m->head.type == MESSAGE_BYE) {
		tell_lost(link, m->bye.text[0] ? m->bye.text : "the peer said goodbye");
		link->phase = PHASE_OVER;
		outbox_trim(&link->outbox);
	}
	return m->head.type != MESSAGE_PONG;
}

/* Bytes that are none of ours. */
static void stray(struct link *link, enum frame_kind kind, size_t size)
{
	char why[128];

	link->astray = true;
	if (link->phase != PHASE_ON)
		return;
	if (kind == FRAME_LARGE)
		(void)snprintf(why, sizeof(why),
			"a frame of %zu bytes came, at most %d are allowed", size,
			FRAME_PAYLOAD_MAX);
	else
		(void)snprintf(why, sizeof(why),
			"bytes came that are no frame (the peer ended in the middle of one?)");
	violate(link, why);
}

/* One look at the border. Returns whether `m` holds a message for the owner. */
static bool look(struct link *link, struct message *m, bool *ret_more)
{
	enum frame_kind kind;
	size_t size = 0;

	kind = frame_look(inbox_at(&link->inbox), inbox_size(&link->inbox), &size);
	*ret_more = kind != FRAME_MORE;
	switch (kind) {
	case FRAME_MORE: return false;
	case FRAME_TOKEN: take_token(link); return false;
	case FRAME_PADDING: inbox_take(&link->inbox, size); return false;
	case FRAME_WHOLE: return take_frame(link, size, m);
	case FRAME_LARGE:
	case FRAME_BAD: stray(link, kind, size); return false;
	}
	return false;
}

enum link_event link_next(struct link *link, struct message *m)
{
	bool more = inbox_size(&link->inbox) > 0;

	while (more || link->lost || link->synced) {
		if (link->lost) {
			link->lost = false;
			return LINK_LOST;
		}
		if (link->synced) {
			link->synced = false;
			return LINK_SYNCED;
		}
		if (link->astray)
			more = hunt(link);
		else if (look(link, m, &more))
			return LINK_MESSAGE;
	}
	link->drained = true;
	return LINK_NONE;
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
	assert(link->side == LINK_GUEST);
	give_up(link, "the session is begun anew");
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
	at = outbox_reserve(&link->outbox, FRAME_MAX, LINK_QUEUE_MAX);
	if (!at)
		return -ENOBUFS;
	size = message_encode(m, at + FRAME_HEAD_SIZE);
	frame_head(at, at + FRAME_HEAD_SIZE, size);
	outbox_commit(&link->outbox, FRAME_HEAD_SIZE + size);
	link->traffic += size;
	link->session = next;
	if (m->head.type == MESSAGE_WELCOME)
		link->session.version = m->welcome.version;
	if (m->head.type == MESSAGE_BYE)
		link->phase = PHASE_OVER;
	return 0;
}

bool link_bulk_ready(const struct link *link)
{
	return link->phase == PHASE_ON && link->session.state == SESSION_OPEN &&
	       !outbox_waiting(&link->outbox);
}

bool link_has_worked(const struct link *link)
{
	return link->traffic >= REST_TRAFFIC;
}

void link_rest(struct link *link)
{
	link->traffic = 0;
	inbox_rest(&link->inbox);
	outbox_rest(&link->outbox);
}

size_t link_queued(const struct link *link)
{
	return outbox_waiting(&link->outbox);
}

void link_close(struct link *link, enum bye_code code, const char *text)
{
	struct message m;

	if (link->phase != PHASE_ON) {
		(void)flush(link); /* the owner's own BYE may wait there */
		return;
	}
	message_init(&m, MESSAGE_BYE);
	m.bye.code = code;
	text_copy_line(m.bye.text, sizeof(m.bye.text), text);
	if (link_send(link, &m) == -ENOBUFS) {
		outbox_trim(&link->outbox);
		(void)link_send(link, &m); /* what is left leaves room for it */
	}
	link->phase = PHASE_OVER;
	(void)flush(link); /* the next step tells */
}
