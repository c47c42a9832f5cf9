/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a guest's bytes and platend's fixed messages.
 *
 * One poll(2) loop over the channel, the connection to platend, and the pipes of documents under
 * way. The link has already refused what is malformed or out of order; here the rest of what a
 * guest may not do is refused: a ref that is not open, an offset that is not the next one, more
 * bytes than it was given credit for. Every queue is bounded by making the other side wait: the
 * guest by credit, platend by not being read. So is every rate: a guest that says too much to
 * platend, or begins too many sessions, is not read for a while; bytes beyond a minute's measure
 * give credit back later.
 */
#include "host/channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/bucket.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/link.h"

#define DRIVERS_OPEN  2		   /* driver files read at once */
#define SAID_RATE     (200 * 60)   /* messages to platend a minute */
#define SAID_BURST    10000	   /* the reports of an offer, and some */
#define SESSION_COST  500	   /* messages: what a new session costs of them */
#define FRAMES_RATE   (20000 * 60) /* of any kind a minute */
#define FRAMES_BURST  20000
#define AWAKE_USEC    1000000	   /* at least so often when platend takes nothing */
#define LISTEN_QUEUED (256 * 1024) /* bytes: above it platend is not read */

enum stage {
	STAGE_FREE = 0,
	STAGE_ASKED,  /* JOB_OPEN was passed on */
	STAGE_DATA,   /* accepted: the document arrives */
	STAGE_SEALED, /* the document is whole, or broke off: only states follow */
};

struct job {
	enum stage stage;
	uint32_t ref;
	uint32_t credit; /* bytes the guest may still send */
	uint32_t owed;	 /* bytes drained and not yet given back as credit */
	uint64_t next;	 /* offset of the next byte */
	int pipe;	 /* -1 when over */
	uint8_t *held;	 /* JOB_WINDOW bytes, while the pipe is full */
	size_t held_size, held_done;
};

struct driver {
	int file; /* -1: free */
	uint32_t size, offset;
	bool is_package;
	uint8_t sha256[SHA256_SIZE];
};

struct asked {
	bool is_package;
	uint8_t sha256[SHA256_SIZE];
};

struct channel {
	int ipc;
	struct link *link;
	bool synced;
	struct bucket said, frames, bytes;
	bool platend_full;	/* `waiting` could not be sent yet */
	struct message waiting; /* for platend */
	struct message in;	/* from the guest or platend */
	struct job jobs[JOBS_OPEN_MAX];
	struct driver drivers[DRIVERS_OPEN];
	/* What the guest asked for and platend was not asked for yet. */
	struct asked asked[OFFER_PRINTERS_MAX];
	uint32_t asked_first, asked_count, asked_out;
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int channel_new(int ipc, struct channel **ret_channel)
{
	struct channel *channel;
	int flags = fcntl(ipc, F_GETFL);

	if (flags < 0 || fcntl(ipc, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	channel->ipc = ipc;
	bucket_init(&channel->said, SAID_RATE, SAID_BURST);
	bucket_init(&channel->frames, FRAMES_RATE, FRAMES_BURST);
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		channel->jobs[i].pipe = -1;
	for (size_t i = 0; i < DRIVERS_OPEN; i++)
		channel->drivers[i].file = -1;
	*ret_channel = channel;
	return 0;
}

static void job_reset(struct job *job)
{
	job->pipe = close_fd(job->pipe);
	free(job->held);
	*job = (struct job){.pipe = -1};
}

/* Everything that belonged to the session that is over. */
static void session_reset(struct channel *channel)
{
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		job_reset(&channel->jobs[i]);
	for (size_t i = 0; i < DRIVERS_OPEN; i++)
		channel->drivers[i].file = close_fd(channel->drivers[i].file);
	channel->asked_count = channel->asked_first = channel->asked_out = 0;
	channel->synced = false;
}

struct channel *channel_free(struct channel *channel)
{
	if (!channel)
		return NULL;
	session_reset(channel);
	channel->link = link_free(channel->link);
	channel->ipc = close_fd(channel->ipc);
	free(channel);
	return NULL;
}

/* Hands a fixed message to platend; keeps it if platend's queue is full. */
static int tell(struct channel *channel, const void *msg)
{
	const struct ipc_head *head = msg;
	int r = ipc_send(channel->ipc, msg, -1);

	if (r != -EAGAIN)
		return r;
	memcpy(&channel->waiting, msg, head->size);
	channel->platend_full = true;
	return 0;
}

static int tell_text(struct channel *channel, uint32_t type, const char *text)
{
	struct channel_text m = {.head = {.type = type, .size = sizeof(m)}};

	text_copy_line(m.text, sizeof(m.text), text);
	return tell(channel, &m);
}

static void violation(struct channel *channel, const char *why)
{
	link_close(channel->link, BYE_VIOLATION, why);
	session_reset(channel);
	(void)tell_text(channel, CHANNEL_LOST, why);
}

static struct job *job_find(struct channel *channel, uint32_t ref)
{
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++)
		if (channel->jobs[i].stage != STAGE_FREE && channel->jobs[i].ref == ref)
			return &channel->jobs[i];
	return NULL;
}

/* The document can go no further here: platend hears why from the spool worker. */
static void job_break(struct job *job)
{
	job->pipe = close_fd(job->pipe);
	free(job->held);
	job->held = NULL;
	job->held_size = job->held_done = 0;
}

static void job_credit(struct channel *channel, struct job *job)
{
	struct message m;

	if (job->stage != STAGE_DATA || job->owed < JOB_WINDOW / 4 ||
		bucket_wait(&channel->bytes, now_usec(), 1) > 0)
		return; /* wait() comes back to it */
	message_init(&m, MESSAGE_JOB_CREDIT);
	m.job_credit.ref = job->ref;
	m.job_credit.bytes = job->owed;
	if (link_send(channel->link, &m) < 0)
		return; /* the queue is full: the next drained byte tries again */
	bucket_charge(&channel->bytes, now_usec(), job->owed);
	job->credit += job->owed;
	job->owed = 0;
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

static void job_drain(struct channel *channel, struct job *job)
{
	ssize_t n =
		pipe_write(job->pipe, job->held + job->held_done, job->held_size - job->held_done);

	if (n < 0) {
		job_break(job);
		return;
	}
	job->held_done += (size_t)n;
	job->owed += (uint32_t)n;
	if (job->held_done == job->held_size) {
		free(job->held);
		job->held = NULL;
		job->held_size = job->held_done = 0;
		if (job->stage == STAGE_SEALED)
			job->pipe = close_fd(job->pipe);
	}
	job_credit(channel, job);
}

static const char *job_data(struct channel *channel, const struct message_job_data *d)
{
	struct job *job = job_find(channel, d->ref);
	ssize_t n = 0;

	if (!job || job->stage != STAGE_DATA)
		return "JobData: ref is not of a job whose document is awaited";
	if (d->offset != job->next)
		return "JobData: offset is not the next one";
	if (d->data_size > job->credit)
		return "JobData: more than there was credit for";
	job->next += d->data_size;
	job->credit -= d->data_size;
	if (job->pipe < 0)
		return NULL; /* broke off: platend's word is on its way */
	if (!job->held) {
		n = pipe_write(job->pipe, d->data, d->data_size);
		if (n < 0) {
			job_break(job);
			return NULL;
		}
		job->owed += (uint32_t)n;
	}
	if ((size_t)n < d->data_size) {
		if (!job->held)
			job->held = malloc(JOB_WINDOW);
		if (!job->held) {
			job_break(job);
			return NULL;
		}
		if (job->held_done) {
			memmove(job->held, job->held + job->held_done,
				job->held_size - job->held_done);
			job->held_size -= job->held_done;
			job->held_done = 0;
		}
		memcpy(job->held + job->held_size, d->data + n, d->data_size - (size_t)n);
		job->held_size += d->data_size - (size_t)n;
	}
	job_credit(channel, job);
	return NULL;
}

static const char *job_open(struct channel *channel, const struct message *m)
{
	if (job_find(channel, m->job_open.ref))
		return "JobOpen: ref is in use";
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		struct job *job = &channel->jobs[i];

		if (job->stage != STAGE_FREE)
			continue;
		*job = (struct job){.stage = STAGE_ASKED, .ref = m->job_open.ref, .pipe = -1};
		return NULL;
	}
	return "JobOpen: too many jobs at once";
}

/* Judges a message that concerns a job, and notes it. NULL, or what is wrong. */
static const char *job_message(struct channel *channel, const struct message *m)
{
	struct job *job;

	switch (m->head.type) {
	case MESSAGE_JOB_OPEN: return job_open(channel, m);
	case MESSAGE_JOB_DATA: return job_data(channel, &m->job_data);
	case MESSAGE_JOB_SEAL:
		job = job_find(channel, m->job_seal.ref);
		if (!job || job->stage != STAGE_DATA)
			return "JobSeal: ref is not of a job whose document is awaited";
		if (m->job_seal.size != job->next)
			return "JobSeal: size is not what was sent";
		job->stage = STAGE_SEALED;
		if (!job->held)
			job->pipe = close_fd(job->pipe);
		return NULL;
	case MESSAGE_JOB_CANCEL:
		return job_find(channel, m->job_cancel.ref) ? NULL : "JobCancel: ref is not open";
	default: /* JOB_CLOSE */
		job = job_find(channel, m->job_close.ref);
		if (!job)
			return "JobClose: ref is not open";
		job_reset(job);
		return NULL;
	}
}

static const char *driver_get(
	struct channel *channel, const uint8_t sha256[static SHA256_SIZE], bool is_package)
{
	struct asked *asked;

	if (channel->asked_count == OFFER_PRINTERS_MAX)
		return "DriverGet, PackageGet: more than printers";
	asked = &channel->asked[(channel->asked_first + channel->asked_count++) %
				OFFER_PRINTERS_MAX];
	asked->is_package = is_package;
	memcpy(asked->sha256, sha256, SHA256_SIZE);
	return NULL;
}

static void on_guest_message(struct channel *channel, const struct message *m)
{
	const char *why = NULL;
	bool pass = true;

	switch (m->head.type) {
	case MESSAGE_JOB_DATA: pass = false; /* fall through */
	case MESSAGE_JOB_OPEN:
	case MESSAGE_JOB_SEAL:
	case MESSAGE_JOB_CANCEL:
	case MESSAGE_JOB_CLOSE: why = job_message(channel, m); break;
	case MESSAGE_DRIVER_GET:
		why = driver_get(channel, m->driver_get.driver, false);
		pass = false;
		break;
	case MESSAGE_PACKAGE_GET:
		why = driver_get(channel, m->package_get.package, true);
		pass = false;
		break;
	default: break;
	}
	if (m->head.type != MESSAGE_JOB_DATA)
		bucket_charge(&channel->said, now_usec(), 1);
	if (why)
		violation(channel, why);
	else if (pass)
		(void)tell(channel, m); /* a broken connection ends the loop by itself */
}

/* usec until the guest is listened to again; 0: it is. */
static uint64_t rest(const struct channel *channel)
{
	uint64_t now = now_usec(), said = bucket_wait(&channel->said, now, 1);
	uint64_t frames = bucket_wait(&channel->frames, now, 1);

	return said > frames ? said : frames;
}

/* Takes what the link has, as long as platend can be told and the guest keeps measure. */
static void from_guest(struct channel *channel)
{
	while (!channel->platend_full && rest(channel) == 0) {
		bucket_charge(&channel->frames, now_usec(), 1);
		switch (link_next(channel->link, &channel->in)) {
		case LINK_NONE: return;
		case LINK_SYNCED:
			session_reset(channel);
			channel->synced = true;
			bucket_charge(&channel->said, now_usec(), SESSION_COST);
			(void)tell_text(channel, CHANNEL_SYNCED, "");
			break;
		case LINK_LOST:
			session_reset(channel);
			(void)tell_text(channel, CHANNEL_LOST, link_reason(channel->link));
			break;
		case LINK_MESSAGE:
			if (channel->synced)
				on_guest_message(channel, &channel->in);
			break;
		}
	}
}

static void accept_job(struct channel *channel, const struct message *m, int *fd)
{
	struct job *job = job_find(channel, m->job_accept.ref);
	int flags;

	if (!job || job->stage != STAGE_ASKED || *fd < 0)
		return; /* closed by the guest meanwhile */
	flags = fcntl(*fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK))
		return; /* would stall us: platend makes it non-blocking */
	job->pipe = steal_fd(fd);
	job->stage = STAGE_DATA;
	job->credit = m->job_accept.window;
	job->next = m->job_accept.offset;
	(void)link_send(channel->link, m);
}

/* A piece of either, without bytes: there is none. */
static void piece_init(struct message *m, bool is_package, const uint8_t sha256[static SHA256_SIZE])
{
	message_init(m, is_package ? MESSAGE_PACKAGE_DATA : MESSAGE_DRIVER_DATA);
	memcpy(is_package ? m->package_data.package : m->driver_data.driver, sha256, SHA256_SIZE);
}

static void take_driver(struct channel *channel, const struct channel_driver *d, int *fd)
{
	struct message m;

	if (channel->asked_out)
		channel->asked_out--;
	if (d->size && *fd >= 0) {
		for (size_t i = 0; i < DRIVERS_OPEN; i++) {
			struct driver *driver = &channel->drivers[i];

			if (driver->file >= 0)
				continue;
			driver->file = steal_fd(fd);
			driver->size = d->size;
			driver->offset = 0;
			driver->is_package = d->is_package;
			memcpy(driver->sha256, d->driver, SHA256_SIZE);
			return;
		}
	}
	piece_init(&m, d->is_package, d->driver);
	(void)link_send(channel->link, &m);
}

static int start_link(struct channel *channel, const struct channel_start *start, int *fd)
{
	int r;

	if (channel->link || *fd < 0)
		return -EPROTO;
	r = link_new(LINK_HOST, *fd, false, &channel->link);
	if (r < 0)
		return r;
	*fd = -1;
	link_keepalive(channel->link, start->keepalive_msec);
	bucket_init(&channel->bytes, start->bytes_per_minute,
		start->bytes_per_minute < JOB_WINDOW ? JOB_WINDOW : start->bytes_per_minute);
	return channel_sandbox();
}

/* One message of platend's. */
static int on_platend_message(struct channel *channel, const struct message *m, int size, int *fd)
{
	struct ipc_head pong = {.type = CHANNEL_PONG, .size = sizeof(pong)};
	char why[128];

	if (m->head.type == CHANNEL_START)
		return size == sizeof(struct channel_start)
			       ? start_link(channel, (const struct channel_start *)m, fd)
			       : -EPROTO;
	if (!channel->link)
		return -EPROTO;
	if (m->head.type == CHANNEL_PING) /* while it takes nothing, the next will do */
		return channel->platend_full ? 0 : tell(channel, &pong);
	if (m->head.type == CHANNEL_DRIVER) {
		if (size != sizeof(struct channel_driver))
			return -EPROTO;
		if (channel->synced)
			take_driver(channel, (const struct channel_driver *)m, fd);
		return 0;
	}
	if (message_check(m, (size_t)size, why) < 0)
		return -EPROTO;
	if (!channel->synced)
		return 0; /* meant for the session that is over */
	if (m->head.type == MESSAGE_JOB_ACCEPT)
		accept_job(channel, m, fd);
	else
		(void)link_send(channel->link, m); /* -EPROTO: of the last session */
	return 0;
}

static int from_platend(struct channel *channel)
{
	while (!channel->link || link_queued(channel->link) < LISTEN_QUEUED) {
		_cleanup_close_ int fd = -1;
		int r = ipc_recv(channel->ipc, &channel->in, sizeof(channel->in), &fd);

		if (r == -EAGAIN)
			return 0;
		if (r <= 0)
			return r < 0 ? r : -ECONNRESET;
		r = on_platend_message(channel, &channel->in, r, &fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The driver that the next piece is of: one that has begun is finished first, for a guest puts
 * together one at a time. */
static struct driver *next_driver(struct channel *channel)
{
	struct driver *next = NULL;

	for (size_t i = 0; i < DRIVERS_OPEN; i++) {
		struct driver *driver = &channel->drivers[i];

		if (driver->file >= 0 && (!next || driver->offset))
			next = driver;
	}
	return next;
}

static void send_piece(struct channel *channel, struct driver *driver)
{
	static uint8_t piece[FRAME_DATA_MAX];
	uint32_t want = driver->size - driver->offset;
	struct message m;
	ssize_t n = read(driver->file, piece, want < sizeof(piece) ? want : sizeof(piece));

	piece_init(&m, driver->is_package, driver->sha256);
	if (n > 0 && driver->is_package) {
		m.package_data.total = driver->size;
		m.package_data.offset = driver->offset;
		m.package_data.data_size = (uint32_t)n;
		m.package_data.data = piece;
		driver->offset += (uint32_t)n;
	} else if (n > 0) {
		m.driver_data.total = driver->size;
		m.driver_data.offset = driver->offset;
		m.driver_data.data_size = (uint32_t)n;
		m.driver_data.data = piece;
		driver->offset += (uint32_t)n;
	}
	(void)link_send(channel->link, &m);
	if (n <= 0 || driver->offset == driver->size)
		driver->file = close_fd(driver->file);
}

/* Asks platend for the next drivers, and sends a piece of one when nothing else waits. */
static void feed_drivers(struct channel *channel)
{
	struct message m;

	while (channel->asked_count && channel->asked_out < DRIVERS_OPEN &&
		!channel->platend_full) {
		const struct asked *asked = &channel->asked[channel->asked_first];
		uint32_t busy = channel->asked_out;

		for (size_t i = 0; i < DRIVERS_OPEN; i++)
			busy += channel->drivers[i].file >= 0;
		if (busy >= DRIVERS_OPEN)
			break;
		message_init(&m, asked->is_package ? MESSAGE_PACKAGE_GET : MESSAGE_DRIVER_GET);
		memcpy(asked->is_package ? m.package_get.package : m.driver_get.driver,
			asked->sha256, SHA256_SIZE);
		channel->asked_first = (channel->asked_first + 1) % OFFER_PRINTERS_MAX;
		channel->asked_count--;
		channel->asked_out++;
		(void)tell(channel, &m);
	}
	if (link_bulk_ready(channel->link)) {
		struct driver *driver = next_driver(channel);

		if (driver)
			send_piece(channel, driver);
	}
}

/* Whether a driver could go on at once: nothing will wake us for it. */
static bool is_driver_due(struct channel *channel)
{
	uint32_t busy = channel->asked_out;

	if (!channel->link || !channel->synced || !link_bulk_ready(channel->link))
		return false;
	for (size_t i = 0; i < DRIVERS_OPEN; i++)
		busy += channel->drivers[i].file >= 0;
	return next_driver(channel) ||
	       (channel->asked_count && busy < DRIVERS_OPEN && !channel->platend_full);
}

/* Credit that was owed, and that a minute's measure of bytes kept back. Returns the usec until more
 * of it may be given; UINT64_MAX: none is owed. */
static uint64_t give_credit(struct channel *channel)
{
	bool owed = false;

	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		struct job *job = &channel->jobs[i];

		job_credit(channel, job);
		owed |= job->stage == STAGE_DATA && job->owed >= JOB_WINDOW / 4;
	}
	return owed ? bucket_wait(&channel->bytes, now_usec(), 1) : UINT64_MAX;
}

/* What is waited for on the guest's side, and how long at most, in usec. While platend takes
 * nothing, or the guest is to rest, nothing is read; nor would its hanging up let us sleep. */
static uint64_t watch_guest(struct channel *channel, struct pollfd *fd)
{
	uint64_t resting = rest(channel), credit = give_credit(channel), now = now_usec(), most;
	uint64_t deadline = link_deadline(channel->link);

	fd->events = link_events(channel->link);
	most = deadline == UINT64_MAX ? UINT64_MAX : deadline > now ? deadline - now : 0;
	if (resting || channel->platend_full) {
		fd->events &= (short)~POLLIN;
		most = resting ? resting : AWAKE_USEC; /* its timers have time */
	}
	if (fd->events)
		fd->fd = link_fd(channel->link);
	return most < credit ? most : credit;
}

static int wait(struct channel *channel)
{
	struct pollfd fds[2 + JOBS_OPEN_MAX];
	struct job *jobs[JOBS_OPEN_MAX];
	uint64_t most = UINT64_MAX;
	nfds_t n = 2;

	fds[0] = (struct pollfd){.fd = channel->ipc};
	if (channel->platend_full)
		fds[0].events = POLLOUT;
	if (!channel->link || link_queued(channel->link) < LISTEN_QUEUED)
		fds[0].events |= POLLIN;
	fds[1] = (struct pollfd){.fd = -1};
	if (channel->link)
		most = watch_guest(channel, &fds[1]);
	for (size_t i = 0; i < JOBS_OPEN_MAX; i++) {
		if (!channel->jobs[i].held)
			continue;
		jobs[n - 2] = &channel->jobs[i];
		fds[n++] = (struct pollfd){.fd = channel->jobs[i].pipe, .events = POLLOUT};
	}
	if (is_driver_due(channel))
		most = 0;
	if (poll(fds, n, most == UINT64_MAX ? -1 : most ? (int)(most / 1000 + 1) : 0) < 0)
		return errno == EINTR ? 0 : -errno;
	for (nfds_t i = 2; i < n; i++)
		if (fds[i].revents)
			job_drain(channel, jobs[i - 2]);
	if (channel->platend_full && fds[0].revents & POLLOUT) {
		channel->platend_full = false;
		return tell(channel, &channel->waiting);
	}
	return 0;
}

int channel_run(struct channel *channel)
{
	for (;;) {
		int r = wait(channel);

		if (r == 0)
			r = from_platend(channel);
		if (r == 0 && channel->link) {
			r = link_step(channel->link, now_usec());
			from_guest(channel);
			if (channel->synced)
				feed_drivers(channel);
			if (r == 0) { /* writes what that made, and reads: never without looking */
				r = link_step(channel->link, now_usec());
				from_guest(channel);
			}
		}
		if (r < 0) {
			if (channel->link)
				link_close(channel->link, BYE_CLOSING, "the host is closing");
			return r == -ECONNRESET ? 0 : r;
		}
	}
}
