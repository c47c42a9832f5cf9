/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printer and queue in, one deed out.
 *
 * A deed is done by somebody else and may fail; nothing here remembers that it was tried. The same
 * question with the same facts has the same answer, and when all is as it should be the answer is
 * to do nothing: a guest whose host says what it said before is not written to.
 */
#include "guest/reconcile.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "proto/base/text.h"

#define STATE_STOPPED 5 /* printer-state, RFC 8011 5.4.11 */

static bool is_made(const struct printer *p)
{
	return p->queue == QUEUE_OURS && strcmp(p->made_of, p->fingerprint) == 0;
}

static bool is_shown(const struct printer *p, const struct circumstances *c)
{
	struct queues_state state;

	return !reconcile_state(p, c, &state) || reconcile_state_digest(&state) == p->shown;
}

/* A queue of ours that is not to be here. */
static struct decision removal(
	const struct printer *p, const struct circumstances *c, uint32_t report)
{
	struct decision d = {.report = report};

	if (p->queue != QUEUE_OURS)
		return d;
	if (c->whole && !p->busy) {
		d.deed = DEED_REMOVE;
		return d;
	}
	if (!is_shown(p, c))
		d.deed = DEED_SHOW;
	return d;
}

struct decision reconcile(const struct printer *p, const struct circumstances *c)
{
	struct decision d = {0};

	if (p->queue == QUEUE_BY_HAND) {
		d.report = p->offered ? REPORT_NAME_TAKEN : REPORT_GONE;
		return d;
	}
	if (!p->offered) {
		if (p->queue == QUEUE_OURS)
			return removal(p, c, p->busy ? REPORT_REMOVING : 0);
		d.report = REPORT_GONE;
		return d;
	}
	if (c->taken)
		return removal(p, c, REPORT_DEVICE_TAKEN);
	if (is_made(p)) {
		d.report = REPORT_READY;
	} else if (p->refused) {
		d.report = REPORT_DRIVER_REFUSED;
	} else if (c->has_driver) {
		d.deed = DEED_PUT;
		return d;
	} else {
		d.fetch = true;
	}
	if (p->queue == QUEUE_OURS && !is_shown(p, c))
		d.deed = DEED_SHOW;
	return d;
}

bool reconcile_default(
	const struct printer *wanted, const struct printer *current, const char *last)
{
	if (!wanted || wanted == current || !wanted->offered || wanted->queue != QUEUE_OURS)
		return false;
	if (!current)
		return true;
	if (current->queue != QUEUE_OURS)
		return false;
	return !last[0] || strcasecmp(last, current->name) == 0;
}

void reconcile_fingerprint(const struct message_printer *p, char ret_text[static FINGERPRINT_SIZE])
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
	memset(ret_text, 0, FINGERPRINT_SIZE);
	text_hex(digest, 16, ret_text);
}

static void copy_state(const struct message_printer_state *is, struct queues_state *s)
{
	s->stopped = is->state == STATE_STOPPED;
	s->accepting = is->accepting;
#define COPY(member)                                                                               \
	do {                                                                                       \
		_Static_assert(sizeof(s->member) == sizeof(is->member), "one size on both sides"); \
		memcpy(s->member, is->member, sizeof(s->member));                                  \
	} while (0)
	COPY(reasons);
	COPY(text);
	COPY(marker_names);
	COPY(marker_types);
	COPY(marker_colors);
	COPY(marker_levels);
	COPY(marker_low_levels);
	COPY(marker_high_levels);
#undef COPY
}

void reconcile_state_plain(
	const struct printer *p, uint32_t accepting, struct queues_state *ret_state)
{
	*ret_state = (struct queues_state){
		.head = {.type = QUEUES_STATE, .size = sizeof(*ret_state)}, .accepting = accepting};
	(void)text_copy(ret_state->name, sizeof(ret_state->name), p->name);
}

bool reconcile_state(
	const struct printer *p, const struct circumstances *c, struct queues_state *ret_state)
{
	struct queues_state *s = ret_state;
	bool leaving = !p->offered || c->taken;

	if (c->presence == PRESENCE_UNKNOWN)
		return false;
	if (c->presence == PRESENCE_HERE && (leaving ? !c->whole : !p->state_told))
		return false; /* it is about to be told */
	reconcile_state_plain(p, 1, s);
	if (p->state)
		copy_state(p->state, s);
	if (leaving && c->presence == PRESENCE_HERE) {
		s->accepting = 0;
		(void)text_copy(s->text, sizeof(s->text),
			c->taken ? "A queue that was made by hand prints to the same device"
				 : "The host does not offer this printer any more");
	} else if (c->presence == PRESENCE_AWAY) {
		s->stopped = 0; /* jobs wait in the agent, with a reason that says so */
		s->accepting = 1;
		memset(s->reasons, 0, sizeof(s->reasons));
		memset(s->text, 0, sizeof(s->text));
		(void)text_copy(s->reasons, sizeof(s->reasons), "offline-report");
		(void)text_copy(s->text, sizeof(s->text), "Waiting for the host");
	}
	return true;
}

uint64_t reconcile_state_digest(const struct queues_state *state)
{
	uint64_t digest = XXH3_64bits(state, sizeof(*state));

	return digest ? digest : 1;
}
