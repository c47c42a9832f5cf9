/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart of a workspace, from its need to its printers being there again.
 *
 *   REST ─► (a question) ─► DRAIN ─► DOWN ─► CHECK ─► REST
 *
 * Here is heard what the guest, a person or an administrator says, and decided (restart.c) whether
 * to begin, to ask or to wait. Everything is done in a turn of its own, so that who brings news is
 * never taken away under it.
 */
#include "host/restarts-parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/course.h"
#include "host/domains.h"
#include "proto/base/text.h"

#define NEWS_MAX     256	 /* changes of needs that are heard in one session */
#define LONGEST_USEC 60000000ULL /* between two looks: clocks are set, hosts sleep */

static int64_t now_sec(void)
{
	return time(NULL);
}

struct log_about restarts_about(const struct restarts *r)
{
	return (struct log_about){.workspace = r->ws->name};
}

void restarts_keep(struct restarts *r)
{
	struct log_about a = restarts_about(r);

	if (restart_state_keep(&r->state, r->ws->host->ledger, &r->ws->uuid) < 0)
		log_line(LOG_ERR, &a, "the ledger cannot keep what was decided about its restart");
}

void restarts_look_in(struct restarts *r, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(
		r->timer, usec < LONGEST_USEC ? usec : LONGEST_USEC);
	(void)sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

void restarts_look(struct restarts *r)
{
	if (r && r->timer)
		restarts_look_in(r, 0);
}

enum restart_policy restarts_policy(const struct workspace *ws)
{
	return ws->own_restart != RESTART_UNSET ? ws->own_restart : ws->host->config.restart;
}

void restarts_end_question(struct restarts *r, const char *why)
{
	struct message m;

	if (!r->asked)
		return;
	r->asked = false;
	message_init(&m, MESSAGE_RESTART_ASK_END);
	m.restart_ask_end.ask = r->ask;
	text_copy_line(m.restart_ask_end.text, sizeof(m.restart_ask_end.text), why);
	(void)workspace_send(r->ws, &m, -1); /* a question that nobody waits for does no harm */
}

static void question(struct restarts *r, bool reminder)
{
	int64_t limit = (int64_t)r->ws->host->config.restart_limit * 60;
	int64_t left = limit ? r->state.born + limit - now_sec() : 0;
	struct log_about a = restarts_about(r);
	struct message m;

	message_init(&m, MESSAGE_RESTART_ASK);
	m.restart_ask.ask = ++r->ask ? r->ask : ++r->ask;
	m.restart_ask.limit_sec = left > 0 ? (uint32_t)left : 0;
	m.restart_ask.reminder = reminder;
	(void)restart_state_reasons(&r->state, m.restart_ask.reason);
	if (workspace_send(r->ws, &m, -1) < 0)
		return restarts_look_in(r, 1000000);
	r->asked = true;
	if (reminder) {
		r->state.reminded = true;
		restarts_keep(r);
	}
	log_event(LOG_ID_WORKSPACE_RESTART_ASK, LOG_INFO, &a, "%s: %s",
		reminder ? "reminded of its restart" : "asked to restart", m.restart_ask.reason);
}

static void decide(struct restarts *r)
{
	const struct config *config = &r->ws->host->config;
	struct restart_view view = {
		.policy = restarts_policy(r->ws),
		.order = (enum restart_order)r->state.order,
		.hold = (enum restart_hold)r->state.hold,
		.needs = restart_state_open(&r->state),
		.dismissed = r->state.dismissed,
		.connected = r->ws->greeted,
		.activity = r->activity.state,
		.sessions = r->activity.sessions,
		.installing = r->activity.installing > 0,
		.asked = r->asked,
		.nobody_to_ask = r->nobody,
		.reminded = r->state.reminded,
		.born = r->state.born,
		.limit = (int64_t)config->restart_limit * 60,
		.until = r->state.until,
		.last = r->state.last,
		.now = now_sec(),
	};
	struct restart_decision d = restart_decide(&view);
	char missing[MESSAGE_SIZE];
	int count;

	if (r->state.bad == BAD_MISSING && restarts_printers_there(r, missing, &count)) {
		r->state.bad = BAD_NONE;
		text_copy_line(r->state.text, sizeof(r->state.text),
			"restarted; its printers are there, late");
		restarts_keep(r);
	}

	r->why = d.why;
	switch (d.action) {
	case RESTART_GO: return restarts_begin(r, d.why);
	case RESTART_QUESTION: question(r, false); break;
	case RESTART_REMIND: question(r, true); break;
	case RESTART_NOTHING: restarts_end_question(r, d.why); break;
	case RESTART_WAIT:
	case RESTART_ACTION_COUNT: break;
	}
	if (d.again)
		restarts_look_in(
			r, d.again > view.now ? (uint64_t)(d.again - view.now) * 1000000 : 1000000);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct restarts *r = userdata;

	(void)source;
	(void)usec;
	if (r->ws->host->ending)
		return 0;
	if (r->state.phase == PHASE_REST)
		decide(r);
	else
		restarts_go_on(r);
	return 0;
}

int restarts_new(struct workspace *ws, struct restarts **ret_restarts)
{
	struct restarts *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->ws = ws;
	r->why = "";
	restart_state_load(&r->state, ws->host->ledger, &ws->uuid);
	r->entered = restarts_monotonic();
	e = sd_event_add_time_relative(
		ws->host->event, &r->timer, CLOCK_MONOTONIC, 0, 10000, on_timer, r);
	if (e < 0) {
		free(r);
		return e;
	}
	*ret_restarts = r;
	return 0;
}

struct restarts *restarts_free(struct restarts *r)
{
	if (!r)
		return NULL;
	if (r->ws->host->domains)
		domains_abandon(r->ws->host->domains, r);
	r->timer = sd_event_source_disable_unref(r->timer);
	free(r);
	return NULL;
}

void restarts_session(struct restarts *r)
{
	memset(&r->activity, 0, sizeof(r->activity));
	r->asked = r->nobody = r->boot_heard = false;
	r->news = 0;
	restarts_look(r);
}

void restarts_need(struct restarts *r, const struct message_restart_need *m)
{
	struct log_about a = restarts_about(r);
	enum restart_news news;

	if (r->news == NEWS_MAX)
		return;
	news = restart_state_need(&r->state, m, now_sec());
	if (news == NEWS_NONE)
		return;
	r->news++;
	if (!quota_line(r->ws))
		; /* too many of a workspace's: said there */
	else if (news == NEWS_MET)
		log_line(LOG_INFO, &a, "a need of a restart is met: %s", m->reason);
	else if (news == NEWS_UNMET)
		log_line(LOG_ERR, &a, "a restart did not meet what it was needed for: %s",
			m->reason);
	else
		log_line(LOG_INFO, &a, "needs a restart of %s: %s",
			m->level == LEVEL_SPOOLER ? "its spooler" : "the workspace", m->reason);
	restarts_keep(r);
	restarts_look(r);
}

/* The guest has another boot id than before: it was restarted, by us or not. */
static void booted(struct restarts *r, const struct uuid *boot)
{
	bool first = uuid_is_null(&r->state.boot);

	r->state.boot = *boot;
	if (!first) {
		restart_state_lift(&r->state);
		r->state.order = ORDER_NONE;
		r->state.bad = BAD_NONE;
		r->state.text[0] = '\0';
	}
	if (!first && (r->state.phase == PHASE_DOWN || r->state.phase == PHASE_DRAIN)) {
		r->state.last = now_sec();
		restarts_set_phase(r, PHASE_CHECK);
	}
	restarts_keep(r);
}

void restarts_rebooted(struct restarts *r)
{
	if (r->state.phase != PHASE_DOWN || r->booting)
		return;
	r->booting = true;
	restarts_set_phase(r, PHASE_DOWN); /* from now on it has its time to boot */
	restarts_look(r);
}

void restarts_activity(struct restarts *r, const struct message_activity *m)
{
	r->activity = *m;
	r->fresh = true;
	r->nobody = false;
	if (!r->boot_heard && !uuid_equal(&r->state.boot, &m->boot))
		booted(r, &m->boot);
	r->boot_heard = true;
	restarts_look(r);
}

void restarts_answer(struct restarts *r, const struct message_restart_answer *m)
{
	struct log_about a = restarts_about(r);

	if ((m->ask && (!r->asked || m->ask != r->ask)) || r->state.phase != PHASE_REST ||
		(!restart_state_open(&r->state) && r->state.order == ORDER_NONE) ||
		restarts_policy(r->ws) == RESTART_NEVER || ++r->news > NEWS_MAX)
		return; /* to a question that is over, or about nothing */
	if (r->state.hold == HOLD_ADMIN && !r->asked)
		return;
	r->asked = false;
	(void)text_printf(r->state.who, sizeof(r->state.who), "%s", m->user);
	switch ((enum answer_choice)m->choice) {
	case ANSWER_NOW: r->state.order = ORDER_NOW; break;
	case ANSWER_LATER:
		r->state.hold = HOLD_PERSON;
		r->state.until = now_sec() + m->after_sec;
		break;
	case ANSWER_SESSION_END: r->state.hold = HOLD_SESSION_END; break;
	case ANSWER_NOBODY:
	case ANSWER_CHOICE_COUNT: r->nobody = true; break;
	}
	if (!quota_line(r->ws))
		; /* likewise */
	else if (m->choice == ANSWER_NOBODY)
		log_line(LOG_INFO, &a, "nobody could be asked about its restart");
	else
		log_line(LOG_INFO, &a, "about its restart, %s says: %s", m->user,
			m->choice == ANSWER_NOW	    ? "now"
			: m->choice == ANSWER_LATER ? "later"
						    : "at the end of the session");
	restarts_keep(r);
	restarts_look(r);
}

bool restarts_holds_jobs(const struct restarts *r)
{
	return r->state.phase == PHASE_DRAIN || (r->state.phase == PHASE_DOWN && r->ws->by_libvirt);
}

void restarts_order(struct restarts *r, enum restart_order order)
{
	restart_state_lift(&r->state);
	r->state.order = order;
	r->nobody = false;
	if (!restart_state_open(&r->state))
		r->state.born = now_sec();
	(void)text_copy(r->state.who, sizeof(r->state.who), "an administrator");
	restarts_keep(r);
	restarts_look(r);
}

void restarts_defer(struct restarts *r, int64_t seconds)
{
	restart_state_lift(&r->state);
	restarts_end_question(r, "an administrator has deferred it");
	r->state.hold = HOLD_ADMIN;
	r->state.until = now_sec() + seconds;
	(void)text_copy(r->state.who, sizeof(r->state.who), "an administrator");
	restarts_keep(r);
	restarts_look(r);
}

void restarts_cancel(struct restarts *r)
{
	restart_state_lift(&r->state);
	restarts_end_question(r, "an administrator has called it off");
	r->state.order = ORDER_NONE;
	r->state.dismissed = 1;
	if (r->state.phase == PHASE_DRAIN || !r->ws->by_libvirt)
		r->state.phase = PHASE_REST;
	restarts_keep(r);
	restarts_look(r);
}
