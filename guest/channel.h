/* SPDX-License-Identifier: Apache-2.0 */
/* The link to the host, driven by the agent's loop. peer.h has what is said over it. */
#ifndef PLATEN_AGENT_CHANNEL_H
#define PLATEN_AGENT_CHANNEL_H

#include "guest/agent.h"

/* Opens the transport, again and again until it is there. 0 or -errno. */
int channel_new(struct agent *agent, struct channel **ret_channel);

/* Says BYE. Accepts NULL. */
struct channel *channel_free(struct channel *channel);

/* Queues a message; it goes out with the channel's next turn. 0, or -errno of link_send(). */
int channel_send(struct channel *channel, const struct message *m);

/* Has documents sent as far as the channel takes them. */
void channel_kick(struct channel *channel);

/* A session is in use: its keep-alive, and no patience is lost yet with what comes after it. */
void channel_greeted(struct channel *channel, uint32_t keepalive_msec);

/* Asks the host for another session. */
void channel_restart(struct channel *channel);

#endif
