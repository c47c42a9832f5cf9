/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart of a workspace, from its need to its printers being there again.
 *
 *   REST ─► (a question) ─► DRAIN ─► DOWN ─► CHECK ─► REST
 *
 * What is to be done is restart.c's to say; here it is carried out and remembered. In DRAIN jobs
 * under way are let finish and new ones wait in the guest; DOWN is the guest's own shutdown, and
 * a reset only where the settings allow one; CHECK waits until every offered printer is there.
 * Everything is done in a turn of its own, so that who brings news is never taken away under it.
 */
#include "host/restarts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/domains.h"
#include "host/job.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define DRAIN_SEC    60	 /* jobs under way are waited for so long; then they resume afterwards */
#define SETTLE_SEC   3	 /* what is installed together comes within it, and is one restart */
#define FRESH_SEC    10	 /* an answer to ACTIVITY_GET is waited for so long */
#define DOWN_SEC     600 /* from the request, or the reset, to the guest's coming back */
#define CHECK_SEC    120 /* from the guest's coming back to its printers' */
#define NEWS_MAX     256 /* changes of needs that are heard in one session */
#define LONGEST_USEC 60000000ULL /* between two looks: clocks are set, hosts sleep */

enum phase {
	PHASE_REST = 0,
	PHASE_DRAIN,
	PHASE_DOWN,
	PHASE_CHECK,
};

enum bad {
	BAD_NONE = 0,
	BAD_FAILED,  /* there was no restart */
	BAD_MISSING, /* there was, and not all printers came */
};

struct need {
	uint8_t name[NEED_SIZE];
	uint32_t level, state;
	uint32_t before; /* bool: was there when the restart began */
	char reason[MESSAGE_SIZE];
};

/* As the ledger has it: whole, zero where nothing is. Times are seconds since the epoch. */
struct state {
	int64_t born, until, last, since;
	uint32_t hold, order, phase;
	uint32_t dismissed, reminded, forced, bad, need_count;
	struct uuid boot; /* the last that was heard of */
	struct need needs[RESTART_NEEDS_MAX];
	char who[TEXT_SIZE];	 /* deferred or ordered it */
	char text[MESSAGE_SIZE]; /* what came of the last one */
};

struct restarts {
	struct workspace *ws;
	struct state state;
	struct message_activity activity; /* state 0: not told in this session */
	bool asked, nobody, fresh, gentle;
	bool boot_heard; /* a session has one boot */
	uint32_t ask;	 /* the last question's number */
	uint32_t news;
	const char *why; /* the last decision's */
	sd_event_source *timer;
};

static int64_t now_sec(void)
{
	return time(NULL);
}

static struct log_about about(const struct restarts *r)
{
	return (struct log_about){.workspace = r->ws->name};
}

static void keep(struct restarts *r)
{
	struct log_about a = about(r);
	struct ledger *ledger = r->ws->host->ledger;

	if (ledger && ledger_restart_put(ledger, &r->ws->uuid, &r->state, sizeof(r->state)) < 0)
		log_line(LOG_ERR, &a, "the ledger cannot keep what was decided about its restart");
}

static void look_in(struct restarts *r, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(
		r->timer, usec < LONGEST_USEC ? usec : LONGEST_USEC);
	(void)sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

void restarts_look(struct restarts *r)
{
	if (r && r->timer)
		look_in(r, 0);
}

static uint32_t open_needs(const struct restarts *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->state.need_count; i++)
		n += r->state.needs[i].state == NEED_OPEN &&
		     r->state.needs[i].level == LEVEL_WORKSPACE;
	return n;
}

enum restart_policy restarts_policy(const struct workspace *ws)
{
	return ws->own_restart != RESTART_UNSET ? ws->own_restart : ws->host->config.restart;
}

/* "a; b": the open needs of the workspace. Returns buf. */
static const char *reasons(const struct restarts *r, char buf[static MESSAGE_SIZE])
{
	size_t used = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < r->state.need_count; i++) {
		const struct need *n = &r->state.needs[i];
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

static void end_question(struct restarts *r, const char *why)
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
	struct log_about a = about(r);
	struct message m;

	message_init(&m, MESSAGE_RESTART_ASK);
	m.restart_ask.ask = ++r->ask ? r->ask : ++r->ask;
	m.restart_ask.limit_sec = left > 0 ? (uint32_t)left : 0;
	m.restart_ask.reminder = reminder;
	(void)reasons(r, m.restart_ask.reason);
	if (workspace_send(r->ws, &m, -1) < 0)
		return look_in(r, 1000000);
	r->asked = true;
	if (reminder) {
		r->state.reminded = true;
		keep(r);
	}
	log_event(LOG_ID_WORKSPACE_RESTART_ASK, LOG_INFO, &a, "%s: %s",
		reminder ? "reminded of its restart" : "asked to restart", m.restart_ask.reason);
}

/* Over, well or not. A failure is shown and not tried again before something new happens. */
static void over(struct restarts *r, enum bad bad, const char *text)
{
	struct log_about a = about(r);

	text_copy_line(r->state.text, sizeof(r->state.text), text);
	r->state.phase = PHASE_REST;
	r->state.bad = bad;
	r->state.dismissed = bad != BAD_NONE;
	r->state.forced = 0;
	r->state.order = ORDER_NONE;
	keep(r);
	log_line(bad ? LOG_ERR : LOG_INFO, &a, "%s", text);
	restarts_look(r);
}

static void on_virt(const struct virt_result *result, void *userdata)
{
	struct restarts *r = userdata;
	char text[MESSAGE_SIZE];

	if (result->error == 0 || r->state.phase != PHASE_DOWN)
		return;
	(void)text_printf(text, sizeof(text), "the restart failed: %.400s", result->text);
	over(r, BAD_FAILED, text);
}

static void request(struct restarts *r, uint32_t type)
{
	struct virt_request m = {.head = {.type = type, .size = sizeof(m)}, .uuid = r->ws->uuid};
	char text[MESSAGE_SIZE];
	int e = domains_request(r->ws->host->domains, &m.head, &m.serial, on_virt, r);

	if (e == 0)
		return;
	(void)text_printf(text, sizeof(text), "the restart failed: libvirt cannot be asked: %s",
		strerror(-e));
	over(r, BAD_FAILED, text);
}

static void set_phase(struct restarts *r, enum phase phase)
{
	r->state.phase = phase;
	r->state.since = now_sec();
	keep(r);
}

static void go_down(struct restarts *r)
{
	struct log_about a = about(r);

	for (uint32_t i = 0; i < r->state.need_count; i++)
		r->state.needs[i].before = r->state.needs[i].state == NEED_OPEN;
	set_phase(r, PHASE_DOWN);
	if (!r->ws->by_libvirt) {
		log_line(LOG_NOTICE, &a, "libvirt does not know it: restart it by hand");
		return;
	}
	log_event(LOG_ID_WORKSPACE_RESTART, LOG_INFO, &a, "restarts");
	request(r, VIRT_RESTART);
}

static int jobs_under_way(const struct restarts *r)
{
	const struct job *job;
	int n = 0;

	TAILQ_FOREACH(job, &r->ws->host->jobs, link)
	n += job->workspace == r->ws && job->stage < JOB_FOLLOWED;
	return n;
}

static void begin(struct restarts *r, const char *why)
{
	struct log_about a = about(r);
	struct message m;
	char text[MESSAGE_SIZE];

	log_line(LOG_INFO, &a, "is to restart, for %s: %s", why, reasons(r, text));
	end_question(r, why);
	r->fresh = false;
	r->gentle = r->state.order != ORDER_NOW &&
		    (r->activity.state == ACTIVITY_NOBODY || r->activity.state == ACTIVITY_IDLE);
	set_phase(r, PHASE_DRAIN);
	message_init(&m, MESSAGE_ACTIVITY_GET);
	(void)workspace_send(r->ws, &m, -1); /* without an answer FRESH_SEC pass */
	look_in(r, 100000);
}

static void drain(struct restarts *r)
{
	int64_t passed = now_sec() - r->state.since;
	struct log_about a = about(r);

	if (r->gentle && r->activity.state == ACTIVITY_APPLICATIONS) {
		log_line(LOG_INFO, &a, "an application was started: it does not restart now");
		set_phase(r, PHASE_REST);
		return restarts_look(r);
	}
	if ((r->gentle && passed < SETTLE_SEC) || (!r->fresh && passed < FRESH_SEC) ||
		(jobs_under_way(r) && passed < DRAIN_SEC))
		return look_in(r, 200000);
	go_down(r);
	look_in(r, 1000000);
}

static void wait_down(struct restarts *r)
{
	int64_t passed = now_sec() - r->state.since;
	int64_t force = (int64_t)r->ws->host->config.restart_force * 60;
	struct log_about a = about(r);

	if (!r->ws->by_libvirt)
		return;
	if (force && !r->state.forced && passed >= force) {
		log_line(LOG_WARNING, &a, "did not restart within %u minutes: it is reset",
			r->ws->host->config.restart_force);
		r->state.forced = true;
		set_phase(r, PHASE_DOWN);
		request(r, VIRT_RESET);
	} else if (passed >= DOWN_SEC && (!force || r->state.forced)) {
		return over(r, BAD_FAILED,
			force ? "it did not come back after a reset: look at its console"
			      : "it did not restart: look at its console; restart-force in "
				"platen.conf would allow a reset");
	}
	look_in(r, 1000000);
}

/* Whether every printer is there; names those that are not. */
static bool printers_there(const struct restarts *r, char missing[static MESSAGE_SIZE], int *count)
{
	const struct workspace *ws = r->ws;
	size_t used = 0;
	bool all = ws->greeted && ws->offer_ended;

	missing[0] = '\0';
	*count = 0;
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		const struct offer_entry *entry = &ws->offers[i];

		if (!entry->printer)
			continue;
		if (entry->report == REPORT_READY) {
			(*count)++;
			continue;
		}
		all = false;
		if (used + strlen(entry->name) + 3 < 400)
			used += (size_t)snprintf(missing + used, MESSAGE_SIZE - used, "%s%s",
				used ? ", " : "", entry->name);
	}
	return all;
}

static void check(struct restarts *r)
{
	char missing[MESSAGE_SIZE], text[MESSAGE_SIZE];
	int count;
	bool there = printers_there(r, missing, &count);

	if (!there && now_sec() - r->state.since < CHECK_SEC)
		return look_in(r, 500000);
	for (uint32_t i = 0; i < r->state.need_count; i++)
		if (r->state.needs[i].before && r->state.needs[i].state == NEED_OPEN)
			r->state.needs[i].state = NEED_UNMET;
	if (there)
		(void)text_printf(
			text, sizeof(text), "restarted; its printers are there: %d", count);
	else
		(void)text_printf(text, sizeof(text), "restarted; of its printers are missing: %s",
			missing[0] ? missing : "all");
	over(r, there ? BAD_NONE : BAD_MISSING, text);
}

static void decide(struct restarts *r)
{
	const struct config *config = &r->ws->host->config;
	struct restart_view view = {
		.policy = restarts_policy(r->ws),
		.order = (enum restart_order)r->state.order,
		.hold = (enum restart_hold)r->state.hold,
		.needs = open_needs(r),
		.dismissed = r->state.dismissed,
		.connected = r->ws->greeted,
		.activity = r->activity.state,
		.sessions = r->activity.sessions,
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

	if (r->state.bad == BAD_MISSING && printers_there(r, missing, &count)) {
		r->state.bad = BAD_NONE;
		text_copy_line(r->state.text, sizeof(r->state.text),
			"restarted; its printers are there, late");
		keep(r);
	}

	r->why = d.why;
	switch (d.action) {
	case RESTART_GO: return begin(r, d.why);
	case RESTART_QUESTION: question(r, false); break;
	case RESTART_REMIND: question(r, true); break;
	case RESTART_NOTHING: end_question(r, d.why); break;
	case RESTART_WAIT:
	case RESTART_ACTION_COUNT: break;
	}
	if (d.again)
		look_in(r, d.again > view.now ? (uint64_t)(d.again - view.now) * 1000000 : 1000000);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct restarts *r = userdata;

	(void)source;
	(void)usec;
	if (r->ws->host->ending)
		return 0;
	switch ((enum phase)r->state.phase) {
	case PHASE_DRAIN: drain(r); break;
	case PHASE_DOWN: wait_down(r); break;
	case PHASE_CHECK: check(r); break;
	default: decide(r); break;
	}
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
	if (ws->host->ledger &&
		ledger_restart_get(ws->host->ledger, &ws->uuid, &r->state, sizeof(r->state)) == 0 &&
		(r->state.need_count > RESTART_NEEDS_MAX || r->state.phase > PHASE_CHECK ||
			r->state.order >= ORDER_COUNT || r->state.hold >= HOLD_COUNT ||
			!text_terminated(r->state.who, sizeof(r->state.who)) ||
			!text_terminated(r->state.text, sizeof(r->state.text))))
		memset(&r->state, 0, sizeof(r->state));
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

static void lift_hold(struct restarts *r)
{
	r->state.hold = HOLD_NONE;
	r->state.until = 0;
	r->state.dismissed = r->state.reminded = 0;
	r->state.who[0] = '\0';
}

static void take_away(struct restarts *r, uint32_t i)
{
	struct log_about a = about(r);

	log_line(LOG_INFO, &a, "a need of a restart is met: %s", r->state.needs[i].reason);
	r->state.needs[i] = r->state.needs[--r->state.need_count];
	memset(&r->state.needs[r->state.need_count], 0, sizeof(struct need));
	if (!open_needs(r) && r->state.phase == PHASE_REST)
		lift_hold(r);
}

void restarts_need(struct restarts *r, const struct message_restart_need *m)
{
	struct log_about a = about(r);
	struct need *n = r->state.needs;
	uint32_t i = 0;

	while (i < r->state.need_count && memcmp(n[i].name, m->need, NEED_SIZE) != 0)
		i++;
	if (i < r->state.need_count && n[i].state == m->state && n[i].level == m->level)
		return;
	if (++r->news > NEWS_MAX || i == RESTART_NEEDS_MAX)
		return; /* bounded: more than so many are no needs */
	if (m->state == NEED_MET) {
		if (i < r->state.need_count)
			take_away(r, i);
		keep(r);
		return restarts_look(r);
	}
	if (i < r->state.need_count && n[i].state == NEED_UNMET)
		return; /* our own finding: only a restart that meets it takes it away */
	if (i == r->state.need_count) {
		if (!open_needs(r) && m->level == LEVEL_WORKSPACE)
			r->state.born = now_sec();
		r->state.need_count++;
		r->state.dismissed = 0;
	}
	memcpy(n[i].name, m->need, NEED_SIZE);
	n[i].level = m->level;
	n[i].state = m->state;
	text_copy_line(n[i].reason, sizeof(n[i].reason), m->reason);
	if (m->state == NEED_UNMET)
		log_line(LOG_ERR, &a, "a restart did not meet what it was needed for: %s",
			m->reason);
	else
		log_line(LOG_INFO, &a, "needs a restart of %s: %s",
			m->level == LEVEL_SPOOLER ? "its spooler" : "the workspace", m->reason);
	keep(r);
	restarts_look(r);
}

/* The guest has another boot id than before: it was restarted, by us or not. */
static void booted(struct restarts *r, const struct uuid *boot)
{
	bool first = uuid_is_null(&r->state.boot);

	r->state.boot = *boot;
	if (!first) {
		lift_hold(r);
		r->state.order = ORDER_NONE;
		r->state.bad = BAD_NONE;
		r->state.text[0] = '\0';
	}
	if (!first && (r->state.phase == PHASE_DOWN || r->state.phase == PHASE_DRAIN)) {
		r->state.last = now_sec();
		set_phase(r, PHASE_CHECK);
	}
	keep(r);
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
	struct log_about a = about(r);

	if ((m->ask && (!r->asked || m->ask != r->ask)) || r->state.phase != PHASE_REST ||
		(!open_needs(r) && r->state.order == ORDER_NONE) ||
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
	log_line(LOG_INFO, &a, "about its restart, %s says: %s", m->user,
		m->choice == ANSWER_NOW		  ? "now"
		: m->choice == ANSWER_LATER	  ? "later"
		: m->choice == ANSWER_SESSION_END ? "at the end of the session"
						  : "nobody could be asked");
	keep(r);
	restarts_look(r);
}

bool restarts_holds_jobs(const struct restarts *r)
{
	return r->state.phase == PHASE_DRAIN || (r->state.phase == PHASE_DOWN && r->ws->by_libvirt);
}

void restarts_order(struct restarts *r, enum restart_order order)
{
	lift_hold(r);
	r->state.order = order;
	r->nobody = false;
	if (!open_needs(r))
		r->state.born = now_sec();
	(void)text_copy(r->state.who, sizeof(r->state.who), "an administrator");
	keep(r);
	restarts_look(r);
}

void restarts_defer(struct restarts *r, int64_t seconds)
{
	lift_hold(r);
	end_question(r, "an administrator has deferred it");
	r->state.hold = HOLD_ADMIN;
	r->state.until = now_sec() + seconds;
	(void)text_copy(r->state.who, sizeof(r->state.who), "an administrator");
	keep(r);
	restarts_look(r);
}

void restarts_cancel(struct restarts *r)
{
	lift_hold(r);
	end_question(r, "an administrator has called it off");
	r->state.order = ORDER_NONE;
	r->state.dismissed = 1;
	if (r->state.phase == PHASE_DRAIN || !r->ws->by_libvirt)
		r->state.phase = PHASE_REST;
	keep(r);
	restarts_look(r);
}

static const char *phase_word(const struct restarts *r)
{
	static const char *const words[] = {"", "draining", "restarting", "checking"};

	if (r->state.phase)
		return words[r->state.phase];
	if (r->asked)
		return "asked";
	if (r->state.hold)
		return "deferred";
	return open_needs(r) || r->state.order ? "needed" : "none";
}

static const struct need *unmet(const struct restarts *r)
{
	for (uint32_t i = 0; i < r->state.need_count; i++)
		if (r->state.needs[i].state == NEED_UNMET)
			return &r->state.needs[i];
	return NULL;
}

bool restarts_is_fault(const struct restarts *r)
{
	return r->state.bad || unmet(r);
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
	const struct need *n = unmet(r);
	char why[MESSAGE_SIZE], until[64];

	buf[0] = '\0';
	if (r->state.phase != PHASE_REST) {
		(void)text_printf(buf, MESSAGE_SIZE, "%s: %.300s", phase_word(r), reasons(r, why));
	} else if (open_needs(r) || r->state.order) {
		until_text(r, until);
		if (r->state.hold)
			(void)text_printf(buf, MESSAGE_SIZE,
				"needs a restart (%.250s): deferred by %.100s%s", reasons(r, why),
				r->state.who, until);
		else
			(void)text_printf(buf, MESSAGE_SIZE, "needs a restart (%.300s): %s",
				reasons(r, why), r->state.bad ? r->state.text : r->why);
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
		const struct need *n = &r->state.needs[i];

		json_array_append_new(needs,
			json_pack("{s:s, s:s, s:s}", "level", levels[n->level % LEVEL_COUNT],
				"state", states[n->state % NEED_STATE_COUNT], "reason", n->reason));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:b}",
		"workspace", r->ws->name, "policy", restart_policy_name(restarts_policy(r->ws)),
		"policy_from", r->ws->own_restart ? "workspace" : "host", "state", phase_word(r),
		"needs", needs, "activity", activities[r->activity.state % ACTIVITY_STATE_COUNT],
		"activity_text", r->activity.text, "who", r->state.who, "until",
		(json_int_t)r->state.until, "limit",
		(json_int_t)(limit && (open_needs(r) || r->state.order) ? r->state.born + limit
									: 0),
		"last", (json_int_t)r->state.last, "text",
		restarts_text(r, text)[0] ? text : r->state.text, "fault", restarts_is_fault(r));
}
