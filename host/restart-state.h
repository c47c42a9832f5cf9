/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a workspace's restart (pure, but for its ledger).
 *
 * The ledger has it as it is here: whole, zero where nothing is. Times are seconds since the epoch.
 */
#ifndef PLATEN_RESTART_STATE_H
#define PLATEN_RESTART_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/ledger.h"
#include "proto/message.h"

enum restart_bad {
	BAD_NONE = 0,
	BAD_FAILED,  /* there was no restart */
	BAD_MISSING, /* there was, and not all printers came */
};

struct restart_need {
	uint8_t name[NEED_SIZE];
	uint32_t level, state;
	uint32_t before; /* bool: was there when the restart began */
	char reason[MESSAGE_SIZE];
};

struct restart_state {
	int64_t born, until, last;
	uint32_t hold, order, phase;
	uint32_t dismissed, reminded, forced, bad, need_count;
	struct uuid boot; /* the last that was heard of */
	struct restart_need needs[RESTART_NEEDS_MAX];
	char who[TEXT_SIZE];	 /* deferred or ordered it */
	char text[MESSAGE_SIZE]; /* what came of the last one */
};

/* Takes up what the ledger has, or nothing: a restart that had not gone down yet is at rest. */
void restart_state_load(
	struct restart_state *state, struct ledger *ledger, const struct uuid *workspace);
/* 0 or -errno. */
int restart_state_keep(
	const struct restart_state *state, struct ledger *ledger, const struct uuid *workspace);

enum restart_news {
	NEWS_NONE = 0, /* known, or not to be heard */
	NEWS_OPEN,
	NEWS_UNMET,
	NEWS_MET, /* it is taken away */
};

/* What the guest says about a need. */
enum restart_news restart_state_need(
	struct restart_state *state, const struct message_restart_need *m, int64_t now);

/* Open ones of level workspace. */
uint32_t restart_state_open(const struct restart_state *state);

/* Their reasons: "a; b". Returns buf. */
const char *restart_state_reasons(const struct restart_state *state, char buf[static MESSAGE_SIZE]);

/* The first that a restart did not meet, or NULL. */
const struct restart_need *restart_state_unmet(const struct restart_state *state);

/* Nothing holds it back any more, and nobody has said anything. */
void restart_state_lift(struct restart_state *state);

/* The workspace goes down; it was restarted, and the guest has said what it still needs. */
void restart_state_down(struct restart_state *state);
void restart_state_back(struct restart_state *state);

#endif
