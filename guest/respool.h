/* SPDX-License-Identifier: Apache-2.0 */
/* The restart of this guest's spooler, when a driver needs it and nothing is printed. */
#ifndef PLATEN_AGENT_RESPOOL_H
#define PLATEN_AGENT_RESPOOL_H

#include "guest/agent.h"

struct respool;

int respool_new(struct agent *agent, struct respool **ret_respool);
struct respool *respool_free(struct respool *respool);

/* A need may have come: looked at soon, and again until it is met. NULL is accepted. */
void respool_look(struct respool *respool);

/* The answer to queues_ask_printing(): whether a queue that is not Platen's prints. */
void respool_printing(struct respool *respool, bool printing);

#endif
