/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas of a workspace.
 *
 * At a quota the guest waits, and is told so: a job that is refused for its quota stays in the
 * guest's queue and is asked for again. Bytes that wait on the host are those of documents that
 * are under way or not printed yet: cupsd keeps them on the host's disk.
 */
#include "host/quota.h"

#include "host/host.h"
#include "host/job.h"
#include "host/workspace.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define CONNECTIONS_RATE  60 /* a minute */
#define CONNECTIONS_BURST 20
#define LINES_RATE	  60   /* a minute */
#define LINES_BURST	  4096 /* a first offer has a line for each printer */
#define MIB		  (1024ULL * 1024)

void quota_init(struct quota *quota, const struct config *config)
{
	bucket_init(&quota->connections, CONNECTIONS_RATE, CONNECTIONS_BURST);
	quota_jobs(quota, config);
	bucket_init(&quota->lines, LINES_RATE, LINES_BURST);
}

void quota_jobs(struct quota *quota, const struct config *config)
{
	bucket_init(&quota->jobs, config->jobs_per_minute, config->jobs_per_minute);
}

bool quota_connection(struct workspace *ws)
{
	bool is_taken = bucket_take(&ws->quota.connections, clock_usec(), 1);

	ws->quota.kept.connections += !is_taken;
	return is_taken;
}

bool quota_line(struct workspace *ws)
{
	struct log_about about = {.workspace = ws->name};
	struct quota *quota = &ws->quota;

	if (!bucket_take(&quota->lines, clock_usec(), 1)) {
		quota->kept.lines++;
		if (quota->silenced++ == 0)
			log_line(LOG_WARNING, &about,
				"it causes too many lines; more are left out for a while");
		return false;
	}
	if (quota->silenced)
		log_line(LOG_NOTICE, &about, "%u of its lines were left out", quota->silenced);
	quota->silenced = 0;
	return true;
}

/* Bytes of a workspace's other documents that are on the host, or on their way to it. */
static uint64_t held(const struct job *but)
{
	const struct job *job;
	uint64_t sum = 0;

	TAILQ_FOREACH(job, &but->host->jobs, link)
	if (job != but && job->workspace == but->workspace && job->stage != JOB_ENDED)
		sum += job->row.size;
	return sum;
}

bool quota_job(const struct job *job, char ret_text[static MESSAGE_SIZE])
{
	const struct config *config = &job->host->config;
	uint64_t most = config->held_mib * MIB, there = held(job), size = job->row.size;

	/* A document larger than the whole measure goes when nothing else is there. */
	if (config->held_mib && there && (size > most || there > most - size)) {
		(void)text_printf(ret_text, MESSAGE_SIZE,
			"%llu MiB of this workspace wait on the host already; the job waits "
			"until some are printed",
			(unsigned long long)(there / MIB));
		job->workspace->quota.kept.jobs++;
		return false;
	}
	if (!bucket_take(&job->workspace->quota.jobs, clock_usec(), 1)) {
		(void)text_printf(ret_text, MESSAGE_SIZE,
			"this workspace has printed %u jobs within a minute; the job waits",
			config->jobs_per_minute);
		job->workspace->quota.kept.jobs++;
		return false;
	}
	return true;
}
