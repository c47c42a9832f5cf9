/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing this spooler's queues in line, one request at a time.
 *
 * platen-queues does what blocks. Here is what comes next: the list of queues when that may have
 * changed, then whatever reconcile() says of the printers that are due. When a request is
 * done its printer is due again, and the decision is made anew from what is then so. A printer
 * that something is wrong with waits by itself, longer each time, and holds up no other.
 */
#include "guest/queues-parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/drivers.h"
#include "guest/ended.h"
#include "guest/kept.h"
#include "guest/offer.h"
#include "guest/peer.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_FIRST   1000000ULL  /* usec; doubles with each failure in a row */
#define BUSY_USEC     2000000ULL  /* between two tries to remove a queue that has jobs */
#define BUSY_REST     30000000ULL /* the same after BUSY_OFTEN tries */
#define BUSY_OFTEN    30
#define RETRY_MOST    6		 /* doublings: a minute */
#define TAKEN_USEC    5000000ULL /* between two looks whether a queue made by hand has gone */
#define ACCURACY_USEC 100000ULL
#define DAY_USEC      86400000000ULL

static uint64_t backoff(uint32_t failures)
{
	return RETRY_FIRST << (failures < RETRY_MOST ? failures : RETRY_MOST);
}

void queues_kick(struct queues *queues)
{
	if (queues)
		(void)sd_event_source_set_enabled(queues->turn, SD_EVENT_ONESHOT);
}

void queues_look_again(struct queues *queues)
{
	queues->look = true;
	queues_kick(queues);
}

void queues_glance(struct queues *queues)
{
	queues->glance = true;
	queues_kick(queues);
}

static void arm_retry(struct queues *queues, uint64_t when)
{
	uint64_t armed;
	int enabled;

	if (sd_event_source_get_enabled(queues->retry, &enabled) > 0 &&
		sd_event_source_get_time(queues->retry, &armed) >= 0 && armed <= when)
		return;
	(void)sd_event_source_set_time(queues->retry, when);
	(void)sd_event_source_set_enabled(queues->retry, SD_EVENT_ONESHOT);
}

/* Nothing is tried with this printer for a while. */
void queues_put_off(struct queues *queues, struct printer *p)
{
	p->retry = agent_now() + backoff(p->failures++);
	arm_retry(queues, p->retry);
}

/* A queue that is to go still has jobs. Nobody tells when they end: somebody who settles them now
 * sees it go soon, and one that is left alone is hardly ever asked. */
void queues_put_off_removal(struct queues *queues, struct printer *p)
{
	p->busy = true;
	p->retry = agent_now() + (p->failures++ < BUSY_OFTEN ? BUSY_USEC : BUSY_REST);
	arm_retry(queues, p->retry);
}

void queues_put_off_listing(struct queues *queues)
{
	queues->look = true;
	queues->look_after = agent_now() + backoff(queues->listings++);
	arm_retry(queues, queues->look_after);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct queues *queues = userdata;
	uint64_t now = agent_now(), first = UINT64_MAX;
	struct printer *p;

	(void)source;
	(void)usec;
	drivers_retry(queues->agent->drivers);
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (p->retry && p->retry <= now) {
			p->retry = 0;
			p->busy = false;
			printers_due(&queues->agent->printers, p);
		}
		if (p->retry && p->retry < first)
			first = p->retry;
	}
	if (queues->look_after > now && queues->look_after < first)
		first = queues->look_after;
	if (queues->taken_look && queues->taken_look <= now) {
		queues->taken_look = 0;
		queues->look = true;
	} else if (queues->taken_look && queues->taken_look < first) {
		first = queues->taken_look;
	}
	if (first != UINT64_MAX)
		arm_retry(queues, first);
	queues_kick(queues);
	return 0;
}

void queues_report(
	struct queues *queues, struct printer *p, enum report_code code, const char *text)
{
	if (peer_report(queues->agent, p, code, text) < 0 && p->told && queues->agent->open) {
		p->retry = agent_now() + RETRY_FIRST; /* the channel is full */
		arm_retry(queues, p->retry);
	}
}

static void report_down(struct queues *queues, struct printer *p)
{
	char text[MESSAGE_SIZE];

	(void)text_printf(text, sizeof(text), "the workspace's spooler does not answer: %.400s",
		queues->trouble);
	queues_report(queues, p, REPORT_SPOOLER_DOWN, text);
}

void queues_due(struct queues *queues, struct printer *p)
{
	printers_due(&queues->agent->printers, p);
	if (queues->down && p->offered)
		report_down(queues, p);
	queues_kick(queues);
}

void queues_driver_came(
	struct queues *queues, const uint8_t sha256[static SHA256_SIZE], const char *why)
{
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (!p->offered || memcmp(printers_driver(p), sha256, SHA256_SIZE) != 0)
			continue;
		if (why) {
			queues_report(queues, p, REPORT_FAILED, why);
			queues_put_off(queues, p);
		} else {
			queues_due(queues, p);
		}
	}
}

void queues_job_ended(struct queues *queues, const char *printer)
{
	struct printer *p = printers_find(&queues->agent->printers, printer);

	if (!p)
		return;
	p->shown = 0; /* cupsd has wiped its message and some of its reasons away */
	if (p->busy) {
		p->busy = false;
		p->retry = 0;
		p->failures = 0;
	}
	queues_due(queues, p);
}

void queues_show_anew(struct queues *queues)
{
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	if (p->queue == QUEUE_OURS) {
		p->shown = 0;
		queues_due(queues, p);
	}
}

static bool is_used(const uint8_t sha256[static SHA256_SIZE], void *userdata)
{
	struct queues *queues = userdata;
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	if (p->offered && (memcmp(p->offer->driver, sha256, SHA256_SIZE) == 0 ||
				  memcmp(p->offer->whole, sha256, SHA256_SIZE) == 0))
		return true;
	return false;
}

/* A queue made by hand that is in the place of one of ours may be removed, of which nobody tells.
 */
static void look_at_taken(struct queues *queues, uint64_t now)
{
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (!p->offered ||
			(p->reported != REPORT_NAME_TAKEN && p->reported != REPORT_DEVICE_TAKEN))
			continue;
		if (!queues->taken_look)
			queues->taken_look = now + TAKEN_USEC;
		return arm_retry(queues, queues->taken_look);
	}
	queues->taken_look = 0;
}

/* All that is due was done. */
static void settled(struct queues *queues)
{
	uint64_t now = agent_now();

	look_at_taken(queues, now);
	if (queues->agent->whole && queues->agent->kept && !queues->agent->kept->written)
		offer_keep(queues->agent); /* changes of it are written at the end */
	if (!queues->agent->whole || (queues->pruned && now - queues->pruned < DAY_USEC))
		return;
	queues->pruned = now;
	drivers_prune(queues->agent->drivers, is_used, queues, time(NULL));
}

void queues_ask_printing(struct queues *queues)
{
	queues->ask_printing = true;
	queues_kick(queues);
}

void queues_next(struct queues *queues)
{
	struct printer *p;

	while (queues->up && requests_are_free(queues->requests)) {
		if (queues_ask_first(queues))
			return;
		if (queues->look) {
			if (agent_now() < queues->look_after)
				return;
			queues->look = queues->glance = false;
			queues_ask_list(queues);
			return;
		}
		/* A person may have chosen another default since the last list. */
		if (queues->check_default && !queues->glance && queues_ask_default(queues))
			return;
		p = printers_next_due(&queues->agent->printers);
		if (queues->glance && (!p || p->queue != QUEUE_OURS)) {
			if (p)
				printers_due(&queues->agent->printers, p);
			queues->look = true;
			continue;
		}
		if (!p && queues_ask_ended(queues))
			return;
		if (!p)
			return settled(queues);
		queues_ask_about(queues, p);
	}
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	queues_next(userdata);
	return 0;
}

static void on_spooler(bool up, const char *text, void *userdata)
{
	struct queues *queues = userdata;
	struct printer *p;

	if (!up && queues->down)
		return;
	queues->up = up;
	queues->down = !up;
	queues->spoolers += up;
	queues->look = true;
	queues->look_after = 0;
	if (up)
		ended_spooler_up(queues->agent->ended);
	text_copy_line(queues->spooler, sizeof(queues->spooler), up ? text : "");
	text_copy_line(queues->trouble, sizeof(queues->trouble), up ? "" : text);
	log_event(LOG_ID_AGENT_SPOOLER, up ? LOG_INFO : LOG_WARNING, NULL,
		"this workspace's spooler %s: %s", up ? "answers" : "does not answer", text);
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		p->shown = 0; /* it may have forgotten what it showed */
		if (!up && p->offered)
			report_down(queues, p);
	}
	peer_status_changed(queues->agent);
	queues_next(queues);
}

int queues_new(struct agent *agent, struct queues **ret_queues)
{
	struct queues *queues = calloc(1, sizeof(*queues));
	struct requests_setup setup = {
		.libexec_dir = agent->config.libexec_dir,
		.cups_socket = agent->config.cups_socket,
		.on_queue = queues_on_queue,
		.on_ended = queues_on_ended,
		.on_done = queues_on_done,
		.on_spooler = on_spooler,
		.userdata = queues,
	};
	sd_event *event = agent->event;
	int r;

	if (!queues)
		return -ENOMEM;
	queues->agent = agent;
	r = sd_event_add_defer(event, &queues->turn, on_turn, queues);
	if (r >= 0)
		r = sd_event_source_set_enabled(queues->turn, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(
			event, &queues->retry, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_retry, queues);
	if (r >= 0)
		r = sd_event_source_set_enabled(queues->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = requests_new(event, &setup, &queues->requests);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot look after queues: %s", strerror(-r));
		(void)queues_free(queues);
		return r;
	}
	*ret_queues = queues;
	return 0;
}

struct queues *queues_free(struct queues *queues)
{
	if (!queues)
		return NULL;
	queues->requests = requests_free(queues->requests);
	queues->retry = sd_event_source_disable_unref(queues->retry);
	queues->turn = sd_event_source_disable_unref(queues->turn);
	free(queues);
	return NULL;
}

uint32_t queues_spoolers(const struct queues *queues)
{
	return queues->spoolers;
}

void queues_status(const struct queues *queues, struct message_guest_status *ret_status)
{
	ret_status->spooler_up = queues->up;
	ret_status->queues = queues->count;
	(void)text_copy(ret_status->spooler, sizeof(ret_status->spooler), queues->spooler);
}
