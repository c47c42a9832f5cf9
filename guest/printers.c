/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of printers and queues.
 *
 * An entry is there as long as the host offers a printer of that name or this spooler has a queue
 * of it. Whatever changes about one makes it due, once, however often it changes before somebody
 * has time for it: so a thousand printers that come at once cost a thousand looks, and not the
 * square of it.
 */
#include "guest/printers.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guest/reconcile.h"
#include "proto/base/text.h"
#include "proto/device.h"

static int compare(const void *a, const void *b)
{
	return strcasecmp(((const struct printer *)a)->name, ((const struct printer *)b)->name);
}

void printers_init(struct printers *printers)
{
	*printers = (struct printers){0};
	TAILQ_INIT(&printers->all);
	TAILQ_INIT(&printers->due);
}

static void forget(struct printers *printers, struct printer *p)
{
	(void)tdelete(p, &printers->by_name, compare);
	TAILQ_REMOVE(&printers->all, p, link);
	if (p->due)
		TAILQ_REMOVE(&printers->due, p, due_link);
	if (p->told && printers_by_index(printers, p->offer->index) == p)
		printers->by_index[p->offer->index] = NULL;
	printers->count--;
	free(p->offer);
	free(p->state);
	free(p);
}

void printers_deinit(struct printers *printers)
{
	while (!TAILQ_EMPTY(&printers->all))
		forget(printers, TAILQ_FIRST(&printers->all));
	free(printers->by_index);
	free(printers->by_hand);
	printers_init(printers);
}

struct printer *printers_find(const struct printers *printers, const char *name)
{
	struct printer key;
	void *node;

	if (text_copy(key.name, sizeof(key.name), name) < 0)
		return NULL;
	node = tfind(&key, &printers->by_name, compare);
	return node ? *(struct printer **)node : NULL;
}

struct printer *printers_get(struct printers *printers, const char *name)
{
	struct printer *p = printers_find(printers, name);

	if (p)
		return p;
	if (printers->count >= PRINTERS_MOST)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	(void)text_copy(p->name, sizeof(p->name), name);
	if (!tsearch(p, &printers->by_name, compare)) {
		free(p);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&printers->all, p, link);
	printers->count++;
	return p;
}

void printers_tidy(struct printers *printers, struct printer *p)
{
	if (!p->offered && p->queue == QUEUE_NONE && !p->pinned)
		forget(printers, p);
}

struct printer *printers_by_index(const struct printers *printers, uint32_t index)
{
	return index < printers->index_count ? printers->by_index[index] : NULL;
}

/* Makes room for an index; message_check() has bounded it. */
static int reach(struct printers *printers, uint32_t index)
{
	uint32_t count = printers->index_count ? printers->index_count : 64;
	struct printer **grown;

	while (count <= index)
		count *= 2;
	if (count == printers->index_count)
		return 0;
	grown = reallocarray(printers->by_index, count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown + printers->index_count, 0, (count - printers->index_count) * sizeof(*grown));
	printers->by_index = grown;
	printers->index_count = count;
	return 0;
}

const uint8_t *printers_driver(const struct printer *p)
{
	return p->whole ? p->offer->whole : p->offer->driver;
}

/* Whether what our queue is to be made of has changed: then what went wrong before is forgotten. */
static bool fingerprint_set(struct printer *p)
{
	struct message_printer used = *p->offer;
	char before[FINGERPRINT_SIZE];

	memcpy(before, p->fingerprint, sizeof(before));
	memcpy(used.driver, printers_driver(p), SHA256_SIZE);
	reconcile_fingerprint(&used, p->fingerprint);
	if (memcmp(before, p->fingerprint, sizeof(before)) == 0)
		return false;
	p->refused = false;
	p->failures = 0;
	p->retry = 0;
	return true;
}

bool printers_set_whole(struct printer *p, bool whole, const char *text)
{
	bool said = strcmp(p->rendering_text, text) != 0, other = p->whole != whole;

	(void)text_copy(p->rendering_text, sizeof(p->rendering_text), text);
	p->whole = whole;
	return (other && fingerprint_set(p)) || said;
}

int printers_offer(
	struct printers *printers, struct printer *p, const struct message_printer *offer)
{
	int r = reach(printers, offer->index);
	bool same, whole = p->whole;

	if (r < 0)
		return r;
	same = p->offer && p->fingerprint[0] && memcmp(p->offer, offer, sizeof(*offer)) == 0;
	if (!p->offer)
		p->offer = malloc(sizeof(*p->offer));
	if (!p->offer)
		return -ENOMEM;
	if (p->told && p->offer->index != offer->index)
		printers->by_index[p->offer->index] = NULL;
	if (!p->told || p->offer->index != offer->index)
		p->state_told = false;
	if (offer->rendering != RENDERING_GUEST || !p->offered ||
		memcmp(offer->whole, p->offer->whole, SHA256_SIZE) != 0) {
		p->whole = p->whole && offer->rendering == RENDERING_GUEST;
		p->whole_trouble[0] = '\0';
	}
	*p->offer = *offer;
	p->offered = p->told = true;
	printers->by_index[offer->index] = p;
	if (!same || p->whole != whole)
		(void)fingerprint_set(p);
	return 0;
}

void printers_session_over(struct printers *printers)
{
	struct printer *p;

	TAILQ_FOREACH(p, &printers->all, link)
	{
		p->told = p->state_told = false;
		p->reported = 0;
	}
	if (printers->index_count)
		memset(printers->by_index, 0, printers->index_count * sizeof(*printers->by_index));
}

void printers_list_begin(struct printers *printers)
{
	struct printer *p;

	TAILQ_FOREACH(p, &printers->all, link)
	p->listed = false;
}

struct printer *printers_list_queue(struct printers *printers, const struct queues_queue *q)
{
	struct printer *p = printers_get(printers, q->name);

	if (!p)
		return NULL;
	if (q->ours && p->queue != QUEUE_OURS)
		p->shown = 0;
	p->queue = q->ours ? QUEUE_OURS : QUEUE_BY_HAND;
	p->is_default = q->is_default != 0;
	p->listed = true;
	memcpy(p->made_of, q->fingerprint, sizeof(p->made_of));
	memset(p->device, 0, sizeof(p->device));
	if (p->queue == QUEUE_BY_HAND)
		device_digest(q->device_uri, p->device);
	return p;
}

void printers_list_end(struct printers *printers)
{
	struct printer *p, *next;
	struct printer **by_hand;
	uint32_t n = 0;

	TAILQ_FOREACH_SAFE(p, &printers->all, link, next)
	{
		if (!p->listed) {
			p->queue = QUEUE_NONE;
			p->is_default = p->busy = false;
			p->shown = 0;
			memset(p->made_of, 0, sizeof(p->made_of));
		}
		n += p->queue == QUEUE_BY_HAND;
	}
	by_hand = reallocarray(printers->by_hand, n + 1, sizeof(*by_hand));
	printers->by_hand_count = 0;
	if (!by_hand)
		return;
	printers->by_hand = by_hand;
	TAILQ_FOREACH(p, &printers->all, link)
	if (p->queue == QUEUE_BY_HAND)
		by_hand[printers->by_hand_count++] = p;
}

const struct printer *printers_on_device(
	const struct printers *printers, const uint8_t device[static SHA256_SIZE])
{
	static const uint8_t none[SHA256_SIZE];

	if (memcmp(device, none, SHA256_SIZE) == 0)
		return NULL;
	for (uint32_t i = 0; i < printers->by_hand_count; i++)
		if (memcmp(printers->by_hand[i]->device, device, SHA256_SIZE) == 0)
			return printers->by_hand[i];
	return NULL;
}

void printers_due(struct printers *printers, struct printer *p)
{
	if (p->due)
		return;
	p->due = true;
	if (p->offered && p->offer->is_default)
		TAILQ_INSERT_HEAD(&printers->due, p, due_link);
	else
		TAILQ_INSERT_TAIL(&printers->due, p, due_link);
}

void printers_due_next(struct printers *printers, struct printer *p)
{
	if (p->due)
		TAILQ_REMOVE(&printers->due, p, due_link);
	p->due = true;
	TAILQ_INSERT_HEAD(&printers->due, p, due_link);
}

void printers_all_due(struct printers *printers)
{
	struct printer *p;

	TAILQ_FOREACH(p, &printers->all, link)
	printers_due(printers, p);
}

struct printer *printers_next_due(struct printers *printers)
{
	struct printer *p = TAILQ_FIRST(&printers->due);

	if (!p)
		return NULL;
	TAILQ_REMOVE(&printers->due, p, due_link);
	p->due = false;
	return p;
}
