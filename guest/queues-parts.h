/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What queues.c (what is due, and when), queues-ask.c (what platen-queues is asked for) and
 * queues-answer.c (what it says) are to each other. queues.h is for all others.
 */
#ifndef PLATEN_AGENT_QUEUES_PARTS_H
#define PLATEN_AGENT_QUEUES_PARTS_H

#include "guest/queues.h"
#include "guest/requests.h"

enum asked {
	ASKED_NOTHING = 0,
	ASKED_LIST,
	ASKED_PUT,
	ASKED_REMOVE,
	ASKED_SHOW,
	ASKED_DEFAULT,
	ASKED_JOB,
	ASKED_HELD,
	ASKED_PRINTING,
	ASKED_ENDED,
	ASKED_AGAIN,
};

struct queues {
	struct agent *agent;
	struct requests *requests;
	sd_event_source *retry, *turn;
	bool up;     /* this spooler answers */
	bool down;   /* we were told that it does not */
	bool look;   /* it is to be listed */
	bool glance; /* the same, after the queues that are known to be ours */
	bool check_default;
	bool ask_printing;     /* whether any queue prints is to be asked for */
	bool printing;	       /* one that is not ours does */
	enum asked asked;      /* the request under way */
	struct printer *about; /* whom it is about, pinned; NULL with LIST */
	uint32_t number;       /* with JOB */
	uint32_t spoolers;     /* found so far */
	uint64_t showing;    /* digest of the state that is being set, or of what a new queue has */
	uint64_t look_after; /* usec: a listing failed, not before then */
	uint64_t taken_look; /* usec: queues made by hand are looked at again; 0: none */
	uint64_t pruned;     /* usec: unused drivers were last looked for */
	uint32_t listings;   /* that failed, in a row */
	uint32_t count;	     /* queues of ours */
	char spooler[VERSION_SIZE]; /* "CUPS/2.4" */
	char trouble[MESSAGE_SIZE]; /* why it does not answer */
};

/* queues.c: nothing is tried with this printer for a while; a queue that is to go still has jobs;
 * the list could not be had. */
void queues_put_off(struct queues *queues, struct printer *p);
void queues_put_off_removal(struct queues *queues, struct printer *p);
void queues_put_off_listing(struct queues *queues);

/* Tells the host how the printer stands here. */
void queues_report(
	struct queues *queues, struct printer *p, enum report_code code, const char *text);

/* Asks for what is next, if the worker is free. */
void queues_next(struct queues *queues);

/* queues-ask.c: each sends at most one request, and says whether it did; queues_on_done() hears
 * what came of it. About what does not wait for printers: jobs in doubt, held and lost ones, what
 * prints. */
bool queues_ask_first(struct queues *queues);
void queues_ask_list(struct queues *queues);
bool queues_ask_default(struct queues *queues);
bool queues_ask_ended(struct queues *queues);
/* What is to be done about a printer that is due. */
void queues_ask_about(struct queues *queues, struct printer *p);

/* queues-answer.c: see struct requests_setup. */
void queues_on_queue(const struct queues_queue *queue, void *userdata);
void queues_on_ended(const struct queues_ended *job, void *userdata);
void queues_on_done(const struct queues_done *done, void *userdata);

#endif
