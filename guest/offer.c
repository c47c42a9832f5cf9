/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host offers, as this guest knows it.
 *
 * The table outlives a session: while the host is away the queues stay and say so. A new offer
 * marks everything as gone first and takes the marks away one by one, so what is left marked at
 * its end was withdrawn, and an index is only ever that of the session that gave it.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/agent.h"
#include "guest/job.h"
#include "guest/reconcile.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define INDEX_NONE UINT32_MAX

struct offered *offer_by_index(struct agent *agent, uint32_t index)
{
	for (uint32_t i = 0; i < agent->offer_count; i++)
		if (agent->offers[i].printer.index == index)
			return &agent->offers[i];
	return NULL;
}

struct offered *offer_by_name(struct agent *agent, const char *name)
{
	for (uint32_t i = 0; i < agent->offer_count; i++)
		if (strcasecmp(agent->offers[i].printer.name, name) == 0)
			return &agent->offers[i];
	return NULL;
}

void offer_begin(struct agent *agent, const struct message_offer_begin *begin)
{
	agent->offer_whole = false;
	if (begin->unchanged)
		return;
	for (uint32_t i = 0; i < agent->offer_count; i++)
		agent->offers[i].gone = true;
}

static struct offered *offer_add(struct agent *agent)
{
	struct offered *offered;

	if (agent->offer_count == agent->offer_size) {
		uint32_t size = agent->offer_size ? agent->offer_size * 2 : 16;
		struct offered *grown = reallocarray(agent->offers, size, sizeof(*grown));

		if (!grown || size > OFFER_PRINTERS_MAX * 2) {
			agent->offers = grown ? grown : agent->offers;
			return NULL;
		}
		agent->offers = grown;
		agent->offer_size = size;
	}
	offered = &agent->offers[agent->offer_count++];
	memset(offered, 0, sizeof(*offered));
	return offered;
}

void offer_printer(struct agent *agent, const struct message_printer *printer)
{
	struct offered *o = offer_by_name(agent, printer->name);
	char before[FINGERPRINT_SIZE];

	if (!o)
		o = offer_add(agent);
	if (!o)
		return;
	memcpy(before, o->fingerprint, sizeof(before));
	if (o->printer.index != printer->index) {
		o->has_state = false;
		o->report = 0; /* a new session wants to hear again */
	}
	o->printer = *printer;
	o->gone = false;
	reconcile_fingerprint(printer, o->fingerprint);
	if (memcmp(before, o->fingerprint, sizeof(before)) != 0) {
		o->driver_refused = false;
		o->report = 0;
	}
	if (agent->offer_whole)
		queues_look_again(agent->queues); /* a person may have made one meanwhile */
	else
		queues_changed(agent->queues);
	job_offer_changed(agent);
}

void offer_gone(struct agent *agent, uint32_t index)
{
	struct offered *o = offer_by_index(agent, index);

	if (!o)
		return;
	o->gone = true;
	o->report = 0;
	queues_look_again(agent->queues);
}

void offer_end(struct agent *agent)
{
	agent->offer_whole = true;
	queues_look_again(agent->queues);
	job_offer_changed(agent);
}

void offer_state(struct agent *agent, const struct message_printer_state *state)
{
	struct offered *o = offer_by_index(agent, state->index);

	if (!o)
		return;
	o->state = *state;
	o->has_state = true;
	queues_changed(agent->queues);
}

void offer_lost(struct agent *agent)
{
	agent->offer_whole = false;
	for (uint32_t i = 0; i < agent->offer_count; i++) {
		agent->offers[i].printer.index = INDEX_NONE;
		agent->offers[i].report = 0;
	}
	queues_changed(agent->queues);
}

void offer_report(struct agent *agent, struct offered *o, enum report_code code, const char *text)
{
	struct log_about about = {.printer = o->printer.name};
	struct message m;

	if (o->report == (uint32_t)code || o->printer.index == INDEX_NONE)
		return;
	message_init(&m, MESSAGE_PRINTER_REPORT);
	m.printer_report.index = o->printer.index;
	m.printer_report.code = code;
	text_copy_line(m.printer_report.text, sizeof(m.printer_report.text), text);
	if (channel_send(agent->channel, &m) < 0)
		return;
	o->report = code;
	if (code != REPORT_READY && code != REPORT_GONE)
		log_line(LOG_WARNING, &about, "%s", text);
	else
		log_line(LOG_INFO, &about, code == REPORT_READY ? "ready" : "removed");
}

void offer_deinit(struct agent *agent)
{
	free(agent->offers);
	agent->offers = NULL;
	agent->offer_count = agent->offer_size = 0;
}
