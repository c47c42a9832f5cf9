/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restarts of one workspace: what it needs them for, what was decided, how far one has got.
 *
 * Kept in the ledger as it changes, so it outlives platend and the host.
 */
#ifndef PLATEN_RESTARTS_H
#define PLATEN_RESTARTS_H

#include <jansson.h>

#include "host/restart.h"
#include "host/workspace.h"

struct restarts;

/* Takes up what the ledger has of this workspace. 0 or -errno. */
int restarts_new(struct workspace *workspace, struct restarts **ret_restarts);
struct restarts *restarts_free(struct restarts *restarts);

/* From the guest. */
void restarts_need(struct restarts *restarts, const struct message_restart_need *need);
void restarts_activity(struct restarts *restarts, const struct message_activity *activity);
void restarts_answer(struct restarts *restarts, const struct message_restart_answer *answer);

/* By libvirt's word the guest begins anew: it boots. */
void restarts_rebooted(struct restarts *restarts);

/* The session began or is over; the policy was changed; a printer's report came. */
void restarts_session(struct restarts *restarts);
void restarts_look(struct restarts *restarts);

/* Whether new documents are to wait: the workspace is about to go down. */
bool restarts_holds_jobs(const struct restarts *restarts);

/* By an administrator. `who` is a name for people. */
void restarts_order(struct restarts *restarts, enum restart_order order);
void restarts_defer(struct restarts *restarts, int64_t seconds);
void restarts_cancel(struct restarts *restarts);

/* The policy in force. */
enum restart_policy restarts_policy(const struct workspace *workspace);

/* For platenctl: needs, reasons, who deferred it, until when, what came of the last one. */
json_t *restarts_json(const struct restarts *restarts);
/* One line of the same; empty when there is nothing to tell. Returns buf. */
const char *restarts_text(const struct restarts *restarts, char buf[static MESSAGE_SIZE]);
/* Whether that line is about an error: a need that was not met, a restart that went wrong. */
bool restarts_is_fault(const struct restarts *restarts);

#endif
