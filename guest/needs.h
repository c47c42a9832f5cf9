/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this workspace needs a restart for.
 *
 * Kept in the state folder with the boot it was born in: another boot has met it. One that comes
 * again soon after was not met, which is an error and nothing to restart for.
 */
#ifndef PLATEN_AGENT_NEEDS_H
#define PLATEN_AGENT_NEEDS_H

#include "guest/agent.h"
#include "proto/message.h"

struct needs;

/* Takes up what the state folder has, and watches STATE/needs.d. */
int needs_new(struct agent *agent, struct needs **ret_needs);
struct needs *needs_free(struct needs *needs);

/* A driver that was just installed needs a restart of that level. `id` names it, for it to be
 * counted once: its name and version, any bytes. One that comes again with another reason is a new
 * one. Kept on disk before it is told. 0 or -errno. */
int needs_add(struct agent *agent, const char *id, enum restart_level level, const char *reason);

/* It is not needed any more, and no restart was made for it. */
void needs_withdraw(struct agent *agent, const char *id);

/* A session began: the host is told all of them. */
void needs_tell(struct needs *needs);

/* Whether one waits: then what runs here is looked at more often. */
bool needs_open(const struct needs *needs);

/* Whether one of level spooler waits; and its end: all of them were met by the spooler's restart,
 * or, as it could not be restarted, none was. */
bool needs_spooler(const struct needs *needs);
void needs_spooler_over(struct needs *needs, bool met);

/* The boot id of this kernel; read once. */
const struct uuid *needs_boot(void);

#endif
