/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of workspaces that wait for a channel to be started on them. */
#ifndef PLATEN_ARRIVALS_H
#define PLATEN_ARRIVALS_H

#include "host/workspace.h"

struct arrivals;

int arrivals_new(struct host *host, struct arrivals **ret_arrivals);

/* When no workspace is left. */
struct arrivals *arrivals_free(struct arrivals *arrivals);

/* A connection came, which is taken: workspace_connect() is called when it has its turn. It takes
 * the place of one that still waits. */
void arrivals_add(struct workspace *workspace, enum transport transport, int fd);

/* Closes the workspace's connection if one waits. */
void arrivals_drop(struct workspace *workspace);

/* After each turn of the loop: whoever is next has the next turn but one. */
void arrivals_look(struct arrivals *arrivals);

#endif
