/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-queues is asked for.
 *
 * One request is under way at a time, and each function here sends one if there is reason to. What
 * a printer needs is decided by reconcile(), and what has to go with the request is put together
 * from what is known just now: by the time of its answer that may have changed, so what was asked
 * for is kept with the printer.
 */
#include "guest/queues-parts.h"

#include <errno.h>
#include <string.h>

#include "guest/default.h"
#include "guest/drivers.h"
#include "guest/ended.h"
#include "guest/held.h"
#include "guest/jobs.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

/* Sends a request; queues_on_done() hears what came of it. */
static void send(
	struct queues *queues, enum asked asked, struct printer *about, void *request, int fd)
{
	queues->asked = asked;
	queues->about = about;
	if (about)
		about->pinned = true;
	requests_send(queues->requests, request, fd);
}

static void request(
	struct queues *queues, enum asked asked, enum queues_message type, struct printer *about)
{
	struct queues_request m = {.head = {.type = type, .size = sizeof(m)}};

	if (about)
		(void)text_copy(m.name, sizeof(m.name), about->name);
	send(queues, asked, about, &m, -1);
}

static void put(struct queues *queues, struct printer *p)
{
	const struct message_printer *offer = p->offer;
	struct queues_put m = {.head = {.type = QUEUES_PUT, .size = sizeof(m)},
		.accepting = offer->accepting,
		.there = p->queue == QUEUE_OURS,
		.defaults_size = offer->defaults_size};
	_cleanup_close_ int fd = drivers_open(queues->agent->drivers, printers_driver(p));
	struct queues_state made;

	if (fd < 0) {
		if (fd == -ENOENT) /* it was not what it seemed: asked for anew */
			printers_due(&queues->agent->printers, p);
		else
			queues_put_off(queues, p);
		return;
	}
	memcpy(m.name, p->name, sizeof(m.name));
	memcpy(m.info, offer->info, sizeof(m.info));
	memcpy(m.location, offer->location, sizeof(m.location));
	memcpy(m.fingerprint, p->fingerprint, sizeof(m.fingerprint));
	memcpy(p->asked_of, p->fingerprint, sizeof(p->asked_of));
	memcpy(m.defaults, offer->defaults, sizeof(m.defaults));
	reconcile_state_plain(p, offer->accepting, &made);
	queues->showing = reconcile_state_digest(&made);
	send(queues, ASKED_PUT, p, &m, fd);
}

static void show(struct queues *queues, struct printer *p, const struct circumstances *c)
{
	struct queues_state state;

	if (!reconcile_state(p, c, &state))
		return;
	queues->showing = reconcile_state_digest(&state);
	send(queues, ASKED_SHOW, p, &state, -1);
}

static const char *report_text(const struct printer *p, const struct circumstances *c,
	uint32_t code, char *buf, size_t size)
{
	switch (code) {
	case REPORT_NAME_TAKEN: return "a queue of this name was made by hand and is left alone";
	case REPORT_REMOVING: return "withdrawn; its jobs are still to be settled";
	case REPORT_DRIVER_REFUSED: return p->trouble;
	case REPORT_READY: return p->rendering_text;
	case REPORT_DEVICE_TAKEN:
		(void)text_printf(buf, size,
			"the queue %s was made by hand for the same device and is left alone",
			c->taken ? c->taken->name : "there");
		return buf;
	default: return "";
	}
}

static struct circumstances circumstances_of(const struct queues *queues, const struct printer *p)
{
	const struct agent *agent = queues->agent;

	return (struct circumstances){
		.presence = agent->presence,
		.whole = agent->whole,
		.has_driver = p->offer && drivers_have(agent->drivers, printers_driver(p)),
		.taken = p->offered ? printers_on_device(&agent->printers, p->offer->device) : NULL,
	};
}

/* Looks at one printer, and has done what is to be done about it. */
void queues_ask_about(struct queues *queues, struct printer *p)
{
	struct circumstances c = circumstances_of(queues, p);
	struct decision d = reconcile(p, &c);
	char text[MESSAGE_SIZE];

	if (d.report)
		queues_report(
			queues, p, d.report, report_text(p, &c, d.report, text, sizeof(text)));
	if (p->retry && !p->busy && (d.fetch || d.deed != DEED_NONE))
		return; /* its time comes */
	if (d.fetch)
		drivers_want(queues->agent->drivers, printers_driver(p));
	switch (d.deed) {
	case DEED_PUT: return put(queues, p);
	case DEED_REMOVE: return request(queues, ASKED_REMOVE, QUEUES_REMOVE, p);
	case DEED_SHOW:
		p->show_next = !p->show_next;
		if (!p->show_next)
			return show(queues, p, &c);
		/* First the others are reported and made: what a queue shows is not waited for. */
		return printers_due(&queues->agent->printers, p);
	case DEED_NONE: printers_tidy(&queues->agent->printers, p); return;
	}
}

/* Whether a default was asked for. */
bool queues_ask_default(struct queues *queues)
{
	struct printer *p, *wanted = NULL, *current = NULL;
	char last[NAME_SIZE];

	queues->check_default = false;
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (p->offered && p->offer->is_default)
			wanted = p;
		if (p->is_default)
			current = p;
	}
	default_read(queues->agent->config.state_dir, last);
	if (!reconcile_default(wanted, current, last))
		return false;
	request(queues, ASKED_DEFAULT, QUEUES_DEFAULT, wanted);
	return true;
}

/* Whether a job was asked after whose backend has hung up. */
static bool look_at_job(struct queues *queues)
{
	struct queues_job m = {.head = {.type = QUEUES_JOB, .size = sizeof(m)}};

	m.number = jobs_in_doubt(queues->agent, &m.job);
	if (!m.number)
		return false;
	queues->number = m.number;
	send(queues, ASKED_JOB, NULL, &m, -1);
	return true;
}

/* Whether a held job was marked or released. */
static bool look_at_held(struct queues *queues)
{
	const struct held_deed *deed = held_next(queues->agent->held);
	struct queues_held m = {.head = {.type = QUEUES_HELD, .size = sizeof(m)}};

	if (!deed)
		return false;
	m.number = deed->number;
	m.ask = deed->ask;
	m.hold = deed->hold;
	m.job = deed->id.job;
	send(queues, ASKED_HELD, NULL, &m, -1);
	return true;
}

/* Whether a job was given back of which nobody here has said that it is done. */
static bool look_at_lost(struct queues *queues)
{
	struct queues_job m;

	if (!ended_next(queues->agent->ended, &m))
		return false;
	send(queues, ASKED_AGAIN, NULL, &m, -1);
	return true;
}

/* Whether it was asked which jobs are done. */
bool queues_ask_ended(struct queues *queues)
{
	struct queues_ended m;

	if (!ended_ask(queues->agent->ended, &m))
		return false;
	send(queues, ASKED_ENDED, NULL, &m, -1);
	return true;
}

/* Whether it was to be asked for what this spooler prints. */
static bool look_at_printing(struct queues *queues)
{
	if (!queues->ask_printing)
		return false;
	queues->ask_printing = queues->printing = false;
	request(queues, ASKED_PRINTING, QUEUES_LIST, NULL);
	return true;
}

/* Whether something was asked that is not to wait for printers. */
bool queues_ask_first(struct queues *queues)
{
	return look_at_job(queues) || look_at_held(queues) || look_at_printing(queues) ||
	       look_at_lost(queues);
}

void queues_ask_list(struct queues *queues)
{
	printers_list_begin(&queues->agent->printers);
	request(queues, ASKED_LIST, QUEUES_LIST, NULL);
}
