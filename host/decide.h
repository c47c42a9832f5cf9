/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's word on a job of which nobody can know whether it was printed (LEDGER_ASK).
 *
 * It is said on the host (platenctl job retry|forget), or in the workspace by releasing the held
 * job there, which says that no paper came out.
 */
#ifndef PLATEN_DECIDE_H
#define PLATEN_DECIDE_H

#include <jansson.h>

#include "host/control.h"
#include "host/ledger.h"

struct workspace;

/* What a guest is asked with: 1 to JOB_ASK_MAX, another one each time. */
uint32_t decide_ask(void);

/* Whether a person has said that no paper came out of the job of this row, which the guest opens:
 * it is then taken as if it was not known. */
bool decide_is_retry(const struct ledger_job *row, const struct message_job_open *open);

/* The guest has come for a job that was decided on the host: notes it in `row` and the ledger. */
void decide_heard(struct host *host, struct ledger_job *row);

/* Tells a guest of what was decided; a session began, or there is room to send again. */
void decide_pump(struct workspace *workspace);

/* Tells all once more that have not come: theirs may have been lost. */
void decide_tick(struct host *host);

/* `platenctl job`: retry or forget. */
void decide_verb(struct control_client *client, const json_t *untrusted_request);

#endif
