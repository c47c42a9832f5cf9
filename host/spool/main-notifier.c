/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notifier `platen`: cupsd runs it (ServerBin/notifier/platen RECIPIENT USERDATA, as lp) and
 * writes an IPP message to its standard input for each event of our subscription.
 *
 * It passes on only that something happened to which printer or job, as a fixed datagram, to the
 * one socket that platen-spool listens at. The recipient URI could be anybody's, so it names no
 * path: the folder is fixed, or set by cupsd's own configuration.
 */
#include <cups/cups.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/spool/hint.h"
#include "proto/base/text.h"

#define AGAIN_MSEC 50  /* between two tries to pass on what the kernel had no memory for */
#define END_TRIES  100 /* of them at the end */
#define PIPE_BYTES (1024 * 1024) /* a thousand events, and what a user may have: pipe(7) */
#define QUEUE_MOST 256		 /* hints that wait; beyond, it is told that some were left out */

/* A job that takes longer than cupsd lets it (MaxJobTime), or is held for longer (MaxHoldTime), is
 * cancelled by cupsd itself, and one that a backend refuses, or its device, in the same way. Only
 * the event's text tells these from a person's cancel; it is never translated (CUPS 2.4.2,
 * cupsdCheckJobs(), finalize_job()). */
static bool is_given_up(ipp_t *event)
{
	static const char *const said[] = {
		"Canceling stuck job", "Marking stuck job", "Job canceled at printer"};
	ipp_attribute_t *a = ippFindAttribute(event, "notify-text", IPP_TAG_TEXT);
	const char *text = a ? ippGetString(a, 0, NULL) : NULL;

	for (size_t i = 0; text && i < sizeof(said) / sizeof(said[0]); i++)
		if (strncmp(text, said[i], strlen(said[i])) == 0)
			return true;
	return false;
}

static int hint_from(ipp_t *event, struct spool_hint *hint)
{
	ipp_attribute_t *a;
	const char *text;

	memset(hint, 0, sizeof(*hint));
	a = ippFindAttribute(event, "notify-job-id", IPP_TAG_INTEGER);
	hint->host_job = a ? (uint32_t)ippGetInteger(a, 0) : 0;
	a = ippFindAttribute(event, "job-state", IPP_TAG_ENUM);
	hint->job_state = a ? (uint32_t)ippGetInteger(a, 0) : 0;
	hint->given_up = hint->job_state == IPP_JSTATE_CANCELED && is_given_up(event);
	a = ippFindAttribute(event, "printer-name", IPP_TAG_NAME);
	text = a ? ippGetString(a, 0, NULL) : NULL;
	if (text && text_copy(hint->printer, sizeof(hint->printer), text) < 0)
		return -1;
	a = ippFindAttribute(event, "notify-subscribed-event", IPP_TAG_KEYWORD);
	text = a ? ippGetString(a, 0, NULL) : NULL;
	hint->printers = text && (strcmp(text, "printer-added") == 0 ||
					 strcmp(text, "printer-deleted") == 0);
	return 0;
}

/* Hints that platen-spool has no room for yet: cupsd must not wait for it. */
struct queue {
	int sock;
	struct sockaddr_un to;
	bool connected; /* so that poll(2) tells when there is room */
	struct spool_hint hints[QUEUE_MOST];
	size_t count;
	bool lost;    /* events that cannot be read any more, see end() */
	bool starved; /* the kernel has no memory: nothing tells when it has */
};

/* 0; -EAGAIN: there is no room; another -errno: nobody listens. */
static int try_to_send(struct queue *q, const struct spool_hint *hint)
{
	if (!q->connected && connect(q->sock, (const struct sockaddr *)&q->to, sizeof(q->to)) < 0)
		return -errno;
	q->connected = true;
	q->starved = false;
	if (send(q->sock, hint, sizeof(*hint), MSG_DONTWAIT) >= 0)
		return 0;
	q->starved = errno == ENOBUFS;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	q->connected = false;
	return -errno;
}

/* False: there is no room. Where nobody listens nothing is kept: who begins to listen reads all. */
static bool pass_on(struct queue *q, const struct spool_hint *hint)
{
	bool was = q->connected;
	int r = try_to_send(q, hint);

	if (r < 0 && r != -EAGAIN && was) /* another one may listen there by now */
		r = try_to_send(q, hint);
	if (r < 0 && r != -EAGAIN)
		fprintf(stderr, "DEBUG: platen: platen-spool does not listen at %s\n",
			q->to.sun_path);
	return r != -EAGAIN;
}

/* Passes on as much as there is room for; in the end, if so, that something was left out. */
static void flush(struct queue *q)
{
	static const struct spool_hint left_out = {.lost = 1};
	size_t done = 0;

	while (done < q->count && pass_on(q, &q->hints[done]))
		done++;
	q->count -= done;
	memmove(q->hints, q->hints + done, q->count * sizeof(q->hints[0]));
	if (q->count == 0 && q->lost)
		q->lost = !pass_on(q, &left_out);
}

/* One hint at what waits already is as good as two, but that a job was being printed is not to be
 * forgotten: one that is completed was. */
static bool is_waiting(struct queue *q, const struct spool_hint *hint)
{
	for (size_t i = 0; i < q->count; i++) {
		struct spool_hint *other = &q->hints[i];

		if (!hint_same(other, hint) || (other->job_state == IPP_JSTATE_PROCESSING &&
						       hint->job_state != IPP_JSTATE_PROCESSING &&
						       hint->job_state != IPP_JSTATE_COMPLETED))
			continue;
		other->job_state = hint_last(other->job_state, hint->job_state);
		other->given_up |= hint->given_up;
		return true;
	}
	return false;
}

static void put(struct queue *q, const struct spool_hint *hint)
{
	if (is_waiting(q, hint))
		return;
	if (q->count < QUEUE_MOST)
		q->hints[q->count++] = *hint;
	else
		q->hints[QUEUE_MOST - 1].lost = 1; /* before whatever comes when there is room */
	flush(q);
}

/* Waits for the next event, or until cupsd closes; passes on meanwhile what waits. */
static void wait_for_event(struct queue *q)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = q->sock, .events = POLLOUT}};

	while (!fds[0].revents) {
		bool waits = q->count || q->lost;

		(void)poll(
			fds, waits && !q->starved ? 2 : 1, waits && q->starved ? AGAIN_MSEC : -1);
		if (waits)
			flush(q);
	}
}

/* Whether cupsd has closed: otherwise it has written what is no event. */
static bool is_closed(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

/* Passes on what waits still. cupsd does not wait for a pipe that is full, and cuts off an event in
 * its midst (CUPS 2.4.2, cupsd_send_notification()): what follows cannot be read. Its next event
 * finds the pipe closed, and is given to another of us, when we are asked to end; those that were
 * in it are lost. */
static void end(struct queue *q)
{
	struct pollfd out = {.fd = q->sock, .events = POLLOUT};

	q->lost |= !is_closed();
	(void)signal(SIGTERM, SIG_IGN);
	(void)close(STDIN_FILENO);
	flush(q);
	for (int i = 0; i < END_TRIES && (q->count || q->lost); i++) {
		(void)poll(&out, 1, AGAIN_MSEC);
		flush(q);
	}
}

int main(void)
{
	static struct queue q = {.to = {.sun_family = AF_UNIX}};
	const char *folder = getenv(HINT_ENV);

	q.sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (q.sock < 0 || snprintf(q.to.sun_path, sizeof(q.to.sun_path), "%s/" HINT_SOCKET,
				  folder ? folder : HINT_RUNDIR) >= (int)sizeof(q.to.sun_path))
		return 1;
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES); /* or there is room for less */
	for (;;) {
		ipp_t *event = ippNew();
		struct spool_hint hint;
		ipp_state_t state;

		wait_for_event(&q);
		while ((state = ippReadFile(STDIN_FILENO, event)) != IPP_STATE_DATA)
			if (state <= IPP_STATE_IDLE)
				break;
		if (state == IPP_STATE_DATA && hint_from(event, &hint) == 0)
			put(&q, &hint);
		ippDelete(event);
		if (state <= IPP_STATE_IDLE)
			break;
	}
	end(&q);
	return 0;
}
