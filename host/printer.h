/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of the host's spooler as platend knows it, with its driver. */
#ifndef PLATEN_PRINTER_H
#define PLATEN_PRINTER_H

#include "host/host.h"
#include "host/spool/spool.h"

enum driver_status {
	DRIVER_PENDING = 0, /* not known yet */
	DRIVER_READY,
	DRIVER_MISSING, /* no source has one */
	DRIVER_REFUSED, /* there is one, and it was refused */
	DRIVER_FAILED,	/* no source answered; tried again */
};

struct printer {
	TAILQ_ENTRY(printer) link;
	struct host *host;
	struct spool_printer is; /* as the spooler tells it */
	enum driver_status status;
	struct fetch_result driver; /* valid when READY; else its text */
	/* What came of the last look for one, which may have failed while `driver` stays good. */
	enum fetch_code looked;
	char looked_text[512];
	bool heard;	       /* told since the watch, which may be another one, was started */
	uint32_t place;	       /* where it stands in the table that offer_update() works on */
	bool wanted, fetching; /* a fetch waits for its turn, runs */
	uint64_t retry_usec;   /* CLOCK_MONOTONIC of the next try, 0: none */
	uint32_t failures;     /* in a row */
};

/* Takes over what the spooler tells: makes the printer or changes it. 0 or -errno (a message that
 * is not what it should be: -EBADMSG). */
int printer_update(struct host *host, const struct spool_printer *is);

void printer_remove(struct host *host, const char *name);

/* Whether this is a queue's name, and the spooler has none of it as far as its watch has told. */
bool printer_is_gone(struct host *host, const char *name);

/* The watch that told them has ended, and with it what it knew. The next one tells each printer
 * that is there, after which what it did not tell is removed, and its name given to `gone`. */
void printer_all_unheard(struct host *host);
void printer_remove_unheard(
	struct host *host, void (*gone)(struct host *host, const char *printer));

struct printer *printer_find(struct host *host, const char *name);
void printer_free_all(struct host *host);

/* What platen-fetch found out. */
void printer_fetched(struct printer *printer, const struct fetch_result *result);

/* The settings have other sources for it, or other words for them. */
void printer_sources_changed(struct printer *printer);

/* A driver was added or removed by hand: what it has now holds no more, and is looked for. */
void printer_driver_again(struct printer *printer);

/* Whether a workspace in this mode is offered it; if not, one line why and what to do. */
bool printer_is_offered(
	const struct printer *printer, enum mode mode, char why[static MESSAGE_SIZE]);

const char *printer_kind_name(uint32_t kind);
const char *printer_state_name(uint32_t state);

/* "server", "host", …, or "pending", "missing", "refused", "failed". */
const char *printer_driver_name(const struct printer *printer);

#endif
