/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one workspace is offered, and telling it.
 *
 * The offer is a table of entries with dirty flags; the pump walks it as long as the channel takes
 * messages and goes on when there is room. However fast printers change, a workspace is owed at
 * most one message per printer and kind, always with the newest content, so nothing here can
 * queue without bound.
 */
#include "host/workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/device.h"
#include "proto/offer-digest.h"

const char *report_name(uint32_t code)
{
	static const char *const names[REPORT_CODE_COUNT] = {
		[REPORT_READY] = "ready",
		[REPORT_NAME_TAKEN] = "name-taken",
		[REPORT_DEVICE_TAKEN] = "device-taken",
		[REPORT_DRIVER_REFUSED] = "driver-refused",
		[REPORT_SPOOLER_DOWN] = "spooler-down",
		[REPORT_REMOVING] = "removing",
		[REPORT_GONE] = "-",
		[REPORT_FAILED] = "failed",
	};

	return code < REPORT_CODE_COUNT && names[code] ? names[code] : "pending";
}

static struct offer_entry *entry_of(struct workspace *ws, const struct printer *printer)
{
	for (uint32_t i = 0; i < ws->offer_count; i++)
		if (ws->offers[i].printer == printer)
			return &ws->offers[i];
	return NULL;
}

struct offer_entry *offer_find(struct workspace *ws, const char *printer)
{
	for (uint32_t i = ws->offer_count; i > 0; i--)
		if (strcmp(ws->offers[i - 1].name, printer) == 0)
			return &ws->offers[i - 1];
	return NULL;
}

bool offer_is_whole(const struct printer *printer)
{
	return printer->driver.whole_size &&
	       renderings_of(printer->host->renderings, printer->is.name, NULL) == RENDERING_GUEST;
}

const struct rendering_package *offer_package(
	struct workspace *ws, const uint8_t sha256[static SHA256_SIZE])
{
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		struct printer *printer = ws->offers[i].printer;
		const struct rendering_package *package;

		if (!printer || !offer_is_whole(printer))
			continue;
		package = renderings_package(ws->host->renderings, printer->is.name);
		if (package && memcmp(package->sha256, sha256, SHA256_SIZE) == 0)
			return package;
	}
	return NULL;
}

struct printer *offer_driver(struct workspace *ws, const uint8_t sha256[static SHA256_SIZE])
{
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		struct printer *printer = ws->offers[i].printer;

		if (!printer)
			continue;
		if (memcmp(printer->driver.sha256, sha256, SHA256_SIZE) == 0 ||
			(offer_is_whole(printer) &&
				memcmp(printer->driver.whole_sha256, sha256, SHA256_SIZE) == 0))
			return printer;
	}
	return NULL;
}

static void entry_add(struct workspace *ws, struct printer *printer)
{
	struct offer_entry *entry;
	char *name;

	if (ws->offer_count == ws->offer_size) {
		uint32_t size = ws->offer_size ? ws->offer_size * 2 : 8;
		struct offer_entry *grown = reallocarray(ws->offers, size, sizeof(*grown));

		if (!grown)
			return; /* the next change tries again */
		ws->offers = grown;
		ws->offer_size = size;
	}
	name = strdup(printer->is.name);
	if (!name)
		return;
	entry = &ws->offers[ws->offer_count++];
	*entry = (struct offer_entry){
		.printer = printer, .tell = true, .tell_state = true, .name = name};
}

/* One less to be heard of. */
static void entry_heard(struct workspace *ws, struct offer_entry *entry)
{
	if (!entry->told || entry->heard)
		return;
	entry->heard = true;
	ws->offer_unheard--;
}

static void entry_withdraw(struct workspace *ws, struct offer_entry *entry)
{
	entry_heard(ws, entry);
	entry->printer = NULL;
	entry->tell = entry->tell_state = false;
	entry->tell_gone = entry->told;
}

/* Notes with each printer where it stands in this table: looked for one by one, a thousand printers
 * would cost a million looks. */
static void note_places(struct workspace *ws)
{
	struct printer *printer;

	TAILQ_FOREACH(printer, &ws->host->printers, link)
	printer->place = UINT32_MAX;
	for (uint32_t i = 0; i < ws->offer_count; i++)
		if (ws->offers[i].printer)
			ws->offers[i].printer->place = i;
}

/* Makes the table what printers and mode say. Indices stay; what is gone stays as a mark. */
void offer_update(struct workspace *ws)
{
	enum mode mode = workspace_mode(ws);
	struct printer *printer;
	char why[MESSAGE_SIZE];

	if (!ws->greeted || !ws->host->settled)
		return;
	note_places(ws);
	TAILQ_FOREACH(printer, &ws->host->printers, link)
	{
		bool offered = printer_is_offered(printer, mode, why);

		if (offered && printer->place == UINT32_MAX &&
			ws->offer_count < OFFER_PRINTERS_MAX * 16)
			entry_add(ws, printer);
		else if (!offered && printer->place != UINT32_MAX)
			entry_withdraw(ws, &ws->offers[printer->place]);
	}
	offer_pump(ws);
}

void offer_deinit(struct workspace *ws)
{
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		free(ws->offers[i].report_text);
		free(ws->offers[i].name);
	}
	free(ws->offers);
	ws->offers = NULL;
	ws->offer_count = ws->offer_size = 0;
	ws->offer_begun = ws->offer_ended = false;
	ws->offer_unheard = ws->offer_ready = 0;
}

void offer_restart(struct workspace *ws)
{
	offer_deinit(ws);
	offer_update(ws);
}

void offer_state_changed(struct workspace *ws, const struct printer *printer)
{
	struct offer_entry *entry = entry_of(ws, printer);

	if (!entry)
		return;
	entry->tell_state = true;
	offer_pump(ws);
}

void offer_printer_changed(struct workspace *ws, const struct printer *printer)
{
	struct offer_entry *entry = entry_of(ws, printer);

	if (entry)
		entry->tell = true;
	offer_update(ws);
}

void offer_printer_gone(struct workspace *ws, const struct printer *printer)
{
	struct offer_entry *entry = entry_of(ws, printer);

	if (!entry)
		return;
	entry_withdraw(ws, entry);
	offer_pump(ws);
}

/* A message about a printer can only be made of what the spooler told: if that does not pass the
 * channel's own rules, the printer is left out and said so, and nothing else suffers. */
static bool is_sendable(struct workspace *ws, struct offer_entry *entry, const struct message *m)
{
	struct log_about about = {.workspace = ws->name, .printer = entry->name};
	char why[128];

	if (message_check(m, m->head.size, why) == 0)
		return true;
	log_line(LOG_WARNING, &about, "left out, its attributes are not sound: %s", why);
	return false;
}

/* What a workspace needs that is to render by itself. */
static void fill_rendering(const struct printer *printer, struct message_printer *p)
{
	const struct fetch_result *driver = &printer->driver;
	const struct rendering_package *package;

	if (!offer_is_whole(printer))
		return;
	p->rendering = RENDERING_GUEST;
	p->whole_size = driver->whole_size;
	memcpy(p->whole, driver->whole_sha256, SHA256_SIZE);
	(void)text_copy(p->filters, sizeof(p->filters), driver->filters);
	package = renderings_package(printer->host->renderings, printer->is.name);
	if (!package)
		return;
	p->package_size = package->size;
	p->restart = package->restart;
	memcpy(p->package, package->sha256, SHA256_SIZE);
	memcpy(p->package_name, package->name, sizeof(p->package_name));
}

static void fill_printer(const struct offer_entry *entry, uint32_t index, struct message *m)
{
	const struct spool_printer *is = &entry->printer->is;
	const struct fetch_result *driver = &entry->printer->driver;
	struct message_printer *p = &m->printer;

	message_init(m, MESSAGE_PRINTER);
	p->index = index;
	p->kind = is->kind;
	p->is_default = is->is_default;
	p->accepting = is->accepting;
	p->driver_size = driver->size;
	memcpy(p->driver, driver->sha256, SHA256_SIZE);
	device_digest(is->device_uri, p->device);
	text_copy_line(p->name, sizeof(p->name), is->name);
	text_copy_line(p->info, sizeof(p->info), is->info);
	text_copy_line(p->location, sizeof(p->location), is->location);
	text_copy_line(p->make_model, sizeof(p->make_model), is->make_model);
	p->defaults_size = is->defaults_size;
	memcpy(p->defaults, is->defaults, is->defaults_size);
	fill_rendering(entry->printer, p);
}

static int send_printer(struct workspace *ws, struct offer_entry *entry, uint32_t index)
{
	struct message m;

	fill_printer(entry, index, &m);
	if (!is_sendable(ws, entry, &m))
		return 0;
	ws->offer_unheard += !entry->told;
	entry->told = true;
	return workspace_send(ws, &m, -1);
}

/* Copies a list of keywords; anything else in it makes it empty. */
static void copy_reasons(char *to, size_t size, const char *from)
{
	text_copy_line(to, size, from);
	if (strcmp(to, "none") == 0)
		memset(to, 0, size);
}

static void fill_state(const struct offer_entry *entry, uint32_t index, struct message *m)
{
	const struct spool_printer *is = &entry->printer->is;
	struct message_printer_state *s = &m->printer_state;

	message_init(m, MESSAGE_PRINTER_STATE);
	s->index = index;
	s->state = is->state;
	s->accepting = is->accepting;
	copy_reasons(s->reasons, sizeof(s->reasons), is->reasons);
	text_copy_line(s->text, sizeof(s->text), is->text);
	text_copy_line(s->marker_names, sizeof(s->marker_names), is->marker_names);
	text_copy_line(s->marker_types, sizeof(s->marker_types), is->marker_types);
	text_copy_line(s->marker_colors, sizeof(s->marker_colors), is->marker_colors);
	text_copy_line(s->marker_levels, sizeof(s->marker_levels), is->marker_levels);
	text_copy_line(s->marker_low_levels, sizeof(s->marker_low_levels), is->marker_low_levels);
	text_copy_line(
		s->marker_high_levels, sizeof(s->marker_high_levels), is->marker_high_levels);
}

static int send_state(struct workspace *ws, struct offer_entry *entry, uint32_t index)
{
	struct message m;

	if (!entry->told)
		return 0;
	fill_state(entry, index, &m);
	return is_sendable(ws, entry, &m) ? workspace_send(ws, &m, -1) : 0;
}

static int send_gone(struct workspace *ws, uint32_t index)
{
	struct message m;

	message_init(&m, MESSAGE_PRINTER_GONE);
	m.printer_gone.index = index;
	return workspace_send(ws, &m, -1);
}

/* Whether the guest holds all that there is to tell. */
static bool is_held(const struct workspace *ws, uint8_t ret_digest[static SHA256_SIZE])
{
	struct message printer, state;
	struct offer_digest digest;
	char why[128];

	offer_digest_begin(&digest);
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		if (!ws->offers[i].printer)
			continue;
		fill_printer(&ws->offers[i], i, &printer);
		fill_state(&ws->offers[i], i, &state);
		if (message_check(&printer, printer.head.size, why) < 0 ||
			message_check(&state, state.head.size, why) < 0)
			return false; /* left out, and said so, when it is to be sent */
		offer_digest_add(&digest, &printer.printer, &state.printer_state);
	}
	offer_digest_end(&digest, ret_digest);
	return digest.count && memcmp(ret_digest, ws->offer_held, SHA256_SIZE) == 0;
}

/* Takes a whole offer for told: the guest holds it from an earlier session. */
static void note_held(struct workspace *ws)
{
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		struct offer_entry *entry = &ws->offers[i];

		entry->told = entry->printer != NULL;
		ws->offer_unheard += entry->told;
		entry->tell = entry->tell_state = entry->tell_gone = false;
	}
}

static int send_begin(struct workspace *ws)
{
	static const uint8_t none[SHA256_SIZE];
	struct message m;
	int r;

	message_init(&m, MESSAGE_OFFER_BEGIN);
	m.offer_begin.unchanged =
		memcmp(ws->offer_held, none, SHA256_SIZE) != 0 && is_held(ws, m.offer_begin.offer);
	for (uint32_t i = 0; i < ws->offer_count; i++)
		m.offer_begin.count += ws->offers[i].printer != NULL;
	if (m.offer_begin.count > OFFER_PRINTERS_MAX)
		m.offer_begin.count = OFFER_PRINTERS_MAX;
	r = workspace_send(ws, &m, -1);
	if (r == 0 && m.offer_begin.unchanged)
		note_held(ws);
	return r;
}

static int send_end(struct workspace *ws)
{
	struct message m;

	message_init(&m, MESSAGE_OFFER_END);
	return workspace_send(ws, &m, -1);
}

/* Tells what is dirty in one entry. 0, or -EAGAIN with the flag still up. */
static int tell_entry(struct workspace *ws, struct offer_entry *entry, uint32_t index)
{
	int r = 0;

	if (entry->tell_gone) {
		r = send_gone(ws, index);
		entry->tell_gone = r < 0;
	}
	if (r == 0 && entry->tell) {
		r = send_printer(ws, entry, index);
		entry->tell = r < 0;
	}
	return r;
}

void offer_pump(struct workspace *ws)
{
	int r = 0;

	if (!ws->greeted || !ws->channel || !ws->host->settled)
		return;
	if (!ws->offer_begun) {
		r = send_begin(ws);
		if (r < 0)
			return;
		ws->offer_begun = true;
	}
	/* The default printer first: it is the one that people wait for. */
	for (uint32_t i = 0; i < ws->offer_count && r == 0; i++)
		if (ws->offers[i].tell && ws->offers[i].printer->is.is_default)
			r = tell_entry(ws, &ws->offers[i], i);
	for (uint32_t i = 0; i < ws->offer_count && r == 0; i++)
		r = tell_entry(ws, &ws->offers[i], i);
	if (r == 0 && !ws->offer_ended) {
		r = send_end(ws);
		ws->offer_ended = r == 0;
	}
	for (uint32_t i = 0; i < ws->offer_count && r == 0; i++) {
		if (!ws->offers[i].tell_state)
			continue;
		r = send_state(ws, &ws->offers[i], i);
		ws->offers[i].tell_state = r < 0;
	}
}

/* Whether a report is news, for a log. */
static bool is_news(const struct offer_entry *entry, const struct message_printer_report *report)
{
	const char *text = entry->report_text ? entry->report_text : "";

	return report->code != REPORT_GONE &&
	       (entry->report != report->code || entry->rendering != report->rendering ||
		       (report->text[0] && strcmp(report->text, text) != 0));
}

static void tell_report(struct workspace *ws, const struct offer_entry *entry,
	const struct message_printer_report *report)
{
	struct log_about about = {.workspace = ws->name, .printer = entry->name};

	if (quota_line(ws))
		log_line(report->code == REPORT_READY && !report->text[0] ? LOG_INFO : LOG_WARNING,
			&about, "%s in the workspace%s%s",
			report->code == REPORT_READY ? "ready" : report_name(report->code),
			report->text[0] ? ": " : "", report->text);
}

/* The last of those that were told is heard of: one line for all that are ready, for a host that
 * starts would write one for each printer of each workspace otherwise. */
static void tell_ready(struct workspace *ws, const struct offer_entry *last)
{
	struct log_about about = {.workspace = ws->name};

	if (ws->offer_unheard || !ws->offer_ready)
		return;
	if (ws->offer_ready == 1)
		about.printer = last->report == REPORT_READY ? last->name : NULL;
	if (quota_line(ws))
		log_line(LOG_INFO, &about, "%u printer%s ready in the workspace", ws->offer_ready,
			ws->offer_ready == 1 ? "" : "s");
	ws->offer_ready = 0;
}

void offer_report(struct workspace *ws, const struct message_printer_report *report)
{
	struct offer_entry *entry;
	bool is_first;

	if (report->index >= ws->offer_count)
		return;
	entry = &ws->offers[report->index];
	is_first = entry->printer && entry->told && !entry->heard;
	entry_heard(ws, entry);
	if (is_first && report->code == REPORT_READY && !report->text[0])
		ws->offer_ready++;
	else if (is_news(entry, report))
		tell_report(ws, entry, report);
	entry->report = report->code;
	entry->rendering = report->rendering;
	free(entry->report_text);
	entry->report_text = report->text[0] ? strdup(report->text) : NULL;
	tell_ready(ws, entry);
	restarts_look(ws->restarts);
}
