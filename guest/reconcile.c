/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer and queues in, one action out.
 *
 * The order is what people notice: the default printer first, then the others, then the default
 * itself, and removals last, when everything that is wanted is there.
 */
#include "guest/reconcile.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/device.h"

static struct known_queue *queue_named(
	struct known_queue *queues, size_t queue_count, const char *name)
{
	for (size_t i = 0; i < queue_count; i++)
		if (strcasecmp(queues[i].is.name, name) == 0) /* as CUPS compares them */
			return &queues[i];
	return NULL;
}

enum report_code reconcile_conflict(const struct offered *offered, struct known_queue *queues,
	size_t queue_count, struct known_queue **ret_queue)
{
	static const uint8_t unknown[SHA256_SIZE];
	struct known_queue *same = queue_named(queues, queue_count, offered->printer.name);
	uint8_t digest[SHA256_SIZE];

	if (same && !same->is.ours) {
		*ret_queue = same;
		return REPORT_NAME_TAKEN;
	}
	if (memcmp(offered->printer.device, unknown, SHA256_SIZE) == 0)
		return 0;
	for (size_t i = 0; i < queue_count; i++) {
		if (queues[i].is.ours)
			continue;
		device_digest(queues[i].is.device_uri, digest);
		if (memcmp(digest, offered->printer.device, SHA256_SIZE) != 0)
			continue;
		*ret_queue = &queues[i];
		return REPORT_DEVICE_TAKEN;
	}
	return 0;
}

static bool is_put_due(struct offered *o, struct known_queue *queues, size_t queue_count)
{
	struct known_queue *queue, *taken;

	if (o->gone || o->driver_refused || reconcile_conflict(o, queues, queue_count, &taken))
		return false;
	queue = queue_named(queues, queue_count, o->printer.name);
	return !queue || strcmp(queue->is.fingerprint, o->fingerprint) != 0;
}

/* Whether a queue of ours stands for a printer that is offered and may be here. */
static bool is_wanted(const struct known_queue *queue, struct offered *offers, size_t offer_count,
	struct known_queue *queues, size_t queue_count)
{
	struct known_queue *taken;

	for (size_t i = 0; i < offer_count; i++)
		if (!offers[i].gone && strcasecmp(offers[i].printer.name, queue->is.name) == 0)
			return !reconcile_conflict(&offers[i], queues, queue_count, &taken);
	return false;
}

static struct offered *due_default(
	struct offered *offers, size_t offer_count, struct known_queue *queues, size_t queue_count)
{
	struct known_queue *current = NULL, *queue;

	for (size_t i = 0; i < queue_count; i++)
		if (queues[i].is.is_default)
			current = &queues[i];
	if (current && !current->is.ours)
		return NULL; /* a person's choice */
	for (size_t i = 0; i < offer_count; i++) {
		if (offers[i].gone || !offers[i].printer.is_default)
			continue;
		queue = queue_named(queues, queue_count, offers[i].printer.name);
		return queue && queue->is.ours && queue != current ? &offers[i] : NULL;
	}
	return NULL;
}

struct action reconcile_next(struct offered *offers, size_t offer_count, bool offer_whole,
	struct known_queue *queues, size_t queue_count, reconcile_driver_fn *has_driver,
	void *userdata)
{
	struct action action = {0};

	for (int first = 1; first >= 0; first--) {
		for (size_t i = 0; i < offer_count; i++) {
			if ((int)offers[i].printer.is_default != first ||
				!is_put_due(&offers[i], queues, queue_count) ||
				!has_driver(&offers[i], userdata))
				continue;
			action.kind = ACTION_PUT;
			action.offered = &offers[i];
			return action;
		}
	}
	action.offered = due_default(offers, offer_count, queues, queue_count);
	if (action.offered) {
		action.kind = ACTION_DEFAULT;
		return action;
	}
	for (size_t i = 0; offer_whole && i < queue_count; i++) {
		if (!queues[i].is.ours || queues[i].busy ||
			is_wanted(&queues[i], offers, offer_count, queues, queue_count))
			continue;
		action.kind = ACTION_REMOVE;
		action.queue = &queues[i];
		return action;
	}
	return action;
}

void reconcile_fingerprint(const struct message_printer *p, char buf[static FINGERPRINT_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, sizeof(p->driver), p->driver);
	sha256_update(&sha, sizeof(p->name), (const uint8_t *)p->name);
	sha256_update(&sha, sizeof(p->info), (const uint8_t *)p->info);
	sha256_update(&sha, sizeof(p->location), (const uint8_t *)p->location);
	sha256_update(&sha, p->defaults_size, (const uint8_t *)p->defaults);
	sha256_digest(&sha, SHA256_SIZE, digest);
	memset(buf, 0, FINGERPRINT_SIZE);
	for (int i = 0; i < 16; i++)
		(void)snprintf(buf + 2 * i, 3, "%02x", digest[i]);
}

void reconcile_state(const struct offered *o, bool connected, struct queues_state *ret_state)
{
	const struct message_printer_state *is = &o->state;
	struct queues_state *s = ret_state;

	*s = (struct queues_state){.head = {.type = QUEUES_STATE, .size = sizeof(*s)},
		.accepting = o->printer.accepting};
	memcpy(s->name, o->printer.name, sizeof(s->name));
	if (o->has_state) {
		s->stopped = is->state == 5;
		s->accepting = is->accepting;
		memcpy(s->reasons, is->reasons, sizeof(s->reasons));
		memcpy(s->text, is->text, sizeof(s->text));
		memcpy(s->marker_names, is->marker_names, sizeof(s->marker_names));
		memcpy(s->marker_types, is->marker_types, sizeof(s->marker_types));
		memcpy(s->marker_colors, is->marker_colors, sizeof(s->marker_colors));
		memcpy(s->marker_levels, is->marker_levels, sizeof(s->marker_levels));
		memcpy(s->marker_low_levels, is->marker_low_levels, sizeof(s->marker_low_levels));
		memcpy(s->marker_high_levels, is->marker_high_levels,
			sizeof(s->marker_high_levels));
	}
	if (o->gone) {
		s->accepting = 0;
		(void)text_copy(
			s->text, sizeof(s->text), "The host does not offer this printer any more");
	} else if (!connected) {
		s->stopped = 0; /* jobs wait in the agent, with a reason that says so */
		s->accepting = 1;
		memset(s->reasons, 0, sizeof(s->reasons));
		memset(s->text, 0, sizeof(s->text));
		(void)text_copy(s->reasons, sizeof(s->reasons), "offline-report");
		(void)text_copy(s->text, sizeof(s->text), "Waiting for the host");
	}
}
