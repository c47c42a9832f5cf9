/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ledger a guest has handed a job to.
 *
 * A workspace moves to another host while it runs, or is cloned, and its jobs come along. What this
 * ledger does not have may then be another's, and may have been printed there.
 */
#ifndef PLATEN_ORIGIN_H
#define PLATEN_ORIGIN_H

#include "host/host.h"
#include "host/ledger.h"

/* Gives a ledger its number, if it has none yet. 0 or -errno. */
int origin_begin(struct ledger *ledger);

/* What this ledger is called towards a workspace: another for each of both, and telling neither. */
void origin_name(struct ledger *ledger, const struct uuid *workspace, struct uuid *ret_name);

/* Whether the guest may have handed this job over whole to another ledger than ours. */
bool origin_is_other(
	struct ledger *ledger, const struct uuid *workspace, const struct message_job_open *open);

#endif
