/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job's document on its way from the channel into the spooler's held job.
 *
 * A pipe goes from platen-channel to a `platen-spool submit`; platend holds a copy of its write
 * end, so that a channel that dies is no end of the document. What the worker says comes here: how
 * far it is, that the document is whole, that the job is released, or that it failed.
 */
#include "host/job-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/allowed.h"
#include "host/document-pipe.h"
#include "host/printer.h"
#include "host/request-file.h"
#include "host/spooler.h"
#include "host/syncer.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define GRACE_USEC 60000000ULL	/* a broken-off transfer may go on within */
#define DRAIN_USEC 300000000ULL /* the rest of a sealed document into cupsd */

/* The transfer is over, one way or the other: what it used is given back. */
void job_transfer_end(struct job *job, bool kill)
{
	job->grace = sd_event_source_disable_unref(job->grace);
	job->pipe = close_fd(job->pipe);
	if (job->submit && kill)
		submit_kill(job->submit);
	else if (job->submit)
		submit_release(job->submit);
	job->submit = NULL;
}

void job_transfer_abort(struct job *job)
{
	struct ipc_head m = {.type = SUBMIT_ABORT, .size = sizeof(m)};

	if (job->submit)
		(void)submit_send(job->submit, &m, -1, JOB_ANSWER_USEC);
}

/* Gives the document's pipe to the worker and to the channel. */
void job_transfer_begin(struct job *job)
{
	_cleanup_close_ int in = -1;
	struct message m;
	int fds[2], r;

	job->submit = spooler_take(job->host->spooler, job);
	if (!job->submit)
		return; /* stays WAITING */
	if (document_pipe(fds) < 0) {
		job_transfer_end(job, true);
		job_refuse(job, REFUSAL_FAILED, "the host has no descriptors left; tried again");
		return;
	}
	in = fds[0];
	job->pipe = fds[1];
	r = submit_send(job->submit, &job->submission, in, JOB_ANSWER_USEC);
	if (r < 0) {
		job_transfer_end(job, true);
		job_refuse(job, REFUSAL_FAILED, "the spooler's worker is gone; tried again");
		return;
	}
	job->stage = JOB_TRANSFER;
	job->syncing = 0;
	message_init(&m, MESSAGE_JOB_ACCEPT);
	m.job_accept.ref = job->ref;
	m.job_accept.window = JOB_WINDOW;
	(void)workspace_send(job->workspace, &m, job->pipe); /* lost only with the session */
}

void job_worker_ready(struct host *host)
{
	uint32_t least = UINT32_MAX;
	struct job *job, *next = NULL;

	TAILQ_FOREACH(job, &host->jobs, link)
	{
		uint32_t share;

		if (job->stage != JOB_WAITING || !job->open)
			continue;
		share = spooler_share(host->spooler, &job->row.key.workspace);
		if (share < least) {
			least = share;
			next = job;
		}
	}
	if (next)
		job_transfer_begin(next); /* it stays if its workspace has its share of workers */
}

/* A transfer that broke off goes on: the worker says how far it is. */
void job_transfer_resume(struct job *job)
{
	struct ipc_head query = {.type = SUBMIT_QUERY, .size = sizeof(query)};

	job->grace = sd_event_source_disable_unref(job->grace);
	if (job->stage == JOB_TRANSFER && job->submit)
		(void)submit_send(job->submit, &query, -1, JOB_ANSWER_USEC);
}

static void on_offset(struct job *job, const struct submit_progress *p)
{
	struct message m;

	if (job->stage != JOB_TRANSFER || !job->open || !job->workspace)
		return;
	message_init(&m, MESSAGE_JOB_ACCEPT);
	m.job_accept.ref = job->ref;
	m.job_accept.window = JOB_WINDOW;
	m.job_accept.offset = p->offset;
	(void)workspace_send(job->workspace, &m, job->pipe); /* lost only with the session */
	JOB_SAY(LOG_INFO, job, "goes on at byte %llu", (unsigned long long)p->offset);
}

/* Banners are the host's spooler's, whoever has rendered the pages. */
static void keep_sheets(const struct message_job_open *open, struct submit_open *s)
{
	const char *sheets = options_get(open->options, open->options_size, "job-sheets");

	if (sheets)
		(void)options_add(s->options, sizeof(s->options), &s->options_size, "job-sheets",
			sheets); /* cannot be more than came */
}

void job_submission_fill(
	struct job *job, const struct printer *printer, const struct message_job_open *open)
{
	struct submit_open *s = &job->submission;
	char names[TEXT_SIZE];
	uint32_t left_out;

	*s = (struct submit_open){.head = {.type = SUBMIT_OPEN, .size = sizeof(*s)},
		.guest_job = job->row.guest_job,
		.file = open->file,
		.copies = open->copies,
		.size = open->size,
		.pages_only = !job->host->config.raw && !open->rendered,
		.job = open->job,
		.workspace = job->row.key.workspace};
	(void)text_copy(s->printer, sizeof(s->printer), job->row.printer);
	(void)text_copy(s->owner, sizeof(s->owner), job->row.owner);
	(void)text_copy(s->user, sizeof(s->user), open->user);
	(void)text_copy(s->title, sizeof(s->title), open->title[0] ? open->title : "Untitled");
	(void)text_copy(s->format, sizeof(s->format),
		open->rendered ? "application/vnd.cups-raw" : open->format);
	if (open->rendered) /* the rest was applied in the workspace */
		return keep_sheets(open, s);
	left_out = allowed_options(job->host, printer->driver.sha256, open, s, names);
	job->workspace->quota.kept.options += left_out;
	if (left_out)
		JOB_SAY(LOG_NOTICE, job,
			"%u options are not a workspace's to set and are left out: %s", left_out,
			names);
}

void job_transfer_seal(struct job *job, const struct message_job_seal *seal)
{
	struct submit_seal m = {
		.head = {.type = SUBMIT_SEAL, .size = sizeof(m)}, .size = seal->size};

	memcpy(m.digest, seal->digest, DIGEST_SIZE);
	job->row.size = seal->size;
	job->stage = JOB_SEALING;
	job->pipe = close_fd(job->pipe);
	(void)submit_send(job->submit, &m, -1, DRAIN_USEC); /* its end would be told */
}

/* Opens one of the job's files, of which `number` is 1 for the first, in `path`. -errno. */
static int spooled_open(
	const struct job *job, unsigned int number, char path[static CONFIG_PATH_SIZE + 32])
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	/* cupsd names them so: scheduler/ipp.c. They are opened here, as the workers' user may not,
	 * and never read. */
	(void)snprintf(path, CONFIG_PATH_SIZE + 32, "%s/d%05u-%03u", job->host->config.cups_spool,
		job->row.host_job, number);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : -EINVAL;
}

/* The document is the job's only file, or has a banner before it, behind it, or both. */
#define SPOOLED_MOST 3

void job_transfer_sync(struct job *job)
{
	struct ipc_head m = {.type = SUBMIT_SYNC, .size = sizeof(m)};
	struct host *host = job->host;
	char path[CONFIG_PATH_SIZE + 32];

	for (unsigned int i = 1; i <= SPOOLED_MOST; i++) {
		_cleanup_close_ int fd = spooled_open(job, i, path);

		if (fd < 0 && i > 1)
			return;
		if (fd < 0) {
			if (!host->unsynced)
				log_line(LOG_WARNING, NULL,
					"%s: %s: is cups-spool in platen.conf the RequestRoot of "
					"cups-files.conf? Documents cannot be synced, and one may "
					"be printed in part after a loss of power",
					path, fd == -EINVAL ? "it is not a file" : strerror(-fd));
			host->unsynced = true;
			return;
		}
		host->unsynced = false;
		job->syncing++;
		(void)submit_send(job->submit, &m, fd, JOB_SYNC_USEC); /* its end would be told */
	}
}

/* A large document goes to the disk while it comes. cupsd's file of it is opened here, as for the
 * sync; a spool where it is not found is synced in the end, as others are. To look through a spool
 * takes a sixteenth of the time at most. */
static void write_back(struct job *job, uint64_t offset)
{
	struct ipc_head m = {.type = SUBMIT_WRITE_BACK, .size = sizeof(m)};
	struct host *host = job->host;
	uint64_t begun = clock_usec();
	_cleanup_close_ int fd = -1;

	if (begun < host->look_again)
		return;
	fd = request_file_open(host->config.cups_spool, offset);
	if (fd >= 0)
		(void)submit_tell(job->submit, &m, fd);
	else if (fd == -EEXIST)
		syncer_write_back(spooler_syncer(host->spooler), host->config.cups_spool);
	host->look_again = clock_usec() + (clock_usec() - begun) * 16;
}

static int on_grace(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	(void)source;
	(void)usec;
	job_transfer_abort(job);
	job_refuse(job, REFUSAL_FAILED, "the transfer broke off and was not taken up again");
	return 0;
}

void job_transfer_wait(struct job *job)
{
	uint64_t now;

	if (sd_event_now(job->host->event, CLOCK_MONOTONIC, &now) >= 0)
		(void)sd_event_add_time(job->host->event, &job->grace, CLOCK_MONOTONIC,
			now + GRACE_USEC, 1000000, on_grace, job);
}

static void on_failed(struct job *job, const struct submit_failed *f)
{
	struct spooler *spooler = job->host->spooler;

	if (!text_terminated(f->text, sizeof(f->text)) || f->refusal == REFUSAL_NONE ||
		f->refusal >= REFUSAL_COUNT)
		return;
	/* Otherwise the worker, who alone may, did not get to asking for it. */
	if (f->released || job->stage >= JOB_FOLLOWED) {
		job_transfer_end(job, false);
		job_set_followed(job);
		job->unsure = true;
		JOB_SAY(LOG_WARNING, job, "the release was not answered: %s", f->text);
		spooler_check(spooler);
		return;
	}
	job_refuse(job, f->refusal, f->text); /* one that nobody has open is gone now */
	spooler_check(spooler);
}

void job_on_submit(struct job *job, const struct ipc_head *msg)
{
	const struct submit_progress *p = (const struct submit_progress *)msg;

	if (msg->type == SUBMIT_FAILED) {
		if (msg->size == sizeof(struct submit_failed))
			on_failed(job, (const struct submit_failed *)msg);
		return;
	}
	if (msg->size != sizeof(*p))
		return;
	switch (msg->type) {
	case SUBMIT_OPENED: job->row.host_job = p->host_job; return;
	case SUBMIT_OFFSET: return on_offset(job, p);
	case SUBMIT_UNDER_WAY:
		if (job->stage == JOB_TRANSFER || job->stage == JOB_SEALING)
			write_back(job, p->offset);
		return;
	case SUBMIT_SEALED:
		if (job->stage != JOB_SEALING)
			return;
		job->row.host_job = p->host_job;
		job_transfer_sync(job); /* while the ledger is */
		if (job_record(job, LEDGER_RELEASE) < 0) {
			job_transfer_abort(job);
			return job_refuse(job, REFUSAL_NO_SPACE, job_no_space);
		}
		job->stage = JOB_SYNCING;
		return;
	case SUBMIT_SYNCED:
		if (job->syncing && --job->syncing)
			return;
		if (job->stage == JOB_RELEASING)
			submit_deadline(job->submit, JOB_ANSWER_USEC);
		return;
	case SUBMIT_RELEASED:
		if (job->stage == JOB_RELEASING)
			job_released(job, p->host_job);
		return;
	default: return;
	}
}

void job_on_submit_exit(struct job *job, bool timed_out)
{
	const char *text = timed_out ? "the host's spooler does not answer; tried again"
				     : "the spooler's worker ended; tried again";
	struct spooler *spooler = job->host->spooler;

	job->submit = NULL;
	if (job->stage >= JOB_RELEASING) {
		job_set_followed(job);
		job->unsure = true;
		spooler_check(spooler);
		return;
	}
	/* Its held job has no document and is cancelled when the spooler tells of it. */
	job_refuse(job, REFUSAL_FAILED, text); /* one that nobody has open is gone now */
	spooler_check(spooler);
}
