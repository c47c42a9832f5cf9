/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of messages, as a table.
 *
 * Each row says for one message who may send it in which state. Both ends keep the same small
 * state, so "may this come now" is a look-up, not a matter of how the code happens to be written.
 * What the values of a message may be is message.c's; what a ref or an index stands for is the
 * owner's.
 */
#include "proto/session.h"

#include <errno.h>

enum {
	G = 1 << SESSION_GUEST,
	H = 1 << SESSION_HOST,
	B = G | H,
};

static const unsigned char allowed[MESSAGE_TYPE_COUNT][SESSION_STATE_COUNT] = {
	/*                         SYNCED GREETED OPEN OVER */
	[MESSAGE_HELLO] = {G, 0, 0, 0},
	[MESSAGE_WELCOME] = {0, H, 0, 0},
	[MESSAGE_BYE] = {B, B, B, B},
	[MESSAGE_PING] = {B, B, B, B},
	[MESSAGE_PONG] = {B, B, B, B},
	[MESSAGE_OFFER_BEGIN] = {0, 0, H, 0},
	[MESSAGE_PRINTER] = {0, 0, H, 0},
	[MESSAGE_PRINTER_GONE] = {0, 0, H, 0},
	[MESSAGE_OFFER_END] = {0, 0, H, 0},
	[MESSAGE_PRINTER_STATE] = {0, 0, H, 0},
	[MESSAGE_PRINTER_REPORT] = {0, 0, G, 0},
	[MESSAGE_DRIVER_GET] = {0, 0, G, 0},
	[MESSAGE_DRIVER_DATA] = {0, 0, H, 0},
	[MESSAGE_JOB_OPEN] = {0, 0, G, 0},
	[MESSAGE_JOB_ACCEPT] = {0, 0, H, 0},
	[MESSAGE_JOB_DATA] = {0, 0, G, 0},
	[MESSAGE_JOB_CREDIT] = {0, 0, H, 0},
	[MESSAGE_JOB_SEAL] = {0, 0, G, 0},
	[MESSAGE_JOB_STATE] = {0, 0, H, 0},
	[MESSAGE_JOB_CANCEL] = {0, 0, G, 0},
	[MESSAGE_JOB_CLOSE] = {0, 0, G, 0},
	[MESSAGE_GUEST_STATUS] = {0, 0, G, 0},
	[MESSAGE_RESTART_NEED] = {0, 0, G, 0},
	[MESSAGE_ACTIVITY] = {0, 0, G, 0},
	[MESSAGE_RESTART_ANSWER] = {0, 0, G, 0},
	[MESSAGE_ACTIVITY_GET] = {0, 0, H, 0},
	[MESSAGE_RESTART_ASK] = {0, 0, H, 0},
	[MESSAGE_RESTART_ASK_END] = {0, 0, H, 0},
	[MESSAGE_PACKAGE_GET] = {0, 0, G, 0},
	[MESSAGE_PACKAGE_DATA] = {0, 0, H, 0},
	[MESSAGE_JOB_RELEASE] = {0, 0, H, 0},
};

/* The version that a message came with, where that is not the first. */
static const unsigned char since[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_JOB_RELEASE] = 2,
};

void session_init(struct session *session)
{
	*session = (struct session){.state = SESSION_SYNCED};
}

int session_pass(struct session *session, enum session_sender sender, uint32_t type)
{
	if (type >= MESSAGE_TYPE_COUNT || !(allowed[type][session->state] & (1 << sender)))
		return -EPROTO;
	if (session->version && since[type] > session->version)
		return -EPROTO;
	switch ((enum message_type)type) {
	case MESSAGE_HELLO: session->state = SESSION_GREETED; break;
	case MESSAGE_WELCOME: session->state = SESSION_OPEN; break;
	case MESSAGE_BYE: session->state = SESSION_OVER; break;
	case MESSAGE_OFFER_BEGIN:
		if (session->offering)
			return -EPROTO;
		session->offering = true;
		break;
	case MESSAGE_OFFER_END:
		if (!session->offering)
			return -EPROTO;
		session->offering = false;
		break;
	default: break;
	}
	return 0;
}

const char *session_state_name(enum session_state state)
{
	static const char *const names[SESSION_STATE_COUNT] = {
		[SESSION_SYNCED] = "SYNCED",
		[SESSION_GREETED] = "GREETED",
		[SESSION_OPEN] = "OPEN",
		[SESSION_OVER] = "OVER",
	};

	return state < SESSION_STATE_COUNT ? names[state] : "?";
}
