/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart that was decided, carried out.
 *
 * What comes next is course.c's to say. In DRAIN jobs under way are let finish and new ones wait in
 * the guest; DOWN is the guest's own shutdown, and a reset only where the settings allow one; CHECK
 * waits until every offered printer is there, and says which are missing.
 */
#include "host/restarts-parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/course.h"
#include "host/domains.h"
#include "host/job.h"
#include "proto/base/text.h"

#define LOOK_USEC 200000ULL   /* between two looks at a restart that goes on */
#define DOWN_USEC 1000000ULL  /* the same while the guest is down */
#define REST_USEC 60000000ULL /* the same when that is done by hand: its coming back is news */

int64_t restarts_monotonic(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Over, well or not. A failure is shown and not tried again before something new happens. */
static void over(struct restarts *r, enum restart_bad bad, const char *text)
{
	struct log_about a = restarts_about(r);

	text_copy_line(r->state.text, sizeof(r->state.text), text);
	r->state.phase = PHASE_REST;
	r->state.bad = bad;
	r->state.dismissed = bad != BAD_NONE;
	r->state.forced = 0;
	r->state.order = ORDER_NONE;
	restarts_keep(r);
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

void restarts_set_phase(struct restarts *r, uint32_t phase)
{
	r->state.phase = phase;
	r->entered = restarts_monotonic();
	restarts_keep(r);
}

static void go_down(struct restarts *r)
{
	struct log_about a = restarts_about(r);

	restart_state_down(&r->state);
	restarts_set_phase(r, PHASE_DOWN);
	if (!r->ws->by_libvirt) {
		log_line(LOG_NOTICE, &a, "libvirt does not know it: restart it by hand");
		return;
	}
	log_event(LOG_ID_WORKSPACE_RESTART, LOG_INFO, &a, "restarts");
	r->requested = true;
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

void restarts_begin(struct restarts *r, const char *why)
{
	struct log_about a = restarts_about(r);
	struct message m;
	char text[MESSAGE_SIZE];

	log_line(LOG_INFO, &a, "is to restart, for %s: %s", why,
		restart_state_reasons(&r->state, text));
	restarts_end_question(r, why);
	r->fresh = r->requested = r->booting = false;
	r->gentle = r->state.order != ORDER_NOW &&
		    (r->activity.state == ACTIVITY_NOBODY || r->activity.state == ACTIVITY_IDLE);
	restarts_set_phase(r, PHASE_DRAIN);
	message_init(&m, MESSAGE_ACTIVITY_GET);
	(void)workspace_send(r->ws, &m, -1); /* without an answer COURSE_FRESH passes */
	restarts_look_in(r, LOOK_USEC);
}

bool restarts_printers_there(
	const struct restarts *r, char missing[static MESSAGE_SIZE], int *ret_count)
{
	const struct workspace *ws = r->ws;
	size_t used = 0;
	bool all = ws->greeted && ws->offer_ended;

	missing[0] = '\0';
	*ret_count = 0;
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		const struct offer_entry *entry = &ws->offers[i];

		if (!entry->printer)
			continue;
		if (entry->report == REPORT_READY) {
			(*ret_count)++;
			continue;
		}
		all = false;
		if (used + strlen(entry->name) + 3 < 400)
			used += (size_t)snprintf(missing + used, MESSAGE_SIZE - used, "%s%s",
				used ? ", " : "", entry->name);
	}
	return all;
}

/* The guest was restarted and has had its time: what is still needed, the restart did not meet. */
static void come_back(struct restarts *r)
{
	char missing[MESSAGE_SIZE], text[MESSAGE_SIZE];
	int count;
	bool there = restarts_printers_there(r, missing, &count);

	restart_state_back(&r->state);
	if (there)
		(void)text_printf(
			text, sizeof(text), "restarted; its printers are there: %d", count);
	else
		(void)text_printf(text, sizeof(text), "restarted; of its printers are missing: %s",
			missing[0] ? missing : "all");
	over(r, there ? BAD_NONE : BAD_MISSING, text);
}

static void to_rest(struct restarts *r, const char *why)
{
	struct log_about a = restarts_about(r);

	log_line(LOG_INFO, &a, "%s", why);
	restarts_set_phase(r, PHASE_REST);
	restarts_look(r);
}

static void reset(struct restarts *r)
{
	struct log_about a = restarts_about(r);

	log_line(LOG_WARNING, &a, "did not restart within %u minutes: it is reset",
		r->ws->host->config.restart_force);
	r->state.forced = true;
	r->booting = false;
	restarts_set_phase(r, PHASE_DOWN);
	request(r, VIRT_RESET);
}

static struct course_view course_of(const struct restarts *r)
{
	char missing[MESSAGE_SIZE];
	int count;

	return (struct course_view){
		.phase = (enum course_phase)r->state.phase,
		.passed = (restarts_monotonic() - r->entered),
		.gentle = r->gentle,
		.fresh = r->fresh,
		.applications = r->activity.state == ACTIVITY_APPLICATIONS,
		.installing = r->activity.installing > 0,
		.jobs = jobs_under_way(r) > 0,
		.by_libvirt = r->ws->by_libvirt,
		.requested = r->requested,
		.booting = r->booting,
		.same_boot = r->ws->greeted && r->boot_heard,
		.force = (int64_t)r->ws->host->config.restart_force * 60,
		.forced = r->state.forced,
		.printers = restarts_printers_there(r, missing, &count),
	};
}

/* Goes on with a restart that has begun. */
void restarts_go_on(struct restarts *r)
{
	struct course_view view = course_of(r);

	restarts_look_in(r, view.phase != PHASE_DOWN ? LOOK_USEC
			    : view.by_libvirt	     ? DOWN_USEC
						     : REST_USEC);
	switch (course_next(&view)) {
	case COURSE_BUSY: return to_rest(r, "an application was started: it does not restart now");
	case COURSE_INSTALL:
		return to_rest(r, "a driver package came: it restarts when that is installed");
	case COURSE_REQUEST: return go_down(r);
	case COURSE_RESET: return reset(r);
	case COURSE_STUCK:
		return over(r, BAD_FAILED,
			"it did not restart: look at its console; restart-force in platen.conf "
			"would allow a reset");
	case COURSE_LOST:
		return over(
			r, BAD_FAILED, "it went down and did not come back: look at its console");
	case COURSE_MISSING:
	case COURSE_DONE: return come_back(r);
	case COURSE_WAIT:
	case COURSE_STEP_COUNT: return;
	}
}
