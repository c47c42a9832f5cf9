/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which message may come when: one table, state × message, for both directions. PROTOCOL.md shows
 * the same table to people; a unit test walks every cell.
 */
#ifndef PLATEN_SESSION_H
#define PLATEN_SESSION_H

#include <stdbool.h>

#include "proto/message.h"

enum session_state {
	SESSION_SYNCED,	 /* nothing said yet */
	SESSION_GREETED, /* HELLO was sent */
	SESSION_OPEN,	 /* WELCOME was sent: everything else */
	SESSION_OVER,	 /* BYE was sent by either side */
	SESSION_STATE_COUNT,
};

enum session_sender {
	SESSION_GUEST,
	SESSION_HOST,
	SESSION_SENDER_COUNT,
};

struct session {
	enum session_state state;
	bool offering;	  /* between OFFER_BEGIN and OFFER_END of the host */
	uint32_t version; /* that WELCOME named, by the owner; 0: the newest */
};

/* A fresh session. */
void session_init(struct session *session);

/* Takes note of a message that `sender` sends now. 0, or -EPROTO when it may not come now (the
 * session is unchanged, and a receiver ends it). */
int session_pass(struct session *session, enum session_sender sender, uint32_t type);

/* "SYNCED", … */
const char *session_state_name(enum session_state state);

#endif
