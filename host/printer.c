/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printers, and who is offered which.
 *
 * A printer is offered when its kind fits the workspace's mode and its driver is there. A driver
 * that was known before a restart, or before its source went away, stays good until a source says
 * otherwise: a print server that is down for an hour must not empty anybody's list.
 */
#include "host/printer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fetcher.h"
#include "host/manuals.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

const char *printer_kind_name(uint32_t kind)
{
	static const char *const names[PRINTER_KIND_COUNT] = {
		[PRINTER_NETWORK] = "network",
		[PRINTER_SHARED] = "shared",
		[PRINTER_LOCAL] = "local",
		[PRINTER_POOL] = "pool",
	};

	return kind < PRINTER_KIND_COUNT && names[kind] ? names[kind] : "unknown";
}

const char *printer_state_name(uint32_t state)
{
	return state == 3 ? "idle" : state == 4 ? "processing" : "stopped";
}

const char *printer_driver_name(const struct printer *printer)
{
	static const char *const sources[] = {"", "server", "device", "host", "generic", "manual"};

	switch (printer->status) {
	case DRIVER_READY:
		return printer->driver.provenance < sizeof(sources) / sizeof(sources[0])
			       ? sources[printer->driver.provenance]
			       : "unknown";
	case DRIVER_PENDING: return "pending";
	case DRIVER_MISSING: return "missing";
	case DRIVER_REFUSED: return "refused";
	case DRIVER_FAILED: return "failed";
	}
	return "unknown";
}

/* Fixed texts of a worker of ours: terminated, or the message is not used at all. */
static bool is_sound(const struct spool_printer *p)
{
#define ENDS(member) text_terminated(p->member, sizeof(p->member))
	return ENDS(name) && text_is_queue(p->name) && ENDS(info) && ENDS(location) &&
	       ENDS(make_model) && ENDS(device_id) && ENDS(device_uri) && ENDS(members) &&
	       ENDS(reasons) && ENDS(text) && ENDS(marker_names) && ENDS(marker_types) &&
	       ENDS(marker_colors) && ENDS(marker_levels) && ENDS(marker_low_levels) &&
	       ENDS(marker_high_levels) && p->kind >= PRINTER_NETWORK &&
	       p->kind < PRINTER_KIND_COUNT && p->state >= 3 && p->state <= 5 &&
	       p->defaults_size <= sizeof(p->defaults) && p->is_default <= 1 && p->accepting <= 1;
#undef ENDS
}

struct printer *printer_find(struct host *host, const char *name)
{
	struct printer *printer;

	TAILQ_FOREACH(printer, &host->printers, link)
	if (strcmp(printer->is.name, name) == 0)
		return printer;
	return NULL;
}

/* What a guest's queue is made of; the rest is state. */
static bool same_offer(const struct spool_printer *a, const struct spool_printer *b)
{
	return a->kind == b->kind && a->is_default == b->is_default &&
	       a->accepting == b->accepting && strcmp(a->info, b->info) == 0 &&
	       strcmp(a->location, b->location) == 0 && strcmp(a->make_model, b->make_model) == 0 &&
	       strcmp(a->device_uri, b->device_uri) == 0 && a->defaults_size == b->defaults_size &&
	       memcmp(a->defaults, b->defaults, a->defaults_size) == 0;
}

/* Whether the settings still let a driver of this provenance be used. */
static bool is_wanted(const struct host *host, const char *name, uint32_t provenance)
{
	const struct config_drivers *drivers = config_drivers_of(&host->config, name);

	return memchr(drivers->sources, (int)provenance, sizeof(drivers->sources)) != NULL;
}

static struct printer *printer_new(struct host *host, const struct spool_printer *is)
{
	struct printer *printer = calloc(1, sizeof(*printer));

	if (!printer)
		return NULL;
	printer->host = host;
	if (ledger_driver_get(host->ledger, is->name, is->device_uri, &printer->driver) == 0 &&
		is_wanted(host, is->name, printer->driver.provenance))
		printer->status = DRIVER_READY;
	TAILQ_INSERT_TAIL(&host->printers, printer, link);
	return printer;
}

int printer_update(struct host *host, const struct spool_printer *is)
{
	struct printer *printer;
	bool offer, state, source;

	if (!is_sound(is))
		return -EBADMSG;
	printer = printer_find(host, is->name);
	if (printer) {
		offer = !same_offer(&printer->is, is);
		state = printer->is.state != is->state || printer->is.accepting != is->accepting ||
			memcmp(printer->is.reasons, is->reasons,
				sizeof(*is) - offsetof(struct spool_printer, reasons)) != 0;
		source = printer->is.config_time != is->config_time ||
			 strcmp(printer->is.device_uri, is->device_uri) != 0 ||
			 strcmp(printer->is.make_model, is->make_model) != 0 ||
			 strcmp(printer->is.device_id, is->device_id) != 0;
	} else {
		printer = printer_new(host, is);
		if (!printer)
			return -ENOMEM;
		offer = state = source = true;
	}
	printer->is = *is;
	printer->heard = true;
	if (source)
		fetcher_want(host->fetcher, printer);
	if (offer || state)
		host_printer_changed(host, printer, offer, state);
	return 0;
}

static void printer_free(struct printer *printer)
{
	fetcher_forget(printer->host->fetcher, printer);
	TAILQ_REMOVE(&printer->host->printers, printer, link);
	free(printer);
}

void printer_remove(struct host *host, const char *name)
{
	struct printer *printer = printer_find(host, name);

	if (!printer)
		return;
	host_printer_gone(host, printer);
	printer_free(printer);
}

bool printer_is_gone(struct host *host, const char *name)
{
	const struct printer *printer = printer_find(host, name);

	return text_is_queue(name) && !(printer && printer->heard);
}

void printer_all_unheard(struct host *host)
{
	struct printer *printer;

	TAILQ_FOREACH(printer, &host->printers, link)
	printer->heard = false;
}

void printer_remove_unheard(struct host *host, void (*gone)(struct host *host, const char *printer))
{
	struct printer *printer, *next;

	TAILQ_FOREACH_SAFE(printer, &host->printers, link, next)
	{
		char name[NAME_SIZE];

		if (printer->heard)
			continue;
		memcpy(name, printer->is.name, sizeof(name));
		printer_remove(host, name);
		gone(host, name);
	}
}

void printer_free_all(struct host *host)
{
	while (!TAILQ_EMPTY(&host->printers))
		printer_free(TAILQ_FIRST(&host->printers));
}

static const char *first_words(enum driver_status status)
{
	switch (status) {
	case DRIVER_MISSING: return "driver-missing";
	case DRIVER_REFUSED: return "driver refused";
	default: return "driver not fetched yet";
	}
}

void printer_fetched(struct printer *printer, const struct fetch_result *result)
{
	struct host *host = printer->host;
	struct log_about about = {.printer = printer->is.name};
	bool was_ready = printer->status == DRIVER_READY;
	bool changed =
		!was_ready || memcmp(printer->driver.sha256, result->sha256, SHA256_SIZE) != 0;

	printer->looked = result->code;
	if (result->code == FETCH_OK && result->provenance == FETCH_MANUAL && !changed)
		printer->looked = FETCH_UNCHANGED;
	text_copy_line(printer->looked_text, sizeof(printer->looked_text), result->text);

	switch (result->code) {
	case FETCH_OK:
	case FETCH_UNCHANGED:
		printer->driver = *result;
		printer->status = DRIVER_READY;
		printer->failures = 0;
		(void)ledger_driver_put(
			host->ledger, printer->is.name, printer->is.device_uri, result);
		if (changed) {
			log_event(LOG_ID_DRIVER_READY, LOG_INFO, &about, "driver %s from the %s",
				was_ready ? "changed, new one" : "found",
				printer_driver_name(printer));
			host_printer_changed(host, printer, true, false);
		}
		return;
	case FETCH_FAILED:
		printer->failures++;
		if (was_ready) { /* what we have stays good; the reason is logged */
			log_line(LOG_NOTICE, &about,
				"driver not refreshed, the old one is kept: %s", result->text);
			return;
		}
		printer->status = DRIVER_FAILED;
		break;
	case FETCH_REFUSED: printer->status = DRIVER_REFUSED; break;
	default: printer->status = DRIVER_MISSING; break;
	}
	text_copy_line(printer->driver.text, sizeof(printer->driver.text), result->text);
	log_event(LOG_ID_DRIVER_NONE, LOG_WARNING, &about, "%s: %s", first_words(printer->status),
		result->text);
	host_printer_changed(host, printer, true, false);
}

void printer_sources_changed(struct printer *printer)
{
	uint32_t provenance = printer->driver.provenance;

	if (printer->status == DRIVER_READY && provenance != FETCH_MANUAL &&
		!is_wanted(printer->host, printer->is.name, provenance)) {
		printer->status = DRIVER_PENDING;
		host_printer_changed(printer->host, printer, true, false);
	}
	/* One under way was asked by the words of before, and would bring what holds no more. */
	fetcher_forget(printer->host->fetcher, printer);
	fetcher_want(printer->host->fetcher, printer);
}

void printer_driver_again(struct printer *printer)
{
	const struct fetch_result *manual = manuals_of(printer->host->manuals, &printer->is);

	if (!manual && printer->status == DRIVER_READY &&
		printer->driver.provenance == FETCH_MANUAL) {
		printer->status = DRIVER_PENDING;
		host_printer_changed(printer->host, printer, true, false);
	}
	fetcher_want(printer->host->fetcher, printer);
}

bool printer_is_offered(
	const struct printer *printer, enum mode mode, char why[static MESSAGE_SIZE])
{
	if (mode == MODE_OFF) {
		(void)text_printf(why, MESSAGE_SIZE, "redirection is off for this workspace");
		return false;
	}
	if (printer->is.kind == PRINTER_LOCAL && mode != MODE_ALL) {
		(void)text_printf(why, MESSAGE_SIZE,
			"a local printer, and mode is network: `platenctl mode WORKSPACE all` "
			"offers it");
		return false;
	}
	if (printer->status != DRIVER_READY) {
		(void)text_printf(why, MESSAGE_SIZE, "%s: %.400s", first_words(printer->status),
			printer->status == DRIVER_PENDING ? "wait" : printer->driver.text);
		return false;
	}
	why[0] = '\0';
	return true;
}
