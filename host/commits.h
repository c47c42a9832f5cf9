/* SPDX-License-Identifier: Apache-2.0 */
/* When the ledger is synced: once for all that happened at once. */
#ifndef PLATEN_COMMITS_H
#define PLATEN_COMMITS_H

struct commits;
struct host;

int commits_new(struct host *host, struct commits **ret_commits); /* 0 or -errno */
struct commits *commits_free(struct commits *commits);

/* After each turn of the loop: has job_sync() called soon, if there is something to sync. */
void commits_look(struct commits *commits);

#endif
