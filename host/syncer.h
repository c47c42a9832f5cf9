/* SPDX-License-Identifier: Apache-2.0 */
/* Has files of cupsd's synced, one at a time, by a worker that may take minutes for it. */
#ifndef PLATEN_SYNCER_H
#define PLATEN_SYNCER_H

#include <stdint.h>

struct host;
struct syncer;

int syncer_new(struct host *host, struct syncer **ret_syncer); /* 0 or -ENOMEM */
struct syncer *syncer_free(struct syncer *syncer);

/* The file that cupsd saved this job in; job_on_saved() tells that it is on disk. While another one
 * is under way, and after a failure, nothing comes of it: it is to be asked for again. The caller
 * keeps `fd`. */
void syncer_ask(struct syncer *syncer, uint32_t host_job, int fd);

/* Has the documents that cupsd is writing into `spool` go to the disk meanwhile, all of them, for
 * where many come at once it does not tell whose is whose. It is no more than a hint. */
void syncer_write_back(struct syncer *syncer, const char *spool);

/* A cupsd that is new gives numbers out again: what is under way is of the one before. */
void syncer_forget(struct syncer *syncer);

#endif
