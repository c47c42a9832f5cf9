/* SPDX-License-Identifier: Apache-2.0 */
/* platend's side of platen-spool: one that watches, and a few that stand ready to take a job. */
#ifndef PLATEN_SPOOLER_H
#define PLATEN_SPOOLER_H

#include "host/host.h"
#include "host/spool/spool.h"

struct spooler;
struct submit; /* one `platen-spool submit`, with at most one job */

int spooler_new(struct host *host, struct spooler **ret_spooler);
struct spooler *spooler_free(struct spooler *spooler);

/* Whether cupsd answers, and one line about it. */
bool spooler_up(const struct spooler *spooler, const char **ret_text);

/* Why cupsd's events do not reach us, so that it is looked at every second; empty: they do. */
const char *spooler_events(const struct spooler *spooler);

/* Whether every printer was told since the start. */
bool spooler_listed(const struct spooler *spooler);

/* How many workers have jobs of a workspace, or clean up after them. */
uint32_t spooler_share(const struct spooler *spooler, const struct uuid *workspace);

/* A worker that is ready, now the job's; NULL when none is, or its workspace has its share
 * (job_worker_ready() tells later). */
struct submit *spooler_take(struct spooler *spooler, struct job *job);

/* Sends to a worker and gives it `usec` to answer (0: no deadline). 0 or -errno. */
int submit_send(struct submit *submit, const void *msg, int fd, uint64_t usec);

/* Sends what has no answer, and lets the deadline be. 0 or -errno. */
int submit_tell(struct submit *submit, const void *msg, int fd);

/* Gives a worker that is at it `usec` from now for its next answer. */
void submit_deadline(struct submit *submit, uint64_t usec);

/* Ends a worker in the midst of a job; another is started in its place. job_…() is not called. */
void submit_kill(struct submit *submit);

/* The job has no more use for the worker, which becomes ready again by itself. */
void submit_release(struct submit *submit);

/* Cancels a job of Platen's on the host, by number and UUID. */
void spooler_cancel(
	struct spooler *spooler, uint32_t host_job, const struct uuid *job, uint32_t file);

/* Something failed: the watcher looks whether cupsd is as we think. */
void spooler_check(struct spooler *spooler);

/* Who syncs its files; the spooler's. */
struct syncer *spooler_syncer(struct spooler *spooler);

/* Tells the state of this job anew; when cupsd does not know it, all are looked at. */
void spooler_look(struct spooler *spooler, uint32_t host_job);

void spooler_tick(struct spooler *spooler);

#endif
