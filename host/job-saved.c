/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether cupsd would still know a released job when it is killed, or the host loses its power.
 *
 * cupsd acknowledges a job that is in its memory only, and writes it when it cleans up
 * (DirtyCleanInterval, 30 s unless cupsd.conf says otherwise), without a sync (measured, cupsd
 * 2.4.2). A guest whose job ends with the host's does not care: it has the document until then. A
 * pool's job is over for its guest when the host has accepted it, and that is so when the file of
 * the job is newer than its release, and synced. It is no more than a look now and then: cupsd
 * tells nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/job-parts.h"
#include "host/spooler.h"
#include "host/syncer.h"
#include "proto/base/cleanup.h"

#define SAVED_LOOK 500000ULL /* usec */

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static void saved(struct job *job)
{
	job->saved = true;
	job->saving = sd_event_source_disable_unref(job->saving);
	job_tell(job);
}

static int on_saving(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;
	_cleanup_close_ int fd = -1;
	char path[CONFIG_PATH_SIZE + 32];
	struct stat st;

	(void)usec;
	if (job->stage != JOB_FOLLOWED)
		return 0;
	(void)sd_event_source_set_time_relative(source, SAVED_LOOK);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (job->unsure || job->doubt)
		return 0;
	(void)snprintf(
		path, sizeof(path), "%s/c%05u", job->host->config.cups_spool, job->row.host_job);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT) { /* it was told when the document could not be synced */
		saved(job);
		return 0;
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		is_later(&st.st_mtim, &job->released))
		syncer_ask(spooler_syncer(job->host->spooler), job->row.host_job, fd);
	return 0;
}

void job_await_saved(struct job *job)
{
	job->saved = false;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &job->released);
	if (job->saving)
		return;
	(void)sd_event_add_time_relative(job->host->event, &job->saving, CLOCK_MONOTONIC,
		SAVED_LOOK, 50000, on_saving, job); /* else it is over when it is printed */
}

void job_on_saved(struct host *host, uint32_t host_job)
{
	struct job *job;

	TAILQ_FOREACH(job, &host->jobs, link)
	if (job->row.pool && job->stage == JOB_FOLLOWED && job->row.host_job == host_job &&
		!job->unsure && !job->doubt && !job->saved)
		return saved(job);
}
