/* SPDX-License-Identifier: Apache-2.0 */
/* Settings read anew while platend runs: SIGHUP, `systemctl reload platend`. */
#ifndef PLATEN_RELOAD_H
#define PLATEN_RELOAD_H

#include "host/host.h"

/*
 * Reads the settings again and has them in force, each workspace staying connected. Settings that
 * are wrong change nothing. Either is logged in one line, and host->unread has it for doctor while
 * what is in force is not what the files say: a fault in them, or settings that want a restart.
 */
void reload_settings(struct host *host);

/* Notes in ret_names, by commas, the settings of `fresh` that a running platend cannot take over,
 * and puts what is in force in their place. Returns how many. */
int reload_keep(const struct config *now, struct config *fresh, char *ret_names, size_t size);

#endif
