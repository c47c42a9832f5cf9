/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking one job into the spooler, in two phases.
 *
 * Create-Job makes a held job that bears the guest's job UUID, Send-Document streams the document
 * into it from a pipe, with no copy on disk of our own. The guest has announced its length, and the
 * last piece is only sent when length and digest are what the guest says in the end; otherwise the
 * connection is broken off, and cupsd drops a document that broke off. Only Release-Job makes the
 * job print, and platend asks for that after its ledger is on disk. cupsd syncs no document, with
 * SyncOnClose neither (cupsd 2.4.2), so that after a loss of power it would print what is there of
 * it: we sync its file before the release. (RFC 8011 4.2.4, 4.3.1, 4.3.6; measured: a first
 * document that ends whole prints after MultipleOperationTimeout unless the job is held; cupsd
 * takes a body of known length in two thirds of the time that it needs for chunks, whose borders it
 * looks for through a buffer of 2 KiB.)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/spool/commands.h"
#include "host/spool/ipp-words.h"
#include "host/spool/spooler-ipp.h"
#include "host/spool/stall.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/xxh.h"

#define PIECE	      65536	   /* bytes: 64 KiB writes are the fastest into cupsd (measured) */
#define EARLY_STEP    (8U << 20)   /* bytes, after which those before are sent to the disk */
#define EARLY_TAIL    (1U << 20)   /* bytes: the last, which cupsd may not have written yet */
#define DOCUMENT_MOST (1ULL << 50) /* bytes: a length that libcups can say with its headers */

struct submission {
	const char *socket;
	http_t *http;
	struct submit_open open;
	bool active;  /* an OPEN is being served */
	bool sending; /* Send-Document is under way: the body is open */
	bool sealed;  /* seal holds what the guest says */
	bool whole;   /* cupsd has the document */
	int pipe;     /* the document; -1 when over */
	int early;    /* cupsd's file of it while it is under way, or -1 */
	uint32_t host_job;
	uint64_t offset;   /* bytes taken from the pipe */
	uint64_t early_at; /* of them those looked after by write_back() */
	size_t kept;	   /* of them the last ones, in `piece`, until the digest is known */
	char piece[PIECE];
	struct stall stall;
	XXH3_state_t *hash;
	struct commands commands; /* looked for, if only pages may come */
	struct submit_seal seal;
};

static int say(uint32_t type)
{
	struct ipc_head m = {.type = type, .size = sizeof(m)};

	return ipc_send(IPC_FD, &m, -1);
}

static int say_progress(const struct submission *s, uint32_t type)
{
	struct submit_progress m = {.head = {.type = type, .size = sizeof(m)},
		.host_job = s->host_job,
		.offset = s->offset};

	return ipc_send(IPC_FD, &m, -1);
}

/* Whether cupsd answers on the connection, or on a new one. */
static bool connected(struct submission *s)
{
	if (!s->http)
		s->http = ipp_connect(s->socket);
	return s->http != NULL;
}

static void disconnect(struct submission *s)
{
	if (s->http)
		httpClose(s->http);
	s->http = NULL;
	s->sending = false;
}

static void over(struct submission *s)
{
	s->pipe = close_fd(s->pipe);
	s->early = close_fd(s->early);
	s->active = s->sealed = s->whole = false;
	s->offset = s->early_at = s->kept = 0;
	s->host_job = 0;
	(void)say(SUBMIT_READY);
}

/* The held job is taken away; a document that is under way is broken off first. */
static void drop(struct submission *s)
{
	if (s->sending)
		disconnect(s);
	if (s->host_job && connected(s) &&
		ipp_cancel(s->http, s->host_job, &s->open.job, s->open.file) == -ECONNRESET)
		disconnect(s); /* platend cancels it when the spooler tells of it */
}

static void fail(struct submission *s, enum job_refusal refusal, bool released, const char *text)
{
	struct submit_failed m = {.head = {.type = SUBMIT_FAILED, .size = sizeof(m)},
		.refusal = refusal,
		.released = released,
		.host_job = s->host_job};

	text_copy_line(m.text, sizeof(m.text), text);
	if (!released)
		drop(s);
	(void)ipc_send(IPC_FD, &m, -1);
	over(s);
}

/* Fails with what libcups knows of the last request. */
static void fail_ipp(struct submission *s, const char *what)
{
	ipp_status_t status = cupsLastError();
	enum job_refusal refusal = ipp_refusal(status);
	char text[MESSAGE_SIZE];
	bool gone = status == IPP_STATUS_ERROR_INTERNAL ||
		    status == IPP_STATUS_ERROR_SERVICE_UNAVAILABLE;

	(void)snprintf(
		text, sizeof(text), "%s: the host's spooler says: %s", what, cupsLastErrorString());
	if (gone) {
		disconnect(s);
		refusal = REFUSAL_SPOOLER_DOWN;
	}
	fail(s, refusal, false, text);
}

static void add_options(const struct submission *s, ipp_t *request)
{
	const struct submit_open *o = &s->open;
	cups_option_t *options = NULL;
	const char *name, *value, *media;
	uint32_t pos = 0;
	int count = 0;

	while (options_next(o->options, o->options_size, &pos, &name, &value))
		count = cupsAddOption(name, value, count, &options);
	if (o->copies > 1)
		count = cupsAddIntegerOption("copies", (int)o->copies, count, &options);
	if (o->of_device)
		count = ipp_words_add(count, &options);
	/* cupsd hands no collection on to a backend; as a text it does, and the IPP backend makes
	   it one again. */
	media = cupsGetOption("media-col", count, options);
	if (media && o->of_device) {
		(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_TEXT, "media-col", NULL, media);
		count = cupsRemoveOption("media-col", count, &options);
	}
	cupsEncodeOptions2(request, count, options, IPP_TAG_JOB);
	if (count > 0)
		cupsFreeOptions(count, options);
	else
		free(options); /* all were taken out again: libcups 2.4 then leaves the array */
}

static int create_job(struct submission *s)
{
	const struct submit_open *o = &s->open;
	ipp_t *request = ipp_request(IPP_OP_CREATE_JOB, o->printer, o->owner), *response;
	char key[64], workspace[UUID_TEXT_SIZE];
	int r;

	ipp_job_key_format(&o->job, o->file, key);
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_NAME, "job-name", NULL, o->title);
	(void)ippAddString(
		request, IPP_TAG_JOB, IPP_TAG_KEYWORD, "job-hold-until", NULL, "indefinite");
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, SPOOL_ATTR_JOB, NULL, key);
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, SPOOL_ATTR_WORKSPACE, NULL,
		uuid_format(&o->workspace, workspace));
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, SPOOL_ATTR_USER, NULL, o->user);
	(void)ippAddString(request, IPP_TAG_JOB, IPP_TAG_NAME, SPOOL_ATTR_OWNER, NULL, o->owner);
	(void)ippAddInteger(
		request, IPP_TAG_JOB, IPP_TAG_INTEGER, SPOOL_ATTR_NUMBER, (int)o->guest_job);
	add_options(s, request);
	r = ipp_do(s->http, request, &response);
	if (r < 0)
		return r;
	s->host_job = (uint32_t)ipp_int(response, "job-id", 0);
	ippDelete(response);
	return s->host_job ? 0 : -EIO;
}

/* Opens the body of Send-Document; the document's bytes follow by take_piece(). */
static int begin_document(struct submission *s)
{
	const struct submit_open *o = &s->open;
	ipp_t *request = ipp_request(IPP_OP_SEND_DOCUMENT, o->printer, o->owner);
	http_status_t status;

	(void)ippAddInteger(
		request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", (int)s->host_job);
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_NAME, "document-name", NULL, o->title);
	(void)ippAddString(
		request, IPP_TAG_OPERATION, IPP_TAG_MIMETYPE, "document-format", NULL, o->format);
	(void)ippAddBoolean(request, IPP_TAG_OPERATION, "last-document", 1);
	status = cupsSendRequest(s->http, request, "/", ippLength(request) + (size_t)o->size);
	ippDelete(request);
	if (status != HTTP_STATUS_CONTINUE)
		return -EIO;
	s->sending = true;
	return 0;
}

static void refuse_commands(struct submission *s)
{
	fail(s, REFUSAL_POLICY, false,
		"the document is made of printer commands, which the host does not allow (raw in "
		"platen.conf)");
}

static void open_job(struct submission *s, const struct submit_open *open, int *fd)
{
	int r;

	s->open = *open;
	s->active = true;
	s->pipe = steal_fd(fd);
	XXH3_128bits_reset(s->hash);
	s->commands = (struct commands){0};
	if (s->open.pages_only && !commands_format_is_pages(s->open.format)) {
		refuse_commands(s);
		return;
	}
	if (s->open.size == 0 || s->open.size > DOCUMENT_MOST) {
		fail(s, REFUSAL_QUOTA, false, "the document is larger than any spooler takes");
		return;
	}
	if (!connected(s)) {
		fail(s, REFUSAL_SPOOLER_DOWN, false, "the host's spooler does not answer");
		return;
	}
	r = create_job(s);
	if (r == -ECONNRESET) { /* cupsd had closed an idle connection, or is new */
		disconnect(s);
		r = connected(s) ? create_job(s) : r;
	}
	if (r < 0) {
		fail_ipp(s, "the job was not made");
		return;
	}
	if (begin_document(s) < 0) {
		fail_ipp(s, "the document was not taken");
		return;
	}
	(void)say_progress(s, SUBMIT_OPENED);
}

/* The document is as long as the guest says: is it the same? */
static void finish(struct submission *s)
{
	XXH128_canonical_t digest;
	ipp_t *response;
	bool over_already;

	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(s->hash));
	_Static_assert(sizeof(digest) == DIGEST_SIZE, "an XXH3-128 is 16 bytes");
	if (s->offset != s->seal.size || memcmp(&digest, s->seal.digest, DIGEST_SIZE) != 0 ||
		(s->offset && s->offset != s->open.size)) {
		fail(s, REFUSAL_MISMATCH, false,
			"what arrived is not what the workspace sent; it is sent again");
		return;
	}
	if (s->offset == 0) {
		fail(s, REFUSAL_EMPTY, false, "the document is empty: nothing to print");
		return;
	}
	response =
		httpWrite2(s->http, s->piece, s->kept) < 0 ? NULL : cupsGetResponse(s->http, "/");
	s->sending = false;
	if (!response || cupsLastError() > IPP_STATUS_OK_CONFLICTING) {
		ippDelete(response);
		fail_ipp(s, "the document was not taken");
		return;
	}
	over_already = ipp_int(response, "job-state", IPP_JSTATE_HELD) >= IPP_JSTATE_CANCELED;
	ippDelete(response);
	if (over_already) { /* released by hand: cupsd has printed its banner, and nothing else */
		fail(s, REFUSAL_FAILED, false,
			"the host's job was over before its document was there; it is sent again");
		return;
	}
	s->pipe = close_fd(s->pipe);
	s->whole = true;
	(void)say_progress(s, SUBMIT_SEALED);
}

/* The release waits until the disk has the document, and the kernel would let it lie in memory
 * until then: a large one is sent to the disk while it comes. Where the file is not known, or is
 * another's, nothing is lost but time. */
static void write_back(struct submission *s)
{
	if (s->offset - s->early_at < EARLY_STEP)
		return;
	if (s->early < 0)
		(void)say_progress(s, SUBMIT_UNDER_WAY);
	else
		(void)sync_file_range(
			s->early, 0, (off64_t)(s->offset - EARLY_TAIL), SYNC_FILE_RANGE_WRITE);
	s->early_at = s->offset;
}

/* Hands a piece on, or keeps it: without the last one cupsd has no document. */
static int pass_on(struct submission *s, size_t size)
{
	s->offset += size;
	if (s->offset == s->open.size) {
		s->kept = size;
		return 0;
	}
	if (cupsWriteRequestData(s->http, s->piece, size) != HTTP_STATUS_CONTINUE)
		return -EIO;
	write_back(s);
	return 0;
}

/* Takes one piece of the document. Returns whether there may be more at once. */
static bool take_piece(struct submission *s)
{
	uint64_t left = s->open.size - s->offset;
	ssize_t n = 0;

	if (left)
		n = read(s->pipe, s->piece, left < PIECE ? (size_t)left : PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		char text[MESSAGE_SIZE];

		(void)snprintf(text, sizeof(text),
			"the document cannot be read: %s (a security module?); it is sent again",
			strerror(errno));
		fail(s, REFUSAL_FAILED, false, text);
		return false;
	}
	if (n == 0) { /* all of it, or no writer is left: whether that is the end, a seal says */
		s->pipe = close_fd(s->pipe);
		if (s->sealed)
			finish(s);
		return false;
	}
	(void)XXH3_128bits_update(s->hash, s->piece, (size_t)n);
	if (s->open.pages_only && commands_found(&s->commands, (uint8_t *)s->piece, (size_t)n)) {
		refuse_commands(s);
		return false;
	}
	if (pass_on(s, (size_t)n) < 0) {
		fail_ipp(s, "the document broke off");
		return false;
	}
	if (s->sealed && s->offset >= s->seal.size) {
		finish(s);
		return false;
	}
	return true;
}

static void seal_job(struct submission *s, const struct submit_seal *seal)
{
	s->seal = *seal;
	s->sealed = true;
	if (s->offset >= s->seal.size || s->pipe < 0)
		finish(s);
}

/* After a release that failed: does the job wait for one at all? */
static void release_failed(struct submission *s, int error)
{
	if (error == -ECONNRESET) {
		disconnect(s);
		fail(s, REFUSAL_FAILED, true, "the spooler did not answer the release");
		return;
	}
	/* Somebody released or cancelled it by hand: the spooler's list tells what became of it. */
	fail(s, REFUSAL_FAILED, true, cupsLastErrorString());
}

/* libcups connects anew by itself, and a cupsd that is new may have forgotten the job and given its
 * number to another, which is not ours to release. 0 or -errno. */
static int look_again(struct submission *s)
{
	struct pollfd fd = {.fd = s->http ? httpGetFd(s->http) : -1, .events = POLLIN};
	char owner[USER_SIZE];

	if (s->http && poll(&fd, 1, 0) == 0)
		return 0; /* it is the cupsd that has the document */
	disconnect(s);
	if (!connected(s))
		return -ECONNRESET;
	return ipp_is_job(s->http, s->host_job, &s->open.job, s->open.file, owner);
}

static void release_job(struct submission *s)
{
	ipp_t *request, *response;
	int r = look_again(s);

	if (r < 0) { /* nothing was asked for */
		if (r == -ECONNRESET)
			disconnect(s);
		s->host_job = 0; /* what is left of it goes when it is listed, if it is held */
		fail(s, REFUSAL_FAILED, false,
			"the host's spooler is another one by now; it is sent again");
		return;
	}
	request = ipp_request(IPP_OP_RELEASE_JOB, s->open.printer, s->open.owner);
	(void)ippAddInteger(
		request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", (int)s->host_job);
	r = ipp_do(s->http, request, &response);
	if (r < 0) {
		release_failed(s, r);
		return;
	}
	ippDelete(response);
	(void)say_progress(s, SUBMIT_RELEASED);
	over(s);
}

static void on_query(struct submission *s)
{
	while (s->active && s->pipe >= 0 && take_piece(s))
		;
	if (s->active)
		(void)say_progress(s, SUBMIT_OFFSET);
}

/* cupsd's file of the document, whole and held until now, survives a loss of power from here on:
 * also its name, which cupsd gave it when it was whole, and which fdatasync(2) need not write. */
static void sync_document(struct submission *s, int fd)
{
	char text[MESSAGE_SIZE];

	if (fsync(fd) == 0) {
		(void)say_progress(s, SUBMIT_SYNCED);
		return;
	}
	(void)snprintf(text, sizeof(text),
		"the host's spooler has the document, but not safely on its disk: %s",
		strerror(errno));
	fail(s, REFUSAL_NO_SPACE, false, text);
}

static int on_message(struct submission *s, const struct ipc_head *m, int *fd)
{
	switch (m->type) {
	case SUBMIT_OPEN:
		if (m->size != sizeof(struct submit_open) || s->active || *fd < 0)
			return -EPROTO;
		open_job(s, (const struct submit_open *)m, fd);
		return 0;
	case SUBMIT_SEAL:
		if (m->size != sizeof(struct submit_seal))
			return -EPROTO;
		if (s->active && s->sending && !s->sealed)
			seal_job(s, (const struct submit_seal *)m);
		return 0;
	case SUBMIT_SYNC:
		if (*fd < 0)
			return -EPROTO;
		if (s->active && s->whole)
			sync_document(s, *fd);
		return 0;
	case SUBMIT_WRITE_BACK: /* without one where the kernel does not let it over */
		if (*fd >= 0 && s->sending && s->early < 0)
			s->early = steal_fd(fd);
		return 0;
	case SUBMIT_RELEASE:
		if (s->active && s->whole)
			release_job(s);
		return 0;
	case SUBMIT_ABORT:
		if (s->active) {
			drop(s);
			over(s);
		}
		return 0;
	case SUBMIT_QUERY: on_query(s); return 0;
	case SUBMIT_PING: return say(SUBMIT_PONG);
	default: return -EPROTO;
	}
}

/* How long a document that is on its way is waited for; -1: nothing is. One that does not come has
 * failed then. */
static int patience(struct submission *s)
{
	int r;

	if (!s->sending || s->sealed) {
		s->stall = (struct stall){0};
		return -1;
	}
	r = stall_look(&s->stall, clock_msec(), s->offset);
	if (r == -ETIMEDOUT)
		fail(s, REFUSAL_FAILED, false,
			"the document did not go on for minutes; it is sent again");
	return r > 0 ? r : -1;
}

int submit_run(const char *socket)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	struct submission s = {
		.socket = socket, .pipe = -1, .early = -1, .hash = XXH3_createState()};
	int sandbox = spool_sandbox();

	if (sandbox < 0 || !s.hash)
		return sandbox < 0 ? sandbox : -ENOMEM;
	s.http = ipp_connect(socket); /* ready beforehand; later is as good */
	if (say(SUBMIT_READY) < 0)
		return -ENOTCONN;
	for (;;) {
		int most = patience(&s);
		struct pollfd fds[] = {{.fd = IPC_FD, .events = POLLIN},
			{.fd = s.sending ? s.pipe : -1, .events = POLLIN}};
		_cleanup_close_ int fd = -1;
		int r;

		if (poll(fds, 2, most) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents) {
			r = ipc_recv(IPC_FD, buf, sizeof(buf), &fd);
			if (r == 0)
				break;
			if (r > 0)
				r = on_message(&s, (const struct ipc_head *)buf, &fd);
			if (r < 0 && r != -EAGAIN)
				return r;
		} else if (fds[1].revents) {
			(void)take_piece(&s);
		}
	}
	disconnect(&s);
	s.pipe = close_fd(s.pipe);
	XXH3_freeState(s.hash);
	return 0;
}
