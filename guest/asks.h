/* SPDX-License-Identifier: Apache-2.0 */
/* The host's question in people's sessions, by platen-ask, and their answers. */
#ifndef PLATEN_AGENT_ASKS_H
#define PLATEN_AGENT_ASKS_H

#include "guest/agent.h"
#include "proto/message.h"

struct asks;

/* Listens at RUN/ask for answers by command. 0 or -errno. */
int asks_new(struct agent *agent, struct asks **ret_asks);
struct asks *asks_free(struct asks *asks);

/* From the host. A question takes the place of the one before it. */
void asks_put(struct asks *asks, const struct message_restart_ask *ask);
void asks_end(struct asks *asks, const struct message_restart_ask_end *end);

/* The session with the host is over: nobody waits for an answer. */
void asks_session_over(struct asks *asks);

#endif
