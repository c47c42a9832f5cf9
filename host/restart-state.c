/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needs, who has deferred them, and how far a restart has got, as they are remembered.
 *
 * A need has a name; the guest says what becomes of it, and what a restart did not meet the host
 * may find by itself. Then only a restart that meets it takes it away, or another reason for it:
 * else one finding would follow the other.
 */
#include "host/restart-state.h"

#include <stdio.h>
#include <string.h>

#include "host/course.h"
#include "host/restart.h"
#include "proto/base/text.h"

static bool is_sound(const struct restart_state *state)
{
	return state->need_count <= RESTART_NEEDS_MAX && state->phase < PHASE_COUNT &&
	       state->order < ORDER_COUNT && state->hold < HOLD_COUNT &&
	       text_terminated(state->who, sizeof(state->who)) &&
	       text_terminated(state->text, sizeof(state->text));
}

void restart_state_load(
	struct restart_state *state, struct ledger *ledger, const struct uuid *workspace)
{
	if (!ledger || ledger_restart_get(ledger, workspace, state, sizeof(*state)) < 0 ||
		!is_sound(state))
		memset(state, 0, sizeof(*state));
	if (state->phase == PHASE_DRAIN)
		state->phase = PHASE_REST; /* nothing was done yet: decided anew */
}

int restart_state_keep(
	const struct restart_state *state, struct ledger *ledger, const struct uuid *workspace)
{
	return ledger ? ledger_restart_put(ledger, workspace, state, sizeof(*state)) : 0;
}

uint32_t restart_state_open(const struct restart_state *state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < state->need_count; i++)
		n += state->needs[i].state == NEED_OPEN && state->needs[i].level == LEVEL_WORKSPACE;
	return n;
}

const char *restart_state_reasons(const struct restart_state *state, char buf[static MESSAGE_SIZE])
{
	size_t used = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < state->need_count; i++) {
		const struct restart_need *n = &state->needs[i];
		char line[MESSAGE_SIZE + 4];

		if (n->state != NEED_OPEN || n->level != LEVEL_WORKSPACE)
			continue;
		(void)snprintf(line, sizeof(line), "%s%s", used ? "; " : "", n->reason);
		if (used + strlen(line) >= MESSAGE_SIZE)
			break;
		memcpy(buf + used, line, strlen(line) + 1);
		used += strlen(line);
	}
	if (!used)
		(void)text_copy(buf, MESSAGE_SIZE, "an administrator asks for it");
	return buf;
}

const struct restart_need *restart_state_unmet(const struct restart_state *state)
{
	for (uint32_t i = 0; i < state->need_count; i++)
		if (state->needs[i].state == NEED_UNMET)
			return &state->needs[i];
	return NULL;
}

void restart_state_lift(struct restart_state *state)
{
	state->hold = HOLD_NONE;
	state->until = 0;
	state->dismissed = state->reminded = 0;
	state->who[0] = '\0';
}

static void take_away(struct restart_state *state, uint32_t i)
{
	state->needs[i] = state->needs[--state->need_count];
	memset(&state->needs[state->need_count], 0, sizeof(struct restart_need));
	if (!restart_state_open(state) && state->phase == PHASE_REST)
		restart_state_lift(state);
}

enum restart_news restart_state_need(
	struct restart_state *state, const struct message_restart_need *m, int64_t now)
{
	struct restart_need *n = state->needs;
	bool known, same;

	while (n < state->needs + state->need_count && memcmp(n->name, m->need, NEED_SIZE) != 0)
		n++;
	known = n < state->needs + state->need_count;
	same = known && n->level == m->level && strcmp(n->reason, m->reason) == 0;
	if (same && n->state == m->state)
		return NEWS_NONE;
	if (m->state == NEED_MET) {
		if (!known)
			return NEWS_NONE;
		take_away(state, (uint32_t)(n - state->needs));
		return NEWS_MET;
	}
	if ((same && n->state == NEED_UNMET) || (!known && state->need_count == RESTART_NEEDS_MAX))
		return NEWS_NONE; /* our own finding; or bounded: more than so many are no needs */
	if (m->state == NEED_OPEN && m->level == LEVEL_WORKSPACE) {
		if (!restart_state_open(state))
			state->born = now;
		state->dismissed = 0;
	}
	state->need_count += !known;
	memcpy(n->name, m->need, NEED_SIZE);
	n->level = m->level;
	n->state = m->state;
	text_copy_line(n->reason, sizeof(n->reason), m->reason);
	return m->state == NEED_UNMET ? NEWS_UNMET : NEWS_OPEN;
}

void restart_state_down(struct restart_state *state)
{
	for (uint32_t i = 0; i < state->need_count; i++)
		state->needs[i].before = state->needs[i].state == NEED_OPEN;
}

void restart_state_back(struct restart_state *state)
{
	for (uint32_t i = 0; i < state->need_count; i++)
		if (state->needs[i].before && state->needs[i].state == NEED_OPEN)
			state->needs[i].state = NEED_UNMET;
}
