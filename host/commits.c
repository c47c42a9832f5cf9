/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sync for many jobs.
 *
 * A sync takes as long for one row as for a hundred, and the loop does nothing else meanwhile. So
 * it is made when nothing else waits to be done, by a source that comes behind all others: what
 * has come during one sync shares the next. A loop that is never idle, as somebody sees to it that
 * something always waits, has it every GATHER_USEC. Nothing is released before its row is synced
 * (job.c): what waits here is only when that is.
 */
#include "host/commits.h"

#include <errno.h>
#include <stdlib.h>

#include "host/host.h"
#include "host/job.h"

#define GATHER_USEC 10000ULL /* about what a sync takes on a disk that turns */

struct commits {
	struct host *host;
	sd_event_source *idle;
	uint64_t since; /* usec of CLOCK_MONOTONIC: when the first row came; 0: none waits */
};

static void commit(struct commits *commits)
{
	commits->since = 0;
	(void)sd_event_source_set_enabled(commits->idle, SD_EVENT_OFF);
	job_sync(commits->host);
}

static int on_idle(sd_event_source *source, void *userdata)
{
	(void)source;
	commit(userdata);
	return 0;
}

int commits_new(struct host *host, struct commits **ret_commits)
{
	struct commits *commits = calloc(1, sizeof(*commits));
	int r;

	if (!commits)
		return -ENOMEM;
	commits->host = host;
	r = sd_event_add_defer(host->event, &commits->idle, on_idle, commits);
	if (r >= 0)
		r = sd_event_source_set_priority(commits->idle, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(commits->idle, SD_EVENT_OFF);
	if (r < 0) {
		(void)commits_free(commits);
		return r;
	}
	*ret_commits = commits;
	return 0;
}

struct commits *commits_free(struct commits *commits)
{
	if (!commits)
		return NULL;
	commits->idle = sd_event_source_disable_unref(commits->idle);
	free(commits);
	return NULL;
}

void commits_look(struct commits *commits)
{
	uint64_t now;

	if (!ledger_is_due(commits->host->ledger)) {
		commits->since = 0;
		return;
	}
	if (commits->host->ending || sd_event_now(commits->host->event, CLOCK_MONOTONIC, &now) < 0)
		return commit(commits);
	if (!commits->since)
		commits->since = now;
	else if (now - commits->since >= GATHER_USEC)
		return commit(commits);
	if (sd_event_source_set_enabled(commits->idle, SD_EVENT_ONESHOT) < 0)
		commit(commits);
}
