/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people do in this workspace: their sessions (sd-login(3)), their applications, and what
 * inhibits a shutdown (logind's ListInhibitors).
 *
 * Applications are, below a user's manager, the units app-*.scope and app-*.service (systemd's
 * "Desktop Environment Integration" after the XDG convention); and any other scope, a service of
 * systemd-run or one that the bus started, and a session's own scope, when a process in it is not
 * the session's own.
 */
#ifndef PLATEN_AGENT_ACTIVITY_H
#define PLATEN_AGENT_ACTIVITY_H

#include <systemd/sd-bus.h>

#include "guest/agent.h"

struct activity;

int activity_new(struct agent *agent, struct activity **ret_activity);
struct activity *activity_free(struct activity *activity);

/* Looks again soon, and tells the host what is new. */
void activity_look(struct activity *activity);

/* Tells the host as soon as it was looked at, new or not: a session began, or it asks. */
void activity_tell(struct activity *activity);

/* Has systemd restart a unit; the answer comes later. 0 or -errno. */
int activity_restart_unit(
	struct activity *activity, const char *unit, sd_bus_message_handler_t done, void *userdata);

#endif
