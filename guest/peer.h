/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with the host: its beginning, its messages, its end. */
#ifndef PLATEN_AGENT_PEER_H
#define PLATEN_AGENT_PEER_H

#include "guest/agent.h"

int peer_init(struct agent *agent);
void peer_deinit(struct agent *agent);

/* From the link. A session that is over may be told to be over again. */
void peer_synced(struct agent *agent);
void peer_message(struct agent *agent, const struct message *m);
void peer_over(struct agent *agent, const char *why);

/* Sends a message in an open session. 0; -ENOTCONN; -ENOBUFS. */
int peer_send(struct agent *agent, const struct message *m);

/* Tells the host, once, how a printer stands here. 0, also when there is nothing to tell; -errno:
 * to be tried again. */
int peer_report(
	struct agent *agent, struct printer *printer, enum report_code code, const char *text);

/* The host's doctor wants to know of a change, sooner or later. */
void peer_status_changed(struct agent *agent);

/* A drivers_ask_fn. */
int peer_ask_package(struct agent *agent, const uint8_t sha256[static SHA256_SIZE]);
int peer_ask_driver(const uint8_t sha256[static SHA256_SIZE], void *userdata);

#endif
