/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger that was begun anew takes over what the spooler has of Platen's jobs. Until the spooler
 * has told them all no job is taken, for it might be one of them.
 */
#ifndef PLATEN_REBUILD_H
#define PLATEN_REBUILD_H

#include "host/host.h"
#include "host/ledger.h"
#include "host/spool/spool.h"

/* At the start: whether the ledger has to be built anew. */
void rebuild_begin(struct host *host, bool damaged);

/* The spooler tells a job, before anything else is done about it. */
void rebuild_job(struct host *host, const struct spool_job *is);

/* All were told. */
void rebuild_listed(struct host *host);

/* Whether a job that is not in the ledger, and that its guest has handed over whole before, may be
 * one that was lost with it. */
bool rebuild_is_unsure(const struct host *host, const struct message_job_open *open);

#endif
