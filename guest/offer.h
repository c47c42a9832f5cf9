/* SPDX-License-Identifier: Apache-2.0 */
/* What the host says about printers. */
#ifndef PLATEN_AGENT_OFFER_H
#define PLATEN_AGENT_OFFER_H

#include "guest/agent.h"

/* A digest of all that is held of the host's offer (proto/offer-digest.h), for Hello. */
void offer_held(const struct agent *agent, uint8_t ret_digest[static SHA256_SIZE]);

/* Reads the offer that an agent before this one has kept. 0 or -ENOMEM. */
int offer_recall(struct agent *agent);
/* Keeps what is held for the next agent, if it is whole and the file has another. */
void offer_keep(struct agent *agent);

void offer_begin(struct agent *agent, const struct message_offer_begin *begin);
void offer_printer(struct agent *agent, const struct message_printer *printer);
void offer_gone(struct agent *agent, uint32_t index);
void offer_end(struct agent *agent);
void offer_state(struct agent *agent, const struct message_printer_state *state);

#endif
