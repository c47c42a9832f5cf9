/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restarting cupsd at a moment when nobody loses anything by it.
 *
 * cupsd that ends takes the filters and backends of its jobs with it, and a job that was half on
 * paper begins anew. So no job of ours may be on its way, and no queue at all may print: what
 * people print by queues of their own is theirs. That is asked for again and again until it is so;
 * then systemd restarts cupsd. Where that fails the need was not met, and is not tried in a loop.
 */
#include "guest/respool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/activity.h"
#include "guest/jobs.h"
#include "guest/needs.h"
#include "guest/queues.h"
#include "proto/base/log.h"

#define LOOK_USEC  2000000ULL  /* between two looks whether the spooler is idle */
#define AGAIN_USEC 60000000ULL /* when systemd could not be asked */

struct respool {
	struct agent *agent;
	sd_event_source *timer;
	bool restarting; /* systemd was asked */
	bool waits;	 /* it was logged that something is printed */
};

static void look_in(struct respool *respool, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(respool->timer, usec);
	(void)sd_event_source_set_enabled(respool->timer, SD_EVENT_ONESHOT);
}

void respool_look(struct respool *respool)
{
	int enabled;

	if (respool && needs_spooler(respool->agent->needs) &&
		sd_event_source_get_enabled(respool->timer, &enabled) == 0)
		look_in(respool, 0);
}

static int on_restarted(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct respool *respool = userdata;

	(void)error;
	respool->restarting = false;
	if (e)
		log_line(LOG_ERR, NULL, "the spooler cannot be restarted: %s",
			e->message ? e->message : e->name);
	else
		log_line(LOG_INFO, NULL, "the spooler was restarted for its new drivers");
	needs_spooler_over(respool->agent->needs, !e);
	return 0;
}

void respool_printing(struct respool *respool, bool printing)
{
	struct agent *agent = respool->agent;
	int r;

	if (respool->restarting || !needs_spooler(agent->needs))
		return;
	if (printing || jobs_count(agent) > 0) {
		if (!respool->waits)
			log_line(LOG_INFO, NULL,
				"the spooler is restarted when its jobs are printed");
		respool->waits = true;
		return;
	}
	respool->waits = false;
	r = activity_restart_unit(agent->activity, "cups.service", on_restarted, respool);
	respool->restarting = r == 0;
	if (r == 0)
		return;
	log_line(LOG_ERR, NULL, "the spooler cannot be restarted: systemd cannot be asked: %s",
		strerror(-r));
	look_in(respool, AGAIN_USEC);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct respool *respool = userdata;

	(void)source;
	(void)usec;
	if (!needs_spooler(respool->agent->needs))
		return 0;
	look_in(respool, LOOK_USEC);
	if (!respool->restarting)
		queues_ask_printing(respool->agent->queues);
	return 0;
}

int respool_new(struct agent *agent, struct respool **ret_respool)
{
	struct respool *respool = calloc(1, sizeof(*respool));
	int r;

	if (!respool)
		return -ENOMEM;
	respool->agent = agent;
	r = sd_event_add_time_relative(
		agent->event, &respool->timer, CLOCK_MONOTONIC, LOOK_USEC, 0, on_timer, respool);
	if (r < 0) {
		free(respool);
		return r;
	}
	*ret_respool = respool;
	return 0;
}

struct respool *respool_free(struct respool *respool)
{
	if (!respool)
		return NULL;
	respool->timer = sd_event_source_disable_unref(respool->timer);
	free(respool);
	return NULL;
}
