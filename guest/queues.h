/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing this spooler's queues in line with what is known of printers, by platen-queues. */
#ifndef PLATEN_AGENT_QUEUES_H
#define PLATEN_AGENT_QUEUES_H

#include "guest/agent.h"

int queues_new(struct agent *agent, struct queues **ret_queues);
struct queues *queues_free(struct queues *queues);

/* Something about a printer has changed; or about several, which were made due before. */
void queues_due(struct queues *queues, struct printer *printer);
void queues_kick(struct queues *queues);

/* This spooler's queues are to be listed again: a person may have changed them. A glance is for the
 * sake of queues that are not here yet: one that is does not wait for it. */
void queues_look_again(struct queues *queues);
void queues_glance(struct queues *queues);

/* respool_printing() is to be told whether a queue that is not Platen's prints: when the spooler
 * says so, which may be late, or never if it does not answer. */
void queues_ask_printing(struct queues *queues);

/* A driver is held now, or (why) will not be for a while. */
void queues_driver_came(
	struct queues *queues, const uint8_t sha256[static SHA256_SIZE], const char *why);

/* A job of this queue has ended: its state is shown again, for cupsd wipes some of it away, and if
 * the queue is to go, it may go now. */
void queues_job_ended(struct queues *queues, const char *printer);

/* The state of each queue is shown again: a job may have ended of which nobody knew but cupsd. */
void queues_show_anew(struct queues *queues);

/* How often this spooler was found: another number may mean another spooler. */
uint32_t queues_spoolers(const struct queues *queues);

void queues_status(const struct queues *queues, struct message_guest_status *ret_status);

#endif
