/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from protobuf. This file and message-encode.c are the only ones that know protobuf-c.
 *
 * Unpacking takes its memory from one static arena of MESSAGE_BUDGET bytes, so a peer's message
 * can neither grow the process nor fragment it, and freeing is forgetting. What comes out is
 * copied into the fixed struct; a string that does not fit its array is a violation, not a cut,
 * and so is one with a NUL inside: protobuf-c forgets a string's length, but the arena knows it.
 */
#include "proto/message.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "platen.pb-c.h"

static struct {
	alignas(max_align_t) uint8_t bytes[MESSAGE_BUDGET];
	size_t used;
} arena;

/* Stands before each allocation. */
union arena_head {
	size_t size; /* bytes asked for */
	max_align_t align;
};

static void *arena_alloc(void *data, size_t size)
{
	union arena_head *head;
	size_t need;

	(void)data;
	if (size > sizeof(arena.bytes))
		return NULL;
	need = sizeof(*head) + ((size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1));
	if (need > sizeof(arena.bytes) - arena.used)
		return NULL;
	head = (union arena_head *)(void *)(arena.bytes + arena.used);
	head->size = size;
	arena.used += need;
	return head + 1;
}

static void arena_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

static ProtobufCAllocator arena_allocator = {.alloc = arena_alloc, .free = arena_free};

/* Whether a string of protobuf-c's ends at its first NUL. An absent one is a constant. */
static bool is_whole(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	if (p < arena.bytes || p >= arena.bytes + sizeof(arena.bytes))
		return true;
	return ((const union arena_head *)(const void *)s)[-1].size == strlen(s) + 1;
}

/* Copies a protobuf string whole, tail zeroed; false when it does not fit. */
static bool take(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size || !is_whole(from))
		return false;
	memcpy(to, from, len);
	memset(to + len, 0, size - len);
	return true;
}

#define TAKE(to, from) take(to, sizeof(to), from)

/* Copies a fixed number of bytes; an absent field is all zeros where `optional`. */
static bool take_bytes(uint8_t *to, size_t size, const ProtobufCBinaryData *from, bool optional)
{
	if (optional && from->len == 0) {
		memset(to, 0, size);
		return true;
	}
	if (from->len != size)
		return false;
	memcpy(to, from->data, size);
	return true;
}

static bool take_options(
	char *to, size_t capacity, uint32_t *size, size_t count, Platen__Option *const *from)
{
	if (count > JOB_OPTIONS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!is_whole(from[i]->name) || !is_whole(from[i]->value))
			return false;
		if (options_add(to, capacity, size, from[i]->name, from[i]->value) < 0)
			return false;
	}
	return true;
}

static bool decode_printer(const Platen__Printer *in, struct message_printer *p)
{
	p->index = in->index;
	p->kind = in->kind;
	p->is_default = in->is_default;
	p->accepting = in->accepting;
	p->driver_size = in->driver_size;
	p->rendering = in->rendering;
	p->whole_size = in->whole_size;
	p->package_size = in->package_size;
	p->restart = in->restart;
	return take_bytes(p->driver, sizeof(p->driver), &in->driver, false) &&
	       TAKE(p->name, in->name) && TAKE(p->info, in->info) &&
	       TAKE(p->location, in->location) && TAKE(p->make_model, in->make_model) &&
	       take_bytes(p->device, sizeof(p->device), &in->device, true) &&
	       take_bytes(p->whole, sizeof(p->whole), &in->whole, true) &&
	       take_bytes(p->package, sizeof(p->package), &in->package, true) &&
	       TAKE(p->filters, in->filters) && TAKE(p->package_name, in->package_name) &&
	       take_options(p->defaults, sizeof(p->defaults), &p->defaults_size, in->n_defaults,
		       in->defaults);
}

static bool decode_printer_state(const Platen__PrinterState *in, struct message_printer_state *s)
{
	s->index = in->index;
	s->state = in->state;
	s->accepting = in->accepting;
	return TAKE(s->reasons, in->reasons) && TAKE(s->text, in->text) &&
	       TAKE(s->marker_names, in->marker_names) && TAKE(s->marker_types, in->marker_types) &&
	       TAKE(s->marker_colors, in->marker_colors) &&
	       TAKE(s->marker_levels, in->marker_levels) &&
	       TAKE(s->marker_low_levels, in->marker_low_levels) &&
	       TAKE(s->marker_high_levels, in->marker_high_levels);
}

static bool decode_job_open(const Platen__JobOpen *in, struct message_job_open *j)
{
	j->ref = in->ref;
	j->printer = in->printer;
	j->file = in->file;
	j->copies = in->copies;
	j->guest_job = in->guest_job;
	j->size = in->size;
	j->rendered = in->rendered;
	j->answer = in->answer;
	j->sealed = in->sealed;
	return take_bytes(j->job.bytes, UUID_SIZE, &in->job, false) &&
	       take_bytes(j->sealed_by.bytes, UUID_SIZE, &in->sealed_by, true) &&
	       TAKE(j->title, in->title) && TAKE(j->user, in->user) &&
	       TAKE(j->format, in->format) &&
	       take_options(j->options, sizeof(j->options), &j->options_size, in->n_options,
		       in->options);
}

static bool decode_job_state(const Platen__JobState *in, struct message_job_state *s)
{
	s->ref = in->ref;
	s->phase = in->phase;
	s->refusal = in->refusal;
	s->final = in->final;
	s->host_job = in->host_job;
	s->pages = in->pages;
	s->ask = in->ask;
	return TAKE(s->reasons, in->reasons) && TAKE(s->text, in->text);
}

static bool decode_job(const Platen__Envelope *e, struct message *m)
{
	switch (e->body_case) {
	case PLATEN__ENVELOPE__BODY_JOB_ACCEPT:
		m->job_accept.ref = e->job_accept->ref;
		m->job_accept.window = e->job_accept->window;
		m->job_accept.offset = e->job_accept->offset;
		return true;
	case PLATEN__ENVELOPE__BODY_JOB_DATA:
		m->job_data.ref = e->job_data->ref;
		m->job_data.offset = e->job_data->offset;
		m->job_data.data_size = (uint32_t)e->job_data->data.len;
		m->job_data.data = e->job_data->data.data;
		return e->job_data->data.len <= FRAME_DATA_MAX;
	case PLATEN__ENVELOPE__BODY_JOB_CREDIT:
		m->job_credit.ref = e->job_credit->ref;
		m->job_credit.bytes = e->job_credit->bytes;
		return true;
	case PLATEN__ENVELOPE__BODY_JOB_SEAL:
		m->job_seal.ref = e->job_seal->ref;
		m->job_seal.size = e->job_seal->size;
		return take_bytes(m->job_seal.digest, DIGEST_SIZE, &e->job_seal->digest, false);
	case PLATEN__ENVELOPE__BODY_JOB_STATE: return decode_job_state(e->job_state, &m->job_state);
	case PLATEN__ENVELOPE__BODY_JOB_CANCEL: m->job_cancel.ref = e->job_cancel->ref; return true;
	case PLATEN__ENVELOPE__BODY_JOB_RELEASE:
		m->job_release.file = e->job_release->file;
		m->job_release.guest_job = e->job_release->guest_job;
		return take_bytes(m->job_release.job.bytes, UUID_SIZE, &e->job_release->job, false);
	default: /* JOB_CLOSE */ m->job_close.ref = e->job_close->ref; return true;
	}
}

static bool decode_session(const Platen__Envelope *e, struct message *m)
{
	switch (e->body_case) {
	case PLATEN__ENVELOPE__BODY_HELLO:
		m->hello.version_min = e->hello->version_min;
		m->hello.version_max = e->hello->version_max;
		return TAKE(m->hello.agent, e->hello->agent) &&
		       take_bytes(m->hello.machine.bytes, UUID_SIZE, &e->hello->machine, true) &&
		       take_bytes(m->hello.offer, SHA256_SIZE, &e->hello->offer, true);
	case PLATEN__ENVELOPE__BODY_WELCOME:
		m->welcome.version = e->welcome->version;
		m->welcome.keepalive_msec = e->welcome->keepalive_msec;
		return TAKE(m->welcome.host, e->welcome->host) &&
		       TAKE(m->welcome.workspace, e->welcome->workspace) &&
		       take_bytes(
			       m->welcome.identity.bytes, UUID_SIZE, &e->welcome->identity, true) &&
		       take_bytes(m->welcome.ledger.bytes, UUID_SIZE, &e->welcome->ledger, true);
	case PLATEN__ENVELOPE__BODY_BYE:
		m->bye.code = e->bye->code;
		return TAKE(m->bye.text, e->bye->text);
	case PLATEN__ENVELOPE__BODY_PING: m->ping.serial = e->ping->serial; return true;
	case PLATEN__ENVELOPE__BODY_PONG: m->ping.serial = e->pong->serial; return true;
	default: /* GUEST_STATUS */
		m->guest_status.spooler_up = e->guest_status->spooler_up;
		m->guest_status.queues = e->guest_status->queues;
		m->guest_status.jobs = e->guest_status->jobs;
		return TAKE(m->guest_status.spooler, e->guest_status->spooler);
	}
}

static bool decode_package(const Platen__Envelope *e, struct message *m)
{
	const Platen__PackageData *in = e->package_data;

	if (m->head.type == MESSAGE_PACKAGE_GET)
		return take_bytes(
			m->package_get.package, SHA256_SIZE, &e->package_get->package, false);
	m->package_data.total = in->total;
	m->package_data.offset = in->offset;
	m->package_data.data_size = (uint32_t)in->data.len;
	m->package_data.data = in->data.data;
	return in->data.len <= FRAME_DATA_MAX &&
	       take_bytes(m->package_data.package, SHA256_SIZE, &in->package, false);
}

static bool decode_offer(const Platen__Envelope *e, struct message *m)
{
	switch (e->body_case) {
	case PLATEN__ENVELOPE__BODY_OFFER_BEGIN:
		m->offer_begin.count = e->offer_begin->count;
		m->offer_begin.unchanged = e->offer_begin->unchanged;
		return take_bytes(m->offer_begin.offer, SHA256_SIZE, &e->offer_begin->offer, true);
	case PLATEN__ENVELOPE__BODY_PRINTER_GONE:
		m->printer_gone.index = e->printer_gone->index;
		return true;
	case PLATEN__ENVELOPE__BODY_PRINTER_REPORT:
		m->printer_report.index = e->printer_report->index;
		m->printer_report.code = e->printer_report->code;
		m->printer_report.rendering = e->printer_report->rendering;
		return TAKE(m->printer_report.text, e->printer_report->text);
	case PLATEN__ENVELOPE__BODY_DRIVER_GET:
		return take_bytes(m->driver_get.driver, SHA256_SIZE, &e->driver_get->driver, false);
	case PLATEN__ENVELOPE__BODY_DRIVER_DATA:
		m->driver_data.total = e->driver_data->total;
		m->driver_data.offset = e->driver_data->offset;
		m->driver_data.data_size = (uint32_t)e->driver_data->data.len;
		m->driver_data.data = e->driver_data->data.data;
		return e->driver_data->data.len <= FRAME_DATA_MAX &&
		       take_bytes(
			       m->driver_data.driver, SHA256_SIZE, &e->driver_data->driver, false);
	default: /* OFFER_END */ return true;
	}
}

static bool decode_restart(const Platen__Envelope *e, struct message *m)
{
	switch (e->body_case) {
	case PLATEN__ENVELOPE__BODY_RESTART_NEED:
		m->restart_need.level = e->restart_need->level;
		m->restart_need.state = e->restart_need->state;
		return take_bytes(m->restart_need.need, NEED_SIZE, &e->restart_need->need, false) &&
		       TAKE(m->restart_need.reason, e->restart_need->reason);
	case PLATEN__ENVELOPE__BODY_ACTIVITY:
		m->activity.state = e->activity->state;
		m->activity.sessions = e->activity->sessions;
		m->activity.applications = e->activity->applications;
		m->activity.inhibitors = e->activity->inhibitors;
		m->activity.installing = e->activity->installing;
		return take_bytes(m->activity.boot.bytes, UUID_SIZE, &e->activity->boot, false) &&
		       TAKE(m->activity.text, e->activity->text);
	case PLATEN__ENVELOPE__BODY_RESTART_ANSWER:
		m->restart_answer.ask = e->restart_answer->ask;
		m->restart_answer.choice = e->restart_answer->choice;
		m->restart_answer.after_sec = e->restart_answer->after_sec;
		return TAKE(m->restart_answer.user, e->restart_answer->user);
	case PLATEN__ENVELOPE__BODY_RESTART_ASK:
		m->restart_ask.ask = e->restart_ask->ask;
		m->restart_ask.limit_sec = e->restart_ask->limit_sec;
		m->restart_ask.reminder = e->restart_ask->reminder;
		return TAKE(m->restart_ask.reason, e->restart_ask->reason);
	case PLATEN__ENVELOPE__BODY_RESTART_ASK_END:
		m->restart_ask_end.ask = e->restart_ask_end->ask;
		return TAKE(m->restart_ask_end.text, e->restart_ask_end->text);
	default: /* ACTIVITY_GET */ return true;
	}
}

/* The schema's field numbers are ours by one table, so neither side's order binds the other. */
static const struct {
	Platen__Envelope__BodyCase body;
	enum message_type type;
	bool (*decode)(const Platen__Envelope *e, struct message *m);
} bodies[] = {
	{PLATEN__ENVELOPE__BODY_HELLO, MESSAGE_HELLO, decode_session},
	{PLATEN__ENVELOPE__BODY_WELCOME, MESSAGE_WELCOME, decode_session},
	{PLATEN__ENVELOPE__BODY_BYE, MESSAGE_BYE, decode_session},
	{PLATEN__ENVELOPE__BODY_PING, MESSAGE_PING, decode_session},
	{PLATEN__ENVELOPE__BODY_PONG, MESSAGE_PONG, decode_session},
	{PLATEN__ENVELOPE__BODY_OFFER_BEGIN, MESSAGE_OFFER_BEGIN, decode_offer},
	{PLATEN__ENVELOPE__BODY_PRINTER, MESSAGE_PRINTER, NULL},
	{PLATEN__ENVELOPE__BODY_PRINTER_GONE, MESSAGE_PRINTER_GONE, decode_offer},
	{PLATEN__ENVELOPE__BODY_OFFER_END, MESSAGE_OFFER_END, decode_offer},
	{PLATEN__ENVELOPE__BODY_PRINTER_STATE, MESSAGE_PRINTER_STATE, NULL},
	{PLATEN__ENVELOPE__BODY_PRINTER_REPORT, MESSAGE_PRINTER_REPORT, decode_offer},
	{PLATEN__ENVELOPE__BODY_DRIVER_GET, MESSAGE_DRIVER_GET, decode_offer},
	{PLATEN__ENVELOPE__BODY_DRIVER_DATA, MESSAGE_DRIVER_DATA, decode_offer},
	{PLATEN__ENVELOPE__BODY_JOB_OPEN, MESSAGE_JOB_OPEN, NULL},
	{PLATEN__ENVELOPE__BODY_JOB_ACCEPT, MESSAGE_JOB_ACCEPT, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_DATA, MESSAGE_JOB_DATA, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_CREDIT, MESSAGE_JOB_CREDIT, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_SEAL, MESSAGE_JOB_SEAL, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_STATE, MESSAGE_JOB_STATE, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_CANCEL, MESSAGE_JOB_CANCEL, decode_job},
	{PLATEN__ENVELOPE__BODY_JOB_CLOSE, MESSAGE_JOB_CLOSE, decode_job},
	{PLATEN__ENVELOPE__BODY_GUEST_STATUS, MESSAGE_GUEST_STATUS, decode_session},
	{PLATEN__ENVELOPE__BODY_RESTART_NEED, MESSAGE_RESTART_NEED, decode_restart},
	{PLATEN__ENVELOPE__BODY_ACTIVITY, MESSAGE_ACTIVITY, decode_restart},
	{PLATEN__ENVELOPE__BODY_RESTART_ANSWER, MESSAGE_RESTART_ANSWER, decode_restart},
	{PLATEN__ENVELOPE__BODY_ACTIVITY_GET, MESSAGE_ACTIVITY_GET, decode_restart},
	{PLATEN__ENVELOPE__BODY_RESTART_ASK, MESSAGE_RESTART_ASK, decode_restart},
	{PLATEN__ENVELOPE__BODY_RESTART_ASK_END, MESSAGE_RESTART_ASK_END, decode_restart},
	{PLATEN__ENVELOPE__BODY_PACKAGE_GET, MESSAGE_PACKAGE_GET, decode_package},
	{PLATEN__ENVELOPE__BODY_PACKAGE_DATA, MESSAGE_PACKAGE_DATA, decode_package},
	{PLATEN__ENVELOPE__BODY_JOB_RELEASE, MESSAGE_JOB_RELEASE, decode_job},
};

static bool decode_body(const Platen__Envelope *e, struct message *m)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (bodies[i].body != e->body_case)
			continue;
		message_init(m, bodies[i].type);
		switch (bodies[i].type) {
		case MESSAGE_PRINTER: return decode_printer(e->printer, &m->printer);
		case MESSAGE_PRINTER_STATE:
			return decode_printer_state(e->printer_state, &m->printer_state);
		case MESSAGE_JOB_OPEN: return decode_job_open(e->job_open, &m->job_open);
		default: return bodies[i].decode(e, m);
		}
	}
	m->head.type = 0;
	return false;
}

int message_decode(
	const uint8_t *untrusted_bytes, size_t size, struct message *m, char ret_why[static 128])
{
	Platen__Envelope *e;

	if (size > FRAME_PAYLOAD_MAX) {
		(void)snprintf(ret_why, 128, "a message of %zu bytes, at most %d are allowed", size,
			FRAME_PAYLOAD_MAX);
		return -EBADMSG;
	}
	arena.used = 0;
	e = platen__envelope__unpack(&arena_allocator, size, untrusted_bytes);
	if (!e) {
		(void)snprintf(ret_why, 128, "a message that is not in the schema or too large");
		return -EBADMSG;
	}
	if (!decode_body(e, m)) {
		(void)snprintf(ret_why, 128, "%s: a field is longer or shorter than it may be",
			m->head.type ? message_name(m->head.type) : "a message of unknown type");
		return -EBADMSG;
	}
	return message_check(m, m->head.size, ret_why);
}
