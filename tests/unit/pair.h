/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two links with the test in the middle: each has a socketpair of its own, and what one writes
 * reaches the other only as far as the test carries it. So a test can cut, delay and repeat bytes,
 * and replace one end while the other lives on. Time is a number that the test counts.
 */
#ifndef PLATEN_TESTS_PAIR_H
#define PLATEN_TESTS_PAIR_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/frame.h"
#include "proto/link.h"

#define MSEC 1000ULL /* usec */
#define ALL  SIZE_MAX

struct end {
	struct link *link;
	int far;		      /* the test's end of its socketpair */
	int result;		      /* of the last link_step() */
	uint64_t clock;		      /* usec */
	char log[4096];		      /* what link_next() said: "SYNCED Hello LOST", in order */
	struct message seen;	      /* the last message */
	uint8_t data[FRAME_DATA_MAX]; /* and its data */
};

static inline void sockets(int ret_fds[static 2])
{
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static inline void end_open(struct end *end, enum link_side side, bool persistent)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	memset(end, 0, sizeof(*end));
	sockets(fds);
	end->clock = 1000 * MSEC;
	end->far = fds[1];
	ck_assert_int_eq(link_new(side, fds[0], persistent, &end->link), 0);
}

static inline void end_close(struct end *end)
{
	end->link = link_free(end->link);
	end->far = close_fd(end->far);
}

static inline void end_note(struct end *end, const char *word)
{
	size_t used = strlen(end->log);

	ck_assert_uint_lt(used + strlen(word) + 2, sizeof(end->log));
	(void)sprintf(end->log + used, "%s%s", used ? " " : "", word);
}

static inline void end_forget(struct end *end)
{
	end->log[0] = '\0';
}

/* Delivers what the link has to say. Returns whether it said anything. */
static inline bool end_listen(struct end *end)
{
	static struct message m;
	bool any = false;

	for (;;) {
		switch (link_next(end->link, &m)) {
		case LINK_NONE: return any;
		case LINK_SYNCED: end_note(end, "SYNCED"); break;
		case LINK_LOST: end_note(end, "LOST"); break;
		case LINK_MESSAGE:
			end_note(end, message_name(m.head.type));
			memcpy(&end->seen, &m, m.head.size);
			if (m.head.type == MESSAGE_JOB_DATA)
				memcpy(end->data, m.job_data.data, m.job_data.data_size);
			if (m.head.type == MESSAGE_DRIVER_DATA)
				memcpy(end->data, m.driver_data.data, m.driver_data.data_size);
			break;
		}
		any = true;
	}
}

static inline bool end_step(struct end *end)
{
	end->result = link_step(end->link, end->clock);
	return end_listen(end);
}

/* Moves at most `most` bytes from one socket to another, none lost. Returns their number. */
static inline size_t carry(int from, int to, size_t most)
{
	static uint8_t buf[65536];
	size_t moved = 0;

	while (moved < most) {
		size_t want = most - moved < sizeof(buf) ? most - moved : sizeof(buf);
		ssize_t n = recv(from, buf, want, MSG_PEEK), sent;

		if (n <= 0)
			break;
		sent = send(to, buf, (size_t)n, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		ck_assert_int_eq(recv(from, buf, (size_t)sent, 0), sent);
		moved += (size_t)sent;
	}
	return moved;
}

static inline size_t discard(int from, size_t most)
{
	static uint8_t buf[65536];
	size_t gone = 0;

	while (gone < most) {
		ssize_t n =
			recv(from, buf, most - gone < sizeof(buf) ? most - gone : sizeof(buf), 0);

		if (n <= 0)
			break;
		gone += (size_t)n;
	}
	return gone;
}

/* Lets both ends speak, `chunk` bytes at a time, until neither has anything to say. */
static inline void converse(struct end *a, struct end *b, size_t chunk)
{
	bool busy = true;

	while (busy) {
		busy = end_step(a);
		busy |= end_step(b);
		busy |= carry(a->far, b->far, chunk) > 0;
		busy |= carry(b->far, a->far, chunk) > 0;
		busy |= link_queued(a->link) || link_queued(b->link);
	}
}

static inline int say(struct end *end, enum message_type type)
{
	static struct message m;

	message_init(&m, type);
	switch (type) {
	case MESSAGE_HELLO: m.hello.version_min = m.hello.version_max = 1; break;
	case MESSAGE_WELCOME:
		m.welcome.version = 1;
		m.welcome.keepalive_msec = KEEPALIVE_MSEC;
		break;
	case MESSAGE_BYE: m.bye.code = BYE_CLOSING; break;
	case MESSAGE_PRINTER:
		m.printer.kind = PRINTER_NETWORK;
		m.printer.driver_size = 1;
		(void)strcpy(m.printer.name, "laser");
		break;
	case MESSAGE_PRINTER_STATE: m.printer_state.state = 3; break;
	case MESSAGE_PRINTER_REPORT: m.printer_report.code = REPORT_READY; break;
	case MESSAGE_JOB_OPEN:
		m.job_open.job.bytes[0] = 1;
		m.job_open.file = m.job_open.copies = 1;
		(void)strcpy(m.job_open.format, "application/pdf");
		break;
	case MESSAGE_JOB_ACCEPT: m.job_accept.window = JOB_WINDOW; break;
	case MESSAGE_JOB_CREDIT: m.job_credit.bytes = 1; break;
	case MESSAGE_JOB_STATE: /* large enough to fill a queue soon */
		m.job_state.phase = JOB_PHASE_PENDING;
		memset(m.job_state.text, 'x', sizeof(m.job_state.text) - 1);
		break;
	default: break;
	}
	return link_send(end->link, &m);
}

static inline int say_data(struct end *end, const void *data, size_t size)
{
	static struct message m;

	message_init(&m, MESSAGE_JOB_DATA);
	m.job_data.data = data;
	m.job_data.data_size = (uint32_t)size;
	return link_send(end->link, &m);
}

/* A session from nothing to OPEN, with both logs empty. */
static inline void meet(struct end *guest, struct end *host)
{
	converse(guest, host, ALL);
	ck_assert_int_eq(say(guest, MESSAGE_HELLO), 0);
	converse(guest, host, ALL);
	ck_assert_int_eq(say(host, MESSAGE_WELCOME), 0);
	converse(guest, host, ALL);
	ck_assert_str_eq(guest->log, "SYNCED Welcome");
	ck_assert_str_eq(host->log, "SYNCED Hello");
	end_forget(guest);
	end_forget(host);
}

#endif
