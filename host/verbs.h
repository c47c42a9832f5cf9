/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verbs.c (the table, and what can be asked), verbs-workspaces.c (what is done to a workspace)
 * and verbs-drivers.c (drivers and packages by hand) are to each other. control.h is for all
 * others.
 *
 * A verb reads a request, which is untrusted, and answers its client: at once, or when libvirt has.
 */
#ifndef PLATEN_VERBS_H
#define PLATEN_VERBS_H

#include "host/control.h"
#include "host/host.h"

typedef void verb_fn(struct control_client *client, const json_t *request);

/* A request's text; NULL: it has none of this name. */
const char *verb_text(const json_t *untrusted_request, const char *key);

/* The workspace that a request names; answers the client if there is none. */
struct workspace *verb_workspace(struct control_client *client, const json_t *request);

/* Whether the client may change anything; answers it if it may not. */
bool verb_must_change(struct control_client *client);

verb_fn verb_mode, verb_attach, verb_detach, verb_restart; /* verbs-workspaces.c */
verb_fn verb_driver_add, verb_driver_remove, verb_driver_list, verb_driver_refresh, verb_rendering,
	verb_package_add, verb_package_list, verb_package_remove; /* verbs-drivers.c */

#endif
