/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says about printers, into the table.
 *
 * A whole offer takes away what it does not name, but only at its end: until then a printer that
 * was offered before stays as it is. An index is only ever that of the session that gave it, or of
 * one before, also of an agent before this one (kept.c), where the host says that it still holds.
 */
#include "guest/offer.h"

#include <stdlib.h>
#include <string.h>

#include "guest/jobs.h"
#include "guest/kept.h"
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

/* All that is offered, by rising index; the caller frees it. NULL: there is no memory. */
static struct printer **gather(const struct agent *agent, size_t *ret_count)
{
	struct printer **all = calloc(agent->printers.count + 1, sizeof(struct printer *));
	struct printer *p;
	size_t count = 0;

	if (all)
		TAILQ_FOREACH(p, &agent->printers.all, link)
	if (p->offered && p->offer)
		all[count++] = p;
	if (count)
		qsort(all, count, sizeof(all[0]), by_index);
	*ret_count = count;
	return all;
}

static void digest_of(
	struct printer *const *all, size_t count, uint8_t ret_digest[static SHA256_SIZE])
{
	struct offer_digest digest;

	offer_digest_begin(&digest);
	for (size_t i = 0; i < count; i++)
		offer_digest_add(&digest, all[i]->offer, all[i]->state);
	offer_digest_end(&digest, ret_digest);
}

void offer_held(const struct agent *agent, uint8_t ret_digest[static SHA256_SIZE])
{
	_cleanup_free_ struct printer **all = NULL;
	size_t count;

	if (agent->kept && agent->kept->list) {
		memcpy(ret_digest, agent->kept->digest, SHA256_SIZE);
		return;
	}
	all = gather(agent, &count);
	digest_of(all, count, ret_digest);
}

int offer_recall(struct agent *agent)
{
	char why[256] = "";
	int r = kept_new(agent->config.state_dir, &agent->kept, why);

	if (r > 0)
		log_line(LOG_WARNING, NULL,
			"the host's offer of before is not used, and comes anew: %s", why);
	return r < 0 ? r : 0;
}

void offer_keep(struct agent *agent)
{
	struct kept *kept = agent->kept;
	_cleanup_free_ struct kept_entry *entries = NULL;
	_cleanup_free_ struct printer **all = NULL;
	uint8_t digest[SHA256_SIZE];
	size_t count;
	int r;

	if (!kept || !kept->changed || !kept->whole)
		return;
	all = gather(agent, &count);
	entries = calloc(count + 1, sizeof(*entries));
	if (!all || !entries)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!all[i]->state || all[i]->state->index != all[i]->offer->index)
			return; /* it is about to be told */
		entries[i] = (struct kept_entry){all[i]->offer, all[i]->state};
	}
	digest_of(all, count, digest);
	r = kept_write(kept, entries, (uint32_t)count, digest);
	kept->changed = r < 0;
	kept->written = true;
	if (r < 0)
		log_line(LOG_WARNING, NULL, "%s cannot be written: %s", kept->path, strerror(-r));
}

/* The host's word differs from what is in the file. */
static void note_change(struct agent *agent)
{
	if (agent->kept)
		agent->kept->changed = true;
}

/* Whether what an earlier run has kept was taken for the offer, as the host says that it still is.
 */
static bool take_kept(struct agent *agent)
{
	struct kept *kept = agent->kept;

	if (!kept || !kept->list)
		return false;
	for (uint32_t i = 0; i < kept->count; i++) {
		offer_printer(agent, &kept->list[i].printer);
		offer_state(agent, &kept->list[i].state);
	}
	kept->changed = false;
	return true;
}

void offer_begin(struct agent *agent, const struct message_offer_begin *begin)
{
	struct printer *p;

	agent->whole = false;
	if (begin->unchanged && !take_kept(agent))
		keep_offer(agent);
	if (agent->kept)
		kept_drop(agent->kept);
	if (begin->unchanged)
		return;
	note_change(agent);
	if (agent->kept)
		agent->kept->whole = false;
	TAILQ_FOREACH(p, &agent->printers.all, link)
	p->told = p->state_told = false;
}

void offer_printer(struct agent *agent, const struct message_printer *printer)
{
	struct log_about about = {.printer = printer->name};
	struct printer *p = printers_get(&agent->printers, printer->name);

	note_change(agent);
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

	note_change(agent);
	if (p)
		withdraw(agent, p);
}

void offer_end(struct agent *agent)
{
	struct printer *p;

	agent->whole = true;
	if (agent->kept)
		agent->kept->whole = true;
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
	note_change(agent);
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
