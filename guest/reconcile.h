/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done about one printer: a pure function of what is known of it, asked again after
 * each deed and each change, so that it can be tried on tables.
 *
 * Only queues that are ours (device URI platen:…) are ever acted on. A person's queue that has an
 * offered printer's name, or prints to its device, keeps its place, and the printer is reported
 * instead. Nothing is removed before the offer is whole.
 */
#ifndef PLATEN_RECONCILE_H
#define PLATEN_RECONCILE_H

#include "guest/printers.h"

enum presence {
	PRESENCE_UNKNOWN = 0, /* the agent has just started, or the session was just lost */
	PRESENCE_HERE,
	PRESENCE_AWAY,
};

struct circumstances {
	enum presence presence;
	bool whole;		     /* the offer: OFFER_END was seen in this session */
	bool has_driver;	     /* the offered one is held here */
	const struct printer *taken; /* a person's queue for the same device, or NULL */
};

enum deed {
	DEED_NONE = 0, /* all is as it should be, or waits for something */
	DEED_PUT,      /* the queue is made, or made anew */
	DEED_REMOVE,   /* the queue goes, if it has no jobs */
	DEED_SHOW,     /* the queue is to show another state */
};

struct decision {
	enum deed deed;
	bool fetch;	 /* the driver is to be asked for */
	uint32_t report; /* enum report_code that holds now; 0: none yet */
};

struct decision reconcile(const struct printer *printer, const struct circumstances *c);

/* Whether `wanted`, the host's default printer, is to become the spooler's default, which is
 * `current` now. `last` is the name that we made the default last, or "". A default that a person
 * chose is left alone. Each printer may be NULL. */
bool reconcile_default(
	const struct printer *wanted, const struct printer *current, const char *last);

/* What a queue is made of, as text: SHA-256 over all that PUT sets, its first 16 bytes in hex. */
void reconcile_fingerprint(
	const struct message_printer *offer, char ret_text[static FINGERPRINT_SIZE]);

/* The state that a queue of ours is to show; false: what it shows stays. */
bool reconcile_state(const struct printer *printer, const struct circumstances *c,
	struct queues_state *ret_state);

/* The state of a queue that was just made: idle, with nothing to say. */
void reconcile_state_plain(
	const struct printer *printer, uint32_t accepting, struct queues_state *ret_state);

/* A digest of such a state, never 0, for printer->shown. */
uint64_t reconcile_state_digest(const struct queues_state *state);

#endif
