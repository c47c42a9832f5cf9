/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to protobuf. This file and message-decode.c are the only ones that know protobuf-c.
 *
 * A fixed struct is checked, shown to protobuf-c as it lies there (the schema's structs point into
 * it, nothing is copied and nothing allocated), and packed into the caller's buffer. A message of
 * ours that breaks the rules is our own fault, never the peer's: it ends the program.
 */
#include "proto/message.h"

#include <stdlib.h>

#include "platen.pb-c.h"

/* Packs an envelope whose one body is already set. */
static size_t pack(const Platen__Envelope *e, uint8_t *buf)
{
	if (platen__envelope__get_packed_size(e) > FRAME_PAYLOAD_MAX)
		abort();
	return platen__envelope__pack(e, buf);
}

static ProtobufCBinaryData bytes_of(const void *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

/* Points an option table at the pairs of a packed list. Returns their number. */
static size_t option_table(
	const char *options, uint32_t size, Platen__Option *rows, Platen__Option **ret_table)
{
	const char *name, *value;
	uint32_t pos = 0;
	size_t n = 0;

	while (options_next(options, size, &pos, &name, &value)) {
		platen__option__init(&rows[n]);
		rows[n].name = (char *)(uintptr_t)name;
		rows[n].value = (char *)(uintptr_t)value;
		ret_table[n] = &rows[n];
		n++;
	}
	return n;
}

#define TEXT(s) ((char *)(uintptr_t)(s))

/* In each encode_* the body is a local of the schema's type, set field by field, hung into the
 * envelope and packed at once. */
#define BODY(E, FIELD, CASE, TYPE, INIT)                                                           \
	TYPE body = INIT;                                                                          \
	(E)->body_case = CASE;                                                                     \
	(E)->FIELD = &body

static size_t encode_printer(const struct message_printer *p, Platen__Envelope *e, uint8_t *buf)
{
	static Platen__Option rows[JOB_OPTIONS_MAX];
	static Platen__Option *table[JOB_OPTIONS_MAX];
	BODY(e, printer, PLATEN__ENVELOPE__BODY_PRINTER, Platen__Printer, PLATEN__PRINTER__INIT);

	body.index = p->index;
	body.kind = p->kind;
	body.is_default = p->is_default;
	body.accepting = p->accepting;
	body.driver = bytes_of(p->driver, sizeof(p->driver));
	body.driver_size = p->driver_size;
	body.device = bytes_of(p->device, sizeof(p->device));
	body.rendering = p->rendering;
	body.whole_size = p->whole_size;
	if (p->whole_size)
		body.whole = bytes_of(p->whole, sizeof(p->whole));
	body.filters = TEXT(p->filters);
	body.package_size = p->package_size;
	if (p->package_size)
		body.package = bytes_of(p->package, sizeof(p->package));
	body.package_name = TEXT(p->package_name);
	body.restart = p->restart;
	body.name = TEXT(p->name);
	body.info = TEXT(p->info);
	body.location = TEXT(p->location);
	body.make_model = TEXT(p->make_model);
	body.n_defaults = option_table(p->defaults, p->defaults_size, rows, table);
	body.defaults = table;
	return pack(e, buf);
}

static size_t encode_printer_state(
	const struct message_printer_state *s, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, printer_state, PLATEN__ENVELOPE__BODY_PRINTER_STATE, Platen__PrinterState,
		PLATEN__PRINTER_STATE__INIT);

	body.index = s->index;
	body.state = s->state;
	body.accepting = s->accepting;
	body.reasons = TEXT(s->reasons);
	body.text = TEXT(s->text);
	body.marker_names = TEXT(s->marker_names);
	body.marker_types = TEXT(s->marker_types);
	body.marker_colors = TEXT(s->marker_colors);
	body.marker_levels = TEXT(s->marker_levels);
	body.marker_low_levels = TEXT(s->marker_low_levels);
	body.marker_high_levels = TEXT(s->marker_high_levels);
	return pack(e, buf);
}

static size_t encode_job_open(const struct message_job_open *j, Platen__Envelope *e, uint8_t *buf)
{
	static Platen__Option rows[JOB_OPTIONS_MAX];
	static Platen__Option *table[JOB_OPTIONS_MAX];
	BODY(e, job_open, PLATEN__ENVELOPE__BODY_JOB_OPEN, Platen__JobOpen, PLATEN__JOB_OPEN__INIT);

	body.ref = j->ref;
	body.printer = j->printer;
	body.job = bytes_of(j->job.bytes, UUID_SIZE);
	body.file = j->file;
	body.copies = j->copies;
	body.guest_job = j->guest_job;
	body.size = j->size;
	body.title = TEXT(j->title);
	body.user = TEXT(j->user);
	body.format = TEXT(j->format);
	body.n_options = option_table(j->options, j->options_size, rows, table);
	body.options = table;
	body.rendered = j->rendered;
	body.answer = j->answer;
	body.sealed = j->sealed != 0;
	body.sealed_by = bytes_of(j->sealed_by.bytes, UUID_SIZE);
	return pack(e, buf);
}

static size_t encode_job_state(const struct message_job_state *s, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_state, PLATEN__ENVELOPE__BODY_JOB_STATE, Platen__JobState,
		PLATEN__JOB_STATE__INIT);

	body.ref = s->ref;
	body.phase = s->phase;
	body.refusal = s->refusal;
	body.final = s->final;
	body.host_job = s->host_job;
	body.pages = s->pages;
	body.reasons = TEXT(s->reasons);
	body.text = TEXT(s->text);
	body.ask = s->ask;
	return pack(e, buf);
}

static size_t encode_hello(const struct message_hello *h, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, hello, PLATEN__ENVELOPE__BODY_HELLO, Platen__Hello, PLATEN__HELLO__INIT);

	body.version_min = h->version_min;
	body.version_max = h->version_max;
	body.agent = TEXT(h->agent);
	body.machine = bytes_of(h->machine.bytes, UUID_SIZE);
	body.offer = bytes_of(h->offer, SHA256_SIZE);
	return pack(e, buf);
}

static size_t encode_welcome(const struct message_welcome *w, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, welcome, PLATEN__ENVELOPE__BODY_WELCOME, Platen__Welcome, PLATEN__WELCOME__INIT);

	body.version = w->version;
	body.keepalive_msec = w->keepalive_msec;
	body.host = TEXT(w->host);
	body.workspace = TEXT(w->workspace);
	body.identity = bytes_of(w->identity.bytes, UUID_SIZE);
	body.ledger = bytes_of(w->ledger.bytes, UUID_SIZE);
	return pack(e, buf);
}

static size_t encode_bye(const struct message_bye *b, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, bye, PLATEN__ENVELOPE__BODY_BYE, Platen__Bye, PLATEN__BYE__INIT);

	body.code = b->code;
	body.text = TEXT(b->text);
	return pack(e, buf);
}

static size_t encode_ping(const struct message *m, Platen__Envelope *e, uint8_t *buf)
{
	if (m->head.type == MESSAGE_PING) {
		BODY(e, ping, PLATEN__ENVELOPE__BODY_PING, Platen__Ping, PLATEN__PING__INIT);

		body.serial = m->ping.serial;
		return pack(e, buf);
	}
	BODY(e, pong, PLATEN__ENVELOPE__BODY_PONG, Platen__Pong, PLATEN__PONG__INIT);

	body.serial = m->ping.serial;
	return pack(e, buf);
}

static size_t encode_status(const struct message_guest_status *s, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, guest_status, PLATEN__ENVELOPE__BODY_GUEST_STATUS, Platen__GuestStatus,
		PLATEN__GUEST_STATUS__INIT);

	body.spooler_up = s->spooler_up;
	body.queues = s->queues;
	body.jobs = s->jobs;
	body.spooler = TEXT(s->spooler);
	return pack(e, buf);
}

static size_t encode_offer_begin(
	const struct message_offer_begin *o, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, offer_begin, PLATEN__ENVELOPE__BODY_OFFER_BEGIN, Platen__OfferBegin,
		PLATEN__OFFER_BEGIN__INIT);

	body.count = o->count;
	body.unchanged = o->unchanged;
	body.offer = bytes_of(o->offer, SHA256_SIZE);
	return pack(e, buf);
}

static size_t encode_offer_end(Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, offer_end, PLATEN__ENVELOPE__BODY_OFFER_END, Platen__OfferEnd,
		PLATEN__OFFER_END__INIT);

	return pack(e, buf);
}

static size_t encode_printer_gone(
	const struct message_printer_gone *p, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, printer_gone, PLATEN__ENVELOPE__BODY_PRINTER_GONE, Platen__PrinterGone,
		PLATEN__PRINTER_GONE__INIT);

	body.index = p->index;
	return pack(e, buf);
}

static size_t encode_report(
	const struct message_printer_report *r, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, printer_report, PLATEN__ENVELOPE__BODY_PRINTER_REPORT, Platen__PrinterReport,
		PLATEN__PRINTER_REPORT__INIT);

	body.index = r->index;
	body.code = r->code;
	body.rendering = r->rendering;
	body.text = TEXT(r->text);
	return pack(e, buf);
}

static size_t encode_driver_get(
	const struct message_driver_get *d, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, driver_get, PLATEN__ENVELOPE__BODY_DRIVER_GET, Platen__DriverGet,
		PLATEN__DRIVER_GET__INIT);

	body.driver = bytes_of(d->driver, SHA256_SIZE);
	return pack(e, buf);
}

static size_t encode_driver_data(
	const struct message_driver_data *d, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, driver_data, PLATEN__ENVELOPE__BODY_DRIVER_DATA, Platen__DriverData,
		PLATEN__DRIVER_DATA__INIT);

	body.driver = bytes_of(d->driver, SHA256_SIZE);
	body.total = d->total;
	body.offset = d->offset;
	body.data = bytes_of(d->data, d->data_size);
	return pack(e, buf);
}

static size_t encode_package(const struct message *m, Platen__Envelope *e, uint8_t *buf)
{
	const struct message_package_data *d = &m->package_data;

	if (m->head.type == MESSAGE_PACKAGE_GET) {
		BODY(e, package_get, PLATEN__ENVELOPE__BODY_PACKAGE_GET, Platen__PackageGet,
			PLATEN__PACKAGE_GET__INIT);

		body.package = bytes_of(m->package_get.package, SHA256_SIZE);
		return pack(e, buf);
	}
	BODY(e, package_data, PLATEN__ENVELOPE__BODY_PACKAGE_DATA, Platen__PackageData,
		PLATEN__PACKAGE_DATA__INIT);

	body.package = bytes_of(d->package, SHA256_SIZE);
	body.total = d->total;
	body.offset = d->offset;
	body.data = bytes_of(d->data, d->data_size);
	return pack(e, buf);
}

static size_t encode_job_accept(
	const struct message_job_accept *a, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_accept, PLATEN__ENVELOPE__BODY_JOB_ACCEPT, Platen__JobAccept,
		PLATEN__JOB_ACCEPT__INIT);

	body.ref = a->ref;
	body.window = a->window;
	body.offset = a->offset;
	return pack(e, buf);
}

static size_t encode_job_data(const struct message_job_data *d, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_data, PLATEN__ENVELOPE__BODY_JOB_DATA, Platen__JobData, PLATEN__JOB_DATA__INIT);

	body.ref = d->ref;
	body.offset = d->offset;
	body.data = bytes_of(d->data, d->data_size);
	return pack(e, buf);
}

static size_t encode_job_credit(
	const struct message_job_credit *c, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_credit, PLATEN__ENVELOPE__BODY_JOB_CREDIT, Platen__JobCredit,
		PLATEN__JOB_CREDIT__INIT);

	body.ref = c->ref;
	body.bytes = c->bytes;
	return pack(e, buf);
}

static size_t encode_job_seal(const struct message_job_seal *s, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_seal, PLATEN__ENVELOPE__BODY_JOB_SEAL, Platen__JobSeal, PLATEN__JOB_SEAL__INIT);

	body.ref = s->ref;
	body.size = s->size;
	body.digest = bytes_of(s->digest, DIGEST_SIZE);
	return pack(e, buf);
}

static size_t encode_job_end(const struct message *m, Platen__Envelope *e, uint8_t *buf)
{
	if (m->head.type == MESSAGE_JOB_CANCEL) {
		BODY(e, job_cancel, PLATEN__ENVELOPE__BODY_JOB_CANCEL, Platen__JobCancel,
			PLATEN__JOB_CANCEL__INIT);

		body.ref = m->job_cancel.ref;
		return pack(e, buf);
	}
	BODY(e, job_close, PLATEN__ENVELOPE__BODY_JOB_CLOSE, Platen__JobClose,
		PLATEN__JOB_CLOSE__INIT);

	body.ref = m->job_close.ref;
	return pack(e, buf);
}

static size_t encode_job_release(
	const struct message_job_release *r, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, job_release, PLATEN__ENVELOPE__BODY_JOB_RELEASE, Platen__JobRelease,
		PLATEN__JOB_RELEASE__INIT);

	body.job = bytes_of(r->job.bytes, UUID_SIZE);
	body.file = r->file;
	body.guest_job = r->guest_job;
	return pack(e, buf);
}

static size_t encode_restart_need(
	const struct message_restart_need *n, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, restart_need, PLATEN__ENVELOPE__BODY_RESTART_NEED, Platen__RestartNeed,
		PLATEN__RESTART_NEED__INIT);

	body.need = bytes_of(n->need, NEED_SIZE);
	body.level = n->level;
	body.state = n->state;
	body.reason = TEXT(n->reason);
	return pack(e, buf);
}

static size_t encode_activity(const struct message_activity *a, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, activity, PLATEN__ENVELOPE__BODY_ACTIVITY, Platen__Activity,
		PLATEN__ACTIVITY__INIT);

	body.boot = bytes_of(a->boot.bytes, UUID_SIZE);
	body.state = a->state;
	body.sessions = a->sessions;
	body.applications = a->applications;
	body.inhibitors = a->inhibitors;
	body.installing = a->installing;
	body.text = TEXT(a->text);
	return pack(e, buf);
}

static size_t encode_restart_answer(
	const struct message_restart_answer *a, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, restart_answer, PLATEN__ENVELOPE__BODY_RESTART_ANSWER, Platen__RestartAnswer,
		PLATEN__RESTART_ANSWER__INIT);

	body.ask = a->ask;
	body.choice = a->choice;
	body.after_sec = a->after_sec;
	body.user = TEXT(a->user);
	return pack(e, buf);
}

static size_t encode_activity_get(Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, activity_get, PLATEN__ENVELOPE__BODY_ACTIVITY_GET, Platen__ActivityGet,
		PLATEN__ACTIVITY_GET__INIT);

	return pack(e, buf);
}

static size_t encode_restart_ask(
	const struct message_restart_ask *a, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, restart_ask, PLATEN__ENVELOPE__BODY_RESTART_ASK, Platen__RestartAsk,
		PLATEN__RESTART_ASK__INIT);

	body.ask = a->ask;
	body.limit_sec = a->limit_sec;
	body.reminder = a->reminder;
	body.reason = TEXT(a->reason);
	return pack(e, buf);
}

static size_t encode_restart_ask_end(
	const struct message_restart_ask_end *a, Platen__Envelope *e, uint8_t *buf)
{
	BODY(e, restart_ask_end, PLATEN__ENVELOPE__BODY_RESTART_ASK_END, Platen__RestartAskEnd,
		PLATEN__RESTART_ASK_END__INIT);

	body.ask = a->ask;
	body.text = TEXT(a->text);
	return pack(e, buf);
}

size_t message_encode(const struct message *m, uint8_t *buf)
{
	Platen__Envelope e = PLATEN__ENVELOPE__INIT;
	char why[128];

	if (message_check(m, m->head.size, why) < 0)
		abort();
	switch ((enum message_type)m->head.type) {
	case MESSAGE_HELLO: return encode_hello(&m->hello, &e, buf);
	case MESSAGE_WELCOME: return encode_welcome(&m->welcome, &e, buf);
	case MESSAGE_BYE: return encode_bye(&m->bye, &e, buf);
	case MESSAGE_PING:
	case MESSAGE_PONG: return encode_ping(m, &e, buf);
	case MESSAGE_OFFER_BEGIN: return encode_offer_begin(&m->offer_begin, &e, buf);
	case MESSAGE_PRINTER: return encode_printer(&m->printer, &e, buf);
	case MESSAGE_PRINTER_GONE: return encode_printer_gone(&m->printer_gone, &e, buf);
	case MESSAGE_OFFER_END: return encode_offer_end(&e, buf);
	case MESSAGE_PRINTER_STATE: return encode_printer_state(&m->printer_state, &e, buf);
	case MESSAGE_PRINTER_REPORT: return encode_report(&m->printer_report, &e, buf);
	case MESSAGE_DRIVER_GET: return encode_driver_get(&m->driver_get, &e, buf);
	case MESSAGE_DRIVER_DATA: return encode_driver_data(&m->driver_data, &e, buf);
	case MESSAGE_JOB_OPEN: return encode_job_open(&m->job_open, &e, buf);
	case MESSAGE_JOB_ACCEPT: return encode_job_accept(&m->job_accept, &e, buf);
	case MESSAGE_JOB_DATA: return encode_job_data(&m->job_data, &e, buf);
	case MESSAGE_JOB_CREDIT: return encode_job_credit(&m->job_credit, &e, buf);
	case MESSAGE_JOB_SEAL: return encode_job_seal(&m->job_seal, &e, buf);
	case MESSAGE_JOB_STATE: return encode_job_state(&m->job_state, &e, buf);
	case MESSAGE_JOB_CANCEL:
	case MESSAGE_JOB_CLOSE: return encode_job_end(m, &e, buf);
	case MESSAGE_JOB_RELEASE: return encode_job_release(&m->job_release, &e, buf);
	case MESSAGE_GUEST_STATUS: return encode_status(&m->guest_status, &e, buf);
	case MESSAGE_RESTART_NEED: return encode_restart_need(&m->restart_need, &e, buf);
	case MESSAGE_ACTIVITY: return encode_activity(&m->activity, &e, buf);
	case MESSAGE_RESTART_ANSWER: return encode_restart_answer(&m->restart_answer, &e, buf);
	case MESSAGE_ACTIVITY_GET: return encode_activity_get(&e, buf);
	case MESSAGE_RESTART_ASK: return encode_restart_ask(&m->restart_ask, &e, buf);
	case MESSAGE_RESTART_ASK_END: return encode_restart_ask_end(&m->restart_ask_end, &e, buf);
	case MESSAGE_PACKAGE_GET:
	case MESSAGE_PACKAGE_DATA: return encode_package(m, &e, buf);
	case MESSAGE_TYPE_COUNT: break;
	}
	abort();
}
