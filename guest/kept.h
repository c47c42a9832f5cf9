/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's offer, over a restart of the agent: STATE/offer.
 *
 * What was read is not known to hold before the host has said so (OfferBegin `unchanged`): until
 * then nothing is made of it but the digest in Hello.
 */
#ifndef PLATEN_AGENT_KEPT_H
#define PLATEN_AGENT_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/config.h"
#include "proto/message.h"

struct kept_printer {
	struct message_printer printer;
	struct message_printer_state state;
};

struct kept {
	char path[AGENT_PATH_SIZE + 16];
	uint8_t digest[SHA256_SIZE]; /* of what is in the file; zeros: there is none */
	struct kept_printer *list;   /* what was read, by rising index; NULL: nothing, or dropped */
	uint32_t count;
	bool changed; /* the agent holds another offer than the file */
	bool whole;   /* what it holds is one offer, and not the beginning of another */
	bool written; /* in this run */
};

/* Reads what is there. 0; 1: it cannot be used (and is gone, if it was damaged), one line about
 * that in ret_why; -ENOMEM. */
int kept_new(const char *state_dir, struct kept **ret_kept, char ret_why[static 256]);
struct kept *kept_free(struct kept *kept);

/* What was read is of no use any more. */
void kept_drop(struct kept *kept);

struct kept_entry {
	const struct message_printer *printer;
	const struct message_printer_state *state;
};

/* Writes an offer in place of the one that is there, unless it is the same. The entries by rising
 * index; `count` of 0: none is kept. 0 or -errno. */
int kept_write(struct kept *kept, const struct kept_entry *entries, uint32_t count,
	const uint8_t digest[static SHA256_SIZE]);

#endif
