/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people are told about a workspace's restart.
 *
 * One line says the most important of it: how far it has got, else what it is needed for and who
 * has deferred it until when, else what went wrong. The rest is for who asks about this workspace.
 */
#include "host/course.h"
#include "host/restarts-parts.h"

#include <string.h>
#include <time.h>

#include "proto/base/text.h"

static const char *phase_word(const struct restarts *r)
{
	static const char *const words[] = {"", "draining", "restarting", "checking"};

	if (r->state.phase)
		return words[r->state.phase];
	if (r->asked)
		return "asked";
	if (r->state.hold)
		return "deferred";
	return restart_state_open(&r->state) || r->state.order ? "needed" : "none";
}

bool restarts_is_fault(const struct restarts *r)
{
	return r->state.bad || restart_state_unmet(&r->state);
}

static void until_text(const struct restarts *r, char buf[static 64])
{
	time_t until = (time_t)r->state.until;
	struct tm tm;

	(void)text_copy(buf, 64, "");
	if (r->state.hold == HOLD_SESSION_END)
		(void)text_copy(buf, 64, " until the end of the session");
	else if (r->state.hold && localtime_r(&until, &tm))
		(void)strftime(buf, 64, " until %Y-%m-%d %H:%M", &tm);
}

const char *restarts_text(const struct restarts *r, char buf[static MESSAGE_SIZE])
{
	const struct restart_need *n = restart_state_unmet(&r->state);
	char why[MESSAGE_SIZE], until[64];

	buf[0] = '\0';
	if (r->state.phase != PHASE_REST) {
		(void)text_printf(buf, MESSAGE_SIZE, "%s: %.300s", phase_word(r),
			restart_state_reasons(&r->state, why));
	} else if (restart_state_open(&r->state) || r->state.order) {
		until_text(r, until);
		if (r->state.hold)
			(void)text_printf(buf, MESSAGE_SIZE,
				"needs a restart (%.250s): deferred by %.100s%s",
				restart_state_reasons(&r->state, why), r->state.who, until);
		else
			(void)text_printf(buf, MESSAGE_SIZE, "needs a restart (%.300s): %s",
				restart_state_reasons(&r->state, why),
				r->state.bad ? r->state.text : r->why);
	} else if (n) {
		(void)text_printf(
			buf, MESSAGE_SIZE, "a restart did not meet its need: %.400s", n->reason);
	} else if (r->state.bad) {
		(void)text_copy(buf, MESSAGE_SIZE, r->state.text);
	}
	return buf;
}

json_t *restarts_json(const struct restarts *r)
{
	static const char *const levels[] = {"", "spooler", "workspace"};
	static const char *const states[] = {"", "open", "met", "unmet"};
	static const char *const activities[] = {"unknown", "nobody", "idle", "applications"};
	int64_t limit = (int64_t)r->ws->host->config.restart_limit * 60;
	json_t *needs = json_array();
	char text[MESSAGE_SIZE];

	for (uint32_t i = 0; i < r->state.need_count; i++) {
		const struct restart_need *n = &r->state.needs[i];

		json_array_append_new(needs,
			json_pack("{s:s, s:s, s:s}", "level", levels[n->level % LEVEL_COUNT],
				"state", states[n->state % NEED_STATE_COUNT], "reason", n->reason));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:s, s:b}",
		"workspace", r->ws->name, "policy", restart_policy_name(restarts_policy(r->ws)),
		"policy_from", r->ws->own_restart ? "workspace" : "host", "state", phase_word(r),
		"needs", needs, "activity", activities[r->activity.state % ACTIVITY_STATE_COUNT],
		"activity_text", r->activity.text, "installing", (json_int_t)r->activity.installing,
		"who", r->state.who, "until", (json_int_t)r->state.until, "limit",
		(json_int_t)(limit && (restart_state_open(&r->state) || r->state.order)
				     ? r->state.born + limit
				     : 0),
		"last", (json_int_t)r->state.last, "text",
		restarts_text(r, text)[0] ? text : r->state.text, "fault", restarts_is_fault(r));
}
