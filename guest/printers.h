/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that this guest knows of printers and queues: one table by name, for the name is what a
 * printer of the host's and a queue in this spooler have in common.
 *
 * It outlives a session: while the host is away the queues stay, and say so.
 */
#ifndef PLATEN_AGENT_PRINTERS_H
#define PLATEN_AGENT_PRINTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/queues/queues.h"
#include "proto/base/list.h"
#include "proto/message.h"

/* Names at once: what may be offered, what was, and what people have made. */
#define PRINTERS_MOST (OFFER_PRINTERS_MAX * 3)

enum queue_kind {
	QUEUE_NONE = 0, /* this spooler has no queue of that name */
	QUEUE_OURS,	/* its device URI is platen:… */
	QUEUE_BY_HAND,	/* a person's: never touched */
};

struct printer {
	TAILQ_ENTRY(printer) link;
	TAILQ_ENTRY(printer) due_link;
	char name[NAME_SIZE];
	/* What the host says. */
	bool offered;			      /* and not withdrawn since */
	bool told;			      /* in this session: its index holds */
	bool state_told;		      /* likewise its state */
	struct message_printer *offer;	      /* NULL: never offered */
	struct message_printer_state *state;  /* NULL: never told */
	char fingerprint[FINGERPRINT_SIZE];   /* of the offer, with the driver that is used */
	bool whole;			      /* this guest renders, with the whole driver */
	char rendering_text[MESSAGE_SIZE];    /* why it does not, though the host would like it */
	char whole_trouble[MESSAGE_SIZE / 2]; /* why the spooler does not take the whole one */
	/* What this spooler has. */
	enum queue_kind queue;
	bool is_default;
	bool listed;			 /* in the listing under way */
	char made_of[FINGERPRINT_SIZE];	 /* fingerprint of our queue */
	char asked_of[FINGERPRINT_SIZE]; /* of what it was last asked to become: `fingerprint` may
					    have changed before the answer comes */
	uint8_t device[SHA256_SIZE];	 /* of a person's queue, device_digest() */
	uint64_t shown; /* digest of the state that our queue shows; 0: not known */
	/* What was done about it. */
	bool show_next;	     /* it was passed over once, so that others are not kept waiting */
	bool due;	     /* to be looked at */
	bool busy;	     /* its removal was refused: it has jobs */
	bool refused;	     /* the spooler does not take this driver */
	bool pinned;	     /* a request about it is under way */
	uint32_t failures;   /* in a row */
	uint64_t retry;	     /* usec of CLOCK_MONOTONIC before which nothing is tried; 0: none */
	uint32_t reported;   /* enum report_code, 0: nothing in this session */
	bool reported_whole; /* that it is rendered here */
	char trouble[MESSAGE_SIZE / 2]; /* of the last failure, one line */
};

TAILQ_HEAD(printer_list, printer);

struct printers {
	void *by_name; /* tsearch(3) */
	struct printer_list all, due;
	struct printer **by_index; /* of this session */
	uint32_t index_count, count;
	struct printer **by_hand; /* people's queues */
	uint32_t by_hand_count;
};

void printers_init(struct printers *printers);
void printers_deinit(struct printers *printers);

/* Names are compared as CUPS does, without regard to case. */
struct printer *printers_find(const struct printers *printers, const char *name);

/* Finds or makes one; NULL: there is no memory, or there are too many. */
struct printer *printers_get(struct printers *printers, const char *name);

/* Forgets one of which nothing is left to know. */
void printers_tidy(struct printers *printers, struct printer *printer);

/* The host's word: a printer as offered; its index in this session; 0 or -ENOMEM. */
int printers_offer(
	struct printers *printers, struct printer *printer, const struct message_printer *offer);
/* Which of the offered drivers is used, and why it is not the one that is wanted. True: it changed.
 */
bool printers_set_whole(struct printer *printer, bool whole, const char *text);
const uint8_t *printers_driver(const struct printer *printer);
struct printer *printers_by_index(const struct printers *printers, uint32_t index);

/* The session is over: no index holds any more, and nothing has been reported. */
void printers_session_over(struct printers *printers);

/* A listing of this spooler's queues: begin, each queue, end. */
void printers_list_begin(struct printers *printers);
struct printer *printers_list_queue(struct printers *printers, const struct queues_queue *queue);
void printers_list_end(struct printers *printers);

/* The person's queue that prints to this device, or NULL; all zeros is no device. */
const struct printer *printers_on_device(
	const struct printers *printers, const uint8_t device[static SHA256_SIZE]);

/* Who is to be looked at, the default printer first, then in the order in which it was said. */
void printers_due(struct printers *printers, struct printer *printer);
/* The same, before all others. */
void printers_due_next(struct printers *printers, struct printer *printer);
void printers_all_due(struct printers *printers);
struct printer *printers_next_due(struct printers *printers);

#endif
