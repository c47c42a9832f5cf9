/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents from the channel into their pipes.
 *
 * The link has refused what is malformed or out of order; here a ref that is not open is, an offset
 * that is not the next one, more bytes than there was credit for, and another size than platend was
 * told, by which it counts what a workspace has on the host. Credit is given back for what
 * the pipe took, so a spooler that is slow makes the guest wait and nothing grows: what the pipe
 * does not take at once is held, at most a window of it. Bytes beyond a minute's measure give
 * their credit back later.
 */
#include "host/channel/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

void documents_init(struct documents *docs)
{
	*docs = (struct documents){0};
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		docs->all[i].pipe = -1;
}

void documents_limit(struct documents *docs, uint64_t bytes_per_minute)
{
	bucket_init(&docs->bytes, bytes_per_minute,
		bytes_per_minute < JOB_WINDOW ? JOB_WINDOW : bytes_per_minute);
}

static void document_reset(struct document *doc)
{
	doc->pipe = close_fd(doc->pipe);
	free(doc->held);
	*doc = (struct document){.pipe = -1};
}

void documents_reset(struct documents *docs)
{
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		document_reset(&docs->all[i]);
}

static struct document *document_find(struct documents *docs, uint32_t ref)
{
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		if (docs->all[i].stage != DOCUMENT_FREE && docs->all[i].ref == ref)
			return &docs->all[i];
	return NULL;
}

/* The document can go no further here: platend hears why from the spool worker. */
static void document_break(struct document *doc)
{
	doc->pipe = close_fd(doc->pipe);
	free(doc->held);
	doc->held = NULL;
	doc->held_size = doc->held_done = 0;
}

static void give_credit(struct documents *docs, struct document *doc)
{
	struct message m;

	if (doc->stage != DOCUMENT_DATA || doc->owed < JOB_WINDOW / 4 ||
		bucket_wait(&docs->bytes, clock_usec(), 1) > 0)
		return; /* documents_give_credit() comes back to it */
	message_init(&m, MESSAGE_JOB_CREDIT);
	m.job_credit.ref = doc->ref;
	m.job_credit.bytes = doc->owed;
	if (link_send(docs->link, &m) < 0)
		return; /* the queue is full: the next drained byte tries again */
	bucket_charge(&docs->bytes, clock_usec(), doc->owed);
	doc->credit += doc->owed;
	doc->owed = 0;
}

/* Writes what the pipe takes. Returns the number of bytes, or -errno other than -EAGAIN. */
static ssize_t pipe_write(int fd, const uint8_t *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void document_drain(struct documents *docs, struct document *doc)
{
	ssize_t n =
		pipe_write(doc->pipe, doc->held + doc->held_done, doc->held_size - doc->held_done);

	if (n < 0) {
		document_break(doc);
		return;
	}
	doc->held_done += (size_t)n;
	doc->owed += (uint32_t)n;
	if (doc->held_done == doc->held_size) {
		free(doc->held);
		doc->held = NULL;
		doc->held_size = doc->held_done = 0;
		if (doc->stage == DOCUMENT_SEALED)
			doc->pipe = close_fd(doc->pipe);
	}
	give_credit(docs, doc);
}

static const char *take_data(struct documents *docs, const struct message_job_data *d)
{
	struct document *doc = document_find(docs, d->ref);
	ssize_t n = 0;

	if (!doc || doc->stage != DOCUMENT_DATA)
		return "JobData: ref is not of a job whose document is awaited";
	if (d->offset != doc->next)
		return "JobData: offset is not the next one";
	if (doc->next > doc->size || d->data_size > doc->size - doc->next)
		return "JobData: more than JobOpen's size";
	if (d->data_size > doc->credit)
		return "JobData: more than there was credit for";
	doc->next += d->data_size;
	doc->credit -= d->data_size;
	if (doc->pipe < 0)
		return NULL; /* broke off: platend's word is on its way */
	if (!doc->held) {
		n = pipe_write(doc->pipe, d->data, d->data_size);
		if (n < 0) {
			document_break(doc);
			return NULL;
		}
		doc->owed += (uint32_t)n;
	}
	if ((size_t)n < d->data_size) {
		if (!doc->held)
			doc->held = malloc(JOB_WINDOW);
		if (!doc->held) {
			document_break(doc);
			return NULL;
		}
		if (doc->held_done) {
			memmove(doc->held, doc->held + doc->held_done,
				doc->held_size - doc->held_done);
			doc->held_size -= doc->held_done;
			doc->held_done = 0;
		}
		memcpy(doc->held + doc->held_size, d->data + n, d->data_size - (size_t)n);
		doc->held_size += d->data_size - (size_t)n;
	}
	give_credit(docs, doc);
	return NULL;
}

static const char *take_open(struct documents *docs, const struct message *m)
{
	if (document_find(docs, m->job_open.ref))
		return "JobOpen: ref is in use";
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		struct document *doc = &docs->all[i];

		if (doc->stage != DOCUMENT_FREE)
			continue;
		*doc = (struct document){.stage = DOCUMENT_ASKED,
			.ref = m->job_open.ref,
			.size = m->job_open.size,
			.pipe = -1};
		return NULL;
	}
	return "JobOpen: too many jobs at once";
}

const char *documents_message(struct documents *docs, const struct message *m)
{
	struct document *doc;

	switch (m->head.type) {
	case MESSAGE_JOB_OPEN: return take_open(docs, m);
	case MESSAGE_JOB_DATA: return take_data(docs, &m->job_data);
	case MESSAGE_JOB_SEAL:
		doc = document_find(docs, m->job_seal.ref);
		if (!doc || doc->stage != DOCUMENT_DATA)
			return "JobSeal: ref is not of a job whose document is awaited";
		if (m->job_seal.size != doc->next)
			return "JobSeal: size is not what was sent";
		if (m->job_seal.size != doc->size)
			return "JobSeal: size is not JobOpen's";
		doc->stage = DOCUMENT_SEALED;
		if (!doc->held)
			doc->pipe = close_fd(doc->pipe);
		return NULL;
	case MESSAGE_JOB_CANCEL:
		return document_find(docs, m->job_cancel.ref) ? NULL : "JobCancel: ref is not open";
	default: /* JOB_CLOSE */
		doc = document_find(docs, m->job_close.ref);
		if (!doc)
			return "JobClose: ref is not open";
		document_reset(doc);
		return NULL;
	}
}

void documents_accept(struct documents *docs, const struct message *m, int *fd)
{
	struct document *doc = document_find(docs, m->job_accept.ref);
	int flags;

	if (!doc || doc->stage != DOCUMENT_ASKED || *fd < 0)
		return; /* closed by the guest meanwhile */
	flags = fcntl(*fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK))
		return; /* would stall us: platend makes it non-blocking */
	doc->pipe = steal_fd(fd);
	doc->stage = DOCUMENT_DATA;
	doc->credit = m->job_accept.window;
	doc->next = m->job_accept.offset;
	(void)link_send(docs->link, m);
}

uint64_t documents_give_credit(struct documents *docs)
{
	bool owed = false;

	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		struct document *doc = &docs->all[i];

		give_credit(docs, doc);
		owed |= doc->stage == DOCUMENT_DATA && doc->owed >= JOB_WINDOW / 4;
	}
	return owed ? bucket_wait(&docs->bytes, clock_usec(), 1) : UINT64_MAX;
}
