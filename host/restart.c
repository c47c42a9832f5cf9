/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision about a restart: needs × activity × policy × answers × time.
 *
 * The rules are tried from the strongest to the weakest, and the first that applies decides: an
 * installation that must not be cut off, an order, no need, a policy or an administrator against
 * it, the limit, what a person has asked for, and at last what runs in the workspace. It keeps
 * nothing and looks at no clock, so each rule is a row of its test.
 */
#include "host/restart.h"

#include <stddef.h>
#include <string.h>

static const char *const policies[RESTART_POLICY_COUNT] = {"unset", "auto", "ask", "never"};

enum restart_policy restart_policy_parse(const char *word)
{
	for (enum restart_policy p = RESTART_AUTO; p < RESTART_POLICY_COUNT; p++)
		if (strcmp(word, policies[p]) == 0)
			return p;
	return RESTART_UNSET;
}

const char *restart_policy_name(enum restart_policy policy)
{
	return policies[policy];
}

static struct restart_decision decided(enum restart_action action, int64_t again, const char *why)
{
	return (struct restart_decision){action, again, why};
}

/* The earlier of two times, of which 0 is none. */
static int64_t sooner(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static bool is_quiet(const struct restart_view *v)
{
	return v->activity == ACTIVITY_NOBODY ||
	       (v->activity == ACTIVITY_IDLE && v->policy != RESTART_ASK);
}

/* What keeps a restart from even being thought of; RESTART_GO when nothing does. */
static struct restart_decision may_begin(const struct restart_view *v)
{
	if (!v->needs && v->order == ORDER_NONE)
		return decided(RESTART_NOTHING, 0, "no restart is needed");
	if (v->policy == RESTART_NEVER && v->order == ORDER_NONE)
		return decided(RESTART_WAIT, 0,
			"the policy is never: `platenctl restart WORKSPACE --now` does it");
	if (v->dismissed && v->order == ORDER_NONE)
		return decided(RESTART_WAIT, 0, "it was called off until there is a new need");
	if (!v->connected || !v->activity)
		return decided(RESTART_WAIT, 0, "the workspace's agent has not said what runs");
	return decided(RESTART_GO, 0, "");
}

/* A deferral: RESTART_GO when it holds nothing back. */
static struct restart_decision held(const struct restart_view *v, int64_t next)
{
	switch (v->hold) {
	case HOLD_PERSON:
		if (v->activity == ACTIVITY_NOBODY || v->now >= v->until)
			break;
		return decided(RESTART_WAIT, sooner(v->until, next), "it was deferred");
	case HOLD_SESSION_END:
		if (v->activity == ACTIVITY_NOBODY)
			break;
		return decided(RESTART_WAIT, next, "it waits for the end of the session");
	case HOLD_ADMIN:
		if (v->now >= v->until)
			break;
		return decided(RESTART_WAIT, sooner(v->until, next),
			"it was deferred by an administrator");
	case HOLD_NONE:
	case HOLD_COUNT: break;
	}
	return decided(RESTART_GO, 0, "");
}

struct restart_decision restart_decide(const struct restart_view *v)
{
	int64_t end = v->limit ? v->born + v->limit : 0, remind = 0, next = end;
	struct restart_decision d;

	if (v->connected && v->installing && (v->needs || v->order != ORDER_NONE))
		return decided(RESTART_WAIT, 0, "a driver package is being installed");
	if (v->order == ORDER_NOW)
		return decided(RESTART_GO, 0, "it was ordered");
	d = may_begin(v);
	if (d.action != RESTART_GO)
		return d;
	if (end && v->now >= end)
		return decided(RESTART_GO, 0, "the limit of its deferral has passed");
	if (end && !v->reminded &&
		(v->asked || v->hold == HOLD_PERSON || v->hold == HOLD_SESSION_END)) {
		remind = end -
			 (v->limit / 2 < RESTART_REMIND_SEC ? v->limit / 2 : RESTART_REMIND_SEC);
		next = sooner(remind, end);
	}
	if (remind && v->now >= remind && v->sessions && v->activity != ACTIVITY_NOBODY)
		return decided(RESTART_REMIND, end, "its limit comes near");
	if (remind && v->now >= remind)
		next = end;
	d = held(v, next);
	if (d.action != RESTART_GO)
		return d;
	if (is_quiet(v) && v->order == ORDER_NONE && v->last &&
		v->now < v->last + RESTART_PAUSE_SEC)
		return decided(RESTART_WAIT, sooner(v->last + RESTART_PAUSE_SEC, next),
			"it was restarted a moment ago");
	if (is_quiet(v))
		return decided(RESTART_GO, 0,
			v->activity == ACTIVITY_NOBODY ? "nobody is logged in"
						       : "no application runs");
	if (!v->sessions)
		return decided(RESTART_WAIT, next, "a program in the workspace holds it up");
	if (v->nobody_to_ask)
		return decided(RESTART_WAIT, next, "nobody in the workspace could be asked");
	if (v->asked)
		return decided(RESTART_WAIT, next, "a person is asked");
	return decided(RESTART_QUESTION, next, "applications run");
}
