/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a channel: a descriptor, its frames, its synchronisation and its keep-alive, without
 * an event loop. The agent drives it from sd-event, platen-channel from poll(2).
 *
 * A session begins when both sides have synchronised, and is over at the next synchronisation, at
 * a violation, at a BYE, or when the peer is silent for too long. Bytes of an earlier session, in
 * either direction, cut at any place, are never taken for a message (PROTOCOL.md,
 * Synchronisation): virtio-serial keeps bytes for a port that is closed, and its host end does not
 * see the guest's close.
 */
#ifndef PLATEN_LINK_H
#define PLATEN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

struct link;

enum link_side {
	LINK_GUEST, /* begins synchronisation */
	LINK_HOST,  /* answers it */
};

enum link_event {
	LINK_NONE = 0, /* nothing more for now */
	LINK_SYNCED,   /* a session begins; anything of an earlier one is over */
	LINK_MESSAGE,  /* a message for the owner; PING and PONG never reach it */
	LINK_LOST,     /* the session is over, link_reason() says why; the link goes on */
};

/* Each LINK_SYNCED is followed by one LINK_LOST, also after a BYE of the peer was delivered; only
 * the owner's own link_close() or BYE ends a session without one. */

/*
 * Takes `fd` (any byte stream) and makes it non-blocking. `persistent`: end of file means that the
 * peer is away and may come back (a guest's virtio-serial port; never on the host), otherwise the
 * link is at its end.
 * 0 or -errno (fd is then still the caller's).
 */
int link_new(enum link_side side, int fd, bool persistent, struct link **ret_link);
struct link *link_free(struct link *link);

int link_fd(const struct link *link);

/* poll(2) events to wait for. A persistent link must be waited for edge-triggered (epoll(7)):
 * POLLHUP stays up as long as the peer is away. */
short link_events(const struct link *link);

/* CLOCK_MONOTONIC in microseconds at which link_step() wants to be called, UINT64_MAX for never.
 * May lie in the past: at once. */
uint64_t link_deadline(const struct link *link);

/*
 * Reads, writes and keeps time as far as it can without waiting. `now` is CLOCK_MONOTONIC in
 * microseconds. 0; -ECONNRESET at the end of a stream; another -errno of read(2) or write(2). An
 * error is told only when link_next() has said LINK_NONE to all that came before it.
 */
int link_step(struct link *link, uint64_t now);

/* Whether link_step() has more to do of which the descriptor will not tell: it stopped before that
 * was exhausted, has an error to tell, or something was queued since. Call it again after
 * link_next() has said LINK_NONE. Who waits edge-triggered must, or call it when link_deadline()
 * says so, which is then due. */
bool link_again(const struct link *link);

/* What has happened, one at a time: call until LINK_NONE, after every link_step(). `m` is valid
 * until the next call. A violation of the frame, the schema, a limit or the order ends the
 * session: the link sends BYE_VIOLATION by itself and reports LINK_LOST. A guest's link asks for
 * the next session SYNC_MSEC later. */
enum link_event link_next(struct link *link, struct message *m);

/* Why the session was lost, one line. */
const char *link_reason(const struct link *link);

/* Whether a session is on: synchronised, and no BYE yet. */
bool link_is_synced(const struct link *link);

/* Guest: gives the session up and synchronises anew, e.g. some time after a BYE. After a BYE a
 * link does so by itself only when the host asks for it (a RESYNC of a new host). */
void link_restart(struct link *link);

/* Adopts another keep-alive interval (the host's, from WELCOME; tests have short ones). */
void link_keepalive(struct link *link, uint32_t msec);

/*
 * Queues a message. 0; -ENOTCONN when no session is on; -EPROTO when it may not be sent now
 * (session.h); -ENOBUFS when LINK_QUEUE_MAX bytes wait
 * (nothing is queued then). Bytes leave with the next link_step(); link_events() asks for it.
 */
#define LINK_QUEUE_MAX (1024 * 1024) /* bytes */
int link_send(struct link *link, const struct message *m);

/* Whether a data message may be queued now: nothing waits before it. To be asked before each
 * JOB_DATA and DRIVER_DATA, so that a control message waits behind one frame at most. */
bool link_bulk_ready(const struct link *link);

/* Whether so much passed since link_rest() that its buffers hold memory; and gives that back. It
 * costs the next bytes some: for an end that is at rest. */
bool link_has_worked(const struct link *link);
void link_rest(struct link *link);

/* Bytes that wait to be written. */
size_t link_queued(const struct link *link);

/* Ends the session from this side: BYE is queued behind what waits (or in its place, when the queue
 * is full), and as much is written as goes at once. When no session is on, only what waits is
 * written. */
void link_close(struct link *link, enum bye_code code, const char *text);

#endif
