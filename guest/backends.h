/* SPDX-License-Identifier: Apache-2.0 */
/* The spooler's backends at our socket. */
#ifndef PLATEN_AGENT_BACKENDS_H
#define PLATEN_AGENT_BACKENDS_H

#include "guest/agent.h"
#include "guest/backend/backend.h"

struct backend;

/* Listens at RUN_DIR/backend. 0 or -errno. */
int backends_new(struct agent *agent, struct backends **ret_backends);

/* Hangs up on all of them: they wait for the next agent. Their jobs are gone before. */
struct backends *backends_free(struct backends *backends);

/* What a job has to say to its backend. */
void backend_status(struct backend *backend, const struct backend_status *status);

/* Ends a backend; it is gone then, and its job not its own any more. */
void backend_end(struct backend *backend, enum backend_exit code, const char *text);

#endif
