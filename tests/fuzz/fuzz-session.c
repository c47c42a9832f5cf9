/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a channel, either side, and a peer that does whatever it likes.
 *
 * The bytes are a script for the peer and for the owner, since no fuzzer guesses a checksum or a
 * nonce: raw bytes, frames with a right head around any payload, tokens, time that passes, messages
 * that the owner sends, endings. Random numbers are fixed here, so that a script can name a nonce.
 * After each step the promises of link.h must hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/frame.h"
#include "proto/link.h"
#include "tests/fuzz/fuzz-session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sample.h"

struct world {
	struct link *link;
	int far;	/* the peer's end */
	uint64_t clock; /* usec */
	bool synced;	/* LINK_SYNCED was heard, and neither LINK_LOST nor an end of ours since */
	bool ended;	/* link_step() told an error */
};

/* In place of the C library's: the same numbers in every run. */
ssize_t getrandom(void *buf, size_t size, unsigned int flags)
{
	(void)flags;
	memset(buf, SESSION_NONCE, size);
	return (ssize_t)size;
}

/* All that the link has to say, judged. */
static void listen_to(struct world *w)
{
	static struct message m;
	char why[128];

	for (int events = 0;; events++) {
		enum link_event event = link_next(w->link, &m);

		PROMISE(events < 100000);
		switch (event) {
		case LINK_NONE: return;
		case LINK_SYNCED:
			PROMISE(!w->synced);
			PROMISE(link_is_synced(w->link));
			w->synced = true;
			break;
		case LINK_LOST:
			PROMISE(w->synced);
			PROMISE(text_is_line(link_reason(w->link)) && link_reason(w->link)[0]);
			w->synced = false;
			break;
		case LINK_MESSAGE:
			PROMISE(w->synced);
			PROMISE(m.head.type != MESSAGE_PING && m.head.type != MESSAGE_PONG);
			PROMISE(message_check(&m, m.head.size, why) == 0);
			break;
		}
	}
}

static void step(struct world *w)
{
	int r;

	if (w->ended)
		return;
	r = link_step(w->link, w->clock);
	PROMISE(link_queued(w->link) <= LINK_QUEUE_MAX);
	listen_to(w);
	if (r < 0)
		w->ended = true;
	else
		PROMISE(link_deadline(w->link) > w->clock || link_again(w->link) ||
			link_queued(w->link));
}

static void send_bytes(struct world *w, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = send(w->far, data, size, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (w->ended || errno != EAGAIN) {
			return;
		}
		step(w);
	}
}

static void send_frame(struct world *w, const uint8_t *payload, size_t size)
{
	uint8_t head[FRAME_HEAD_SIZE];

	frame_head(head, payload, size);
	send_bytes(w, head, sizeof(head));
	send_bytes(w, payload, size);
}

static void send_token(struct world *w, const uint8_t *args, size_t size)
{
	struct token token = {.kind = TOKEN_SYNC};
	uint8_t bytes[TOKEN_SIZE];

	if (size >= 1)
		token.kind = (enum token_kind)args[0];
	memset(token.guest, size >= 2 ? args[1] : SESSION_NONCE, NONCE_SIZE);
	memset(token.host, size >= 3 ? args[2] : SESSION_NONCE, NONCE_SIZE);
	token_write(bytes, &token);
	send_bytes(w, bytes, sizeof(bytes));
}

/* What the owner does, which may be refused but never breaks anything. */
static void act(struct world *w, enum link_side side, const uint8_t *args, size_t size)
{
	static struct message m;
	uint8_t what = size ? args[0] : 0;

	if (what > 0 && what < MESSAGE_TYPE_COUNT) {
		sample(&m, what, size > 1 && args[1] & 1);
		if (link_send(w->link, &m) == 0 && what == MESSAGE_BYE)
			w->synced = false;
	} else if (what == SESSION_CLOSE) {
		w->synced = false;
		link_close(w->link, BYE_CLOSING, "the fuzzer closes");
		PROMISE(!link_is_synced(w->link));
	} else if (what == SESSION_RESTART && side == LINK_GUEST) {
		link_restart(w->link);
	} else if (what == SESSION_KEEPALIVE && size > 1) {
		link_keepalive(w->link, 100 + args[1]);
	} else if (what == SESSION_READ) {
		static uint8_t buf[65536];

		for (int i = 0; i < 4 && read(w->far, buf, sizeof(buf)) > 0; i++)
			;
	}
}

/* Another peer behind the same descriptor, as behind a virtio-serial port. */
static void replace_peer(struct world *w, bool at_once)
{
	int fds[2];

	w->far = close_fd(w->far);
	if (!at_once) {
		step(w);
		step(w);
	}
	PROMISE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	PROMISE(dup2(fds[0], link_fd(w->link)) >= 0);
	(void)close(fds[0]);
	w->far = fds[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.clock = 1000000};
	enum link_side side;
	int fds[2];

	if (size < 1)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	side = data[0] & 1 ? LINK_GUEST : LINK_HOST;
	PROMISE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	w.far = fds[1];
	(void)fcntl(w.far, F_SETFL, O_NONBLOCK);
	PROMISE(link_new(side, fds[0], side == LINK_GUEST && data[0] & 2, &w.link) == 0);
	data++;
	size--;
	while (size >= 3 && !w.ended) { /* operation, length (little-endian), that many bytes */
		uint8_t op = data[0];
		size_t len = (size_t)data[1] | (size_t)data[2] << 8;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		switch (op) {
		case SESSION_RAW: send_bytes(&w, data, len); break;
		case SESSION_FRAME: send_frame(&w, data, len); break;
		case SESSION_TOKEN: send_token(&w, data, len); break;
		case SESSION_TIME: w.clock += (uint64_t)len * 100000; break;
		case SESSION_ACT: act(&w, side, data, len); break;
		case SESSION_PEER: replace_peer(&w, len & 1); break;
		default: break;
		}
		step(&w);
		data += len;
		size -= len;
	}
	w.far = close_fd(w.far);
	for (int i = 0; i < 4; i++)
		step(&w);
	w.link = link_free(w.link);
	return 0;
}
