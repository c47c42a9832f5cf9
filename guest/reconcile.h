/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which one action brings the guest's queues nearer to what is offered: a pure function, called
 * again after each action, so that it can be tried on tables.
 *
 * Only queues that are ours (device URI platen:…) are ever acted on. A queue of a person's that
 * has an offered printer's name, or prints to its device, keeps its place, and the printer is
 * reported instead. Nothing is removed before the offer is whole.
 */
#ifndef PLATEN_RECONCILE_H
#define PLATEN_RECONCILE_H

#include "guest/agent.h"

struct known_queue {
	struct queues_queue is;
	bool seen;	 /* in the listing under way */
	bool busy;	 /* its removal was refused: it has jobs */
	bool state_sent; /* `sent` is what its state was set to */
	struct queues_state sent;
};

enum action_kind {
	ACTION_NONE = 0, /* all is as it should be, or waits for a driver or a job */
	ACTION_PUT,
	ACTION_REMOVE,
	ACTION_DEFAULT,
};

struct action {
	enum action_kind kind;
	struct offered *offered;   /* of PUT and DEFAULT */
	struct known_queue *queue; /* of REMOVE */
};

/* What stands in the way of an offered printer: 0, REPORT_NAME_TAKEN or REPORT_DEVICE_TAKEN, with
 * the queue that does. */
enum report_code reconcile_conflict(const struct offered *offered, struct known_queue *queues,
	size_t queue_count, struct known_queue **ret_queue);

/* `has_driver` tells whether the printer's driver is held; one that is not is passed over. */
typedef bool reconcile_driver_fn(const struct offered *offered, void *userdata);
struct action reconcile_next(struct offered *offers, size_t offer_count, bool offer_whole,
	struct known_queue *queues, size_t queue_count, reconcile_driver_fn *has_driver,
	void *userdata);

/* What a queue was made of, as text: SHA-256 over all that PUT sets, its first 16 bytes in hex. */
void reconcile_fingerprint(
	const struct message_printer *printer, char buf[static FINGERPRINT_SIZE]);

/* The state that a queue is to show; `connected`: the session is on. */
void reconcile_state(const struct offered *offered, bool connected, struct queues_state *ret_state);

#endif
