/* SPDX-License-Identifier: Apache-2.0 */
/* Why something is, or is not, in words: for `platenctl doctor` and `platenctl explain`. */
#ifndef PLATEN_DOCTOR_H
#define PLATEN_DOCTOR_H

#include <jansson.h>

#include "host/host.h"

/* Each link from libvirt to the guest's cupsd, with what to do where one is broken; of one
 * workspace, or of all with NULL. `may_change`: so may who asks.
 * {"started", "vsock": [workspace], "checks": [{link, workspace, state, text, fix}]}; the first two
 * are for platenctl, which sees more of the machine than platend's sandbox. */
json_t *doctor_checks(struct host *host, struct workspace *workspace, bool may_change);

/* Why a printer is in a workspace or is not. {"printer", "workspace", "offered", "steps", "fix"} */
json_t *doctor_explain(struct workspace *workspace, const char *printer);

#endif
