/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says about printers, into the table.
 *
 * A whole offer takes away what it does not name, but only at its end: until then a printer that
 * was offered before stays as it is. An index is only ever that of the session that gave it.
 */
#include "guest/offer.h"

#include <stdlib.h>

#include "guest/jobs.h"
#include "guest/queues.h"
#include "guest/rendering.h"
#include "guest/peer.h"
#include "proto/base/log.h"

/* An offer of before is still true: its printers keep their indexes. */
static void keep_offer(struct agent *agent)
{
	struct printer *p;

	TAILQ_FOREACH(p, &agent->printers.all, link)
	if (p->offered && p->offer && printers_offer(&agent->printers, p, p->offer) < 0)
		log_line(LOG_ERR, NULL, "no memory for the offer");
}

void offer_begin(struct agent *agent, const struct message_offer_begin *begin)
{
	struct printer *p;

	agent->whole = false;
	if (begin->unchanged)
		return keep_offer(agent);
	TAILQ_FOREACH(p, &agent->printers.all, link)
	p->told = p->state_told = false;
}

void offer_printer(struct agent *agent, const struct message_printer *printer)
{
	struct log_about about = {.printer = printer->name};
	struct printer *p = printers_get(&agent->printers, printer->name);

	if (!p || printers_offer(&agent->printers, p, printer) < 0) {
		log_line(LOG_ERR, &about, "there is no room for this printer");
		return;
	}
	if (agent->whole)
		queues_glance(agent->queues); /* a person may have made one meanwhile */
	rendering_look(agent, p);
	queues_due(agent->queues, p);
	jobs_printer_changed(agent, p);
}

/* The printer is not offered any more. */
static void withdraw(struct agent *agent, struct printer *p)
{
	p->offered = false;
	p->busy = false;
	p->reported = 0;
	p->retry = 0;
	queues_due(agent->queues, p);
}

void offer_gone(struct agent *agent, uint32_t index)
{
	struct printer *p = printers_by_index(&agent->printers, index);

	if (p)
		withdraw(agent, p);
}

void offer_end(struct agent *agent)
{
	struct printer *p;

	agent->whole = true;
	TAILQ_FOREACH(p, &agent->printers.all, link)
	if (p->offered && !p->told)
		withdraw(agent, p);
	packages_session(agent->packages);
	printers_all_due(&agent->printers);
	queues_look_again(agent->queues);
	jobs_kick(agent);
}

void offer_state(struct agent *agent, const struct message_printer_state *state)
{
	struct printer *p = printers_by_index(&agent->printers, state->index);

	if (!p)
		return;
	if (!p->state)
		p->state = malloc(sizeof(*p->state));
	if (!p->state)
		return; /* the next one tries again */
	*p->state = *state;
	p->state_told = true;
	queues_due(agent->queues, p);
	if (state->accepting)
		jobs_printer_changed(agent, p);
}
