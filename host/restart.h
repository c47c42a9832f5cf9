/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a workspace is to be restarted now, later, or only after a question (pure).
 *
 * All times are seconds since the epoch, handed in: a deferral holds over restarts of everything.
 */
#ifndef PLATEN_RESTART_H
#define PLATEN_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"

#define RESTART_LIMIT_MIN  1440 /* minutes, as MED-V's: a need is deferred no longer */
#define RESTART_REMIND_SEC 900	/* before the limit a person is reminded; at most half of it */
#define RESTART_PAUSE_SEC  600	/* between two restarts that nobody ordered */

enum restart_policy {
	RESTART_UNSET = 0, /* the host's default holds */
	RESTART_AUTO,	   /* without a question when no application runs */
	RESTART_ASK,	   /* without a question only when nobody is logged in */
	RESTART_NEVER,	   /* only when it is ordered */
	RESTART_POLICY_COUNT,
};

enum restart_order {
	ORDER_NONE = 0,
	ORDER_ASK, /* an administrator wants it, people are asked */
	ORDER_NOW, /* an administrator, or the person who was asked, wants it now */
	ORDER_COUNT,
};

enum restart_hold {
	HOLD_NONE = 0,
	HOLD_PERSON,	  /* until `until`, as long as somebody is logged in */
	HOLD_SESSION_END, /* until nobody is logged in */
	HOLD_ADMIN,	  /* until `until` */
	HOLD_COUNT,
};

struct restart_view {
	enum restart_policy policy; /* in force */
	enum restart_order order;
	enum restart_hold hold;
	uint32_t needs;	    /* open ones of level workspace */
	bool dismissed;	    /* called off until there is a new need */
	bool connected;	    /* the agent is there */
	uint32_t activity;  /* enum activity_state, 0: not told yet */
	uint32_t sessions;  /* of people */
	bool installing;    /* driver packages are on their way */
	bool asked;	    /* a question is under way */
	bool nobody_to_ask; /* nobody could be asked */
	bool reminded;
	int64_t born;  /* the oldest need */
	int64_t limit; /* seconds after `born`; 0: none */
	int64_t until; /* of the hold */
	int64_t last;  /* the last restart of ours, 0: none */
	int64_t now;
};

enum restart_action {
	RESTART_NOTHING = 0, /* there is no need */
	RESTART_WAIT,
	RESTART_QUESTION, /* put the question */
	RESTART_REMIND,	  /* put it as a reminder */
	RESTART_GO,
	RESTART_ACTION_COUNT,
};

struct restart_decision {
	enum restart_action action;
	int64_t again;	 /* when to decide anew if nothing happens, 0: never */
	const char *why; /* one line, static */
};

struct restart_decision restart_decide(const struct restart_view *view);

/* RESTART_UNSET for an unknown word; "unset", "auto", "ask", "never". */
enum restart_policy restart_policy_parse(const char *word);
const char *restart_policy_name(enum restart_policy policy);

#endif
