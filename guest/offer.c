/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says about printers, into the table.
 *
 * A whole offer takes away what it does not name, but only at its end: until then a printer that
 * was offered before stays as it is. An index is only ever that of the session that gave it.
 */
#include "guest/offer.h"

#include <stdlib.h>
#include <string.h>

#include "guest/jobs.h"
#include "guest/queues.h"
#include "guest/rendering.h"
#include "guest/peer.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/offer-digest.h"

/* An offer of before is still true, with all states: its printers keep their indexes. */
static void keep_offer(struct agent *agent)
{
	struct printer *p;

	TAILQ_FOREACH(p, &agent->printers.all, link)
	{
		if (!p->offered || !p->offer)
			continue;
		if (printers_offer(&agent->printers, p, p->offer) < 0) {
			log_line(LOG_ERR, NULL, "no memory for the offer");
			continue;
		}
		p->state_told = p->state != NULL;
		rendering_look(agent, p);
		jobs_printer_changed(agent, p);
	}
}

static int by_index(const void *a, const void *b)
{
	const struct printer *const *one = a, *const *other = b;

	if ((*one)->offer->index == (*other)->offer->index) /* of an offer that broke off */
		return strcmp((*one)->name, (*other)->name);
	return (*one)->offer->index < (*other)->offer->index ? -1 : 1;
}

void offer_held(const struct agent *agent, uint8_t ret_digest[static SHA256_SIZE])
{
	_cleanup_free_ struct printer **all =
		calloc(agent->printers.count + 1, sizeof(struct printer *));
	struct offer_digest digest;
	struct printer *p;
	size_t count = 0;

	offer_digest_begin(&digest);
	if (all)
		TAILQ_FOREACH(p, &agent->printers.all, link)
	if (p->offered && p->offer)
		all[count++] = p;
	if (count)
		qsort(all, count, sizeof(all[0]), by_index);
	for (size_t i = 0; i < count; i++)
		offer_digest_add(&digest, all[i]->offer, all[i]->state);
	offer_digest_end(&digest, ret_digest);
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
