/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this guest's own system says about its restart: the mark /run/reboot-required (Debian's
 * update-notifier and its kin), and `needs-restarting -r` where there is RPM (dnf-utils, zypper).
 */
#ifndef PLATEN_AGENT_SYSTEM_H
#define PLATEN_AGENT_SYSTEM_H

#include "guest/agent.h"

struct system;

/* Its word becomes a need (needs.h), and is taken back with it. 0 or -errno. */
int system_new(struct agent *agent, struct system **ret_system);
struct system *system_free(struct system *system);

#endif
