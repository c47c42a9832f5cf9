/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancelled, or only stopped?
 *
 * cupsd sends a backend the same SIGTERM when a person cancels the job and when the queue is
 * stopped, changed or held, or the spooler ends; in all but the first case it runs the job again
 * later. Were those taken for a cancel, the host's job would be cancelled and the guest's be
 * lost. So the spooler is asked: one Get-Job-Attributes (RFC 8011 4.3.4) for job-state, which is
 * too little to load libcups for.
 */
#include "guest/backend/cancel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define ASK_SECONDS	   5
#define REQUEST_SIZE	   1024 /* bytes of the whole request */
#define ANSWER_SIZE	   4096 /* bytes of an answer that are looked at */
#define GET_JOB_ATTRIBUTES 0x09
#define TAG_OPERATION	   0x01
#define TAG_END		   0x03
#define TAG_ENUM	   0x23
#define TAG_KEYWORD	   0x44
#define TAG_URI		   0x45
#define TAG_CHARSET	   0x47
#define TAG_LANGUAGE	   0x48
#define NOT_FOUND	   0x0406
#define STATE_PROCESSING   5 /* RFC 8011 5.3.7 */
#define STATE_CANCELED	   7
#define STATE_ABORTED	   8

static size_t attribute(unsigned char *at, unsigned char tag, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	*at++ = tag;
	*at++ = 0;
	*at++ = (unsigned char)n;
	memcpy(at, name, n);
	at += n;
	*at++ = 0;
	*at++ = (unsigned char)v;
	memcpy(at, value, v);
	return n + v + 5;
}

/* The whole HTTP request. Returns its size. */
static size_t request_make(uint32_t id, unsigned char buf[static REQUEST_SIZE])
{
	unsigned char ipp[512] = {1, 1, 0, GET_JOB_ATTRIBUTES, 0, 0, 0, 1, TAG_OPERATION};
	size_t size = 9, head;
	char uri[64];

	(void)snprintf(uri, sizeof(uri), "ipp://localhost/jobs/%u", id);
	size += attribute(ipp + size, TAG_CHARSET, "attributes-charset", "utf-8");
	size += attribute(ipp + size, TAG_LANGUAGE, "attributes-natural-language", "en");
	size += attribute(ipp + size, TAG_URI, "job-uri", uri);
	size += attribute(ipp + size, TAG_KEYWORD, "requested-attributes", "job-state");
	ipp[size++] = TAG_END;
	head = (size_t)snprintf((char *)buf, REQUEST_SIZE,
		"POST /jobs/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		"Content-Type: application/ipp\r\nContent-Length: %zu\r\n\r\n",
		size);
	memcpy(buf + head, ipp, size);
	return head + size;
}

int cancel_read(const unsigned char *answer, size_t size)
{
	static const unsigned char wanted[] = "\x23\x00\x09job-state\x00\x04";
	const unsigned char *body = memmem(answer, size, "\r\n\r\n", 4), *state;

	if (size < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0 || !body)
		return -EBADMSG;
	state = memmem(body, size - (size_t)(body - answer), wanted, sizeof(wanted) - 1);
	if (state && state + sizeof(wanted) - 1 + 4 <= answer + size) {
		state += sizeof(wanted) - 1;
		if (state[0] || state[1] || state[2])
			return 0;
		return state[3] == STATE_CANCELED || state[3] == STATE_ABORTED ? 1
		       : state[3] == STATE_PROCESSING			       ? 2
									       : 0;
	}
	body += 4;
	if (body + 4 <= answer + size && (body[2] << 8 | body[3]) == NOT_FOUND)
		return 1; /* purged, or gone with its queue */
	return -EBADMSG;
}

int cancel_asked(const char *cups_socket, uint32_t id)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = ASK_SECONDS};
	unsigned char request[REQUEST_SIZE], answer[ANSWER_SIZE];
	size_t size = request_make(id, request), got = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (!cups_socket || cups_socket[0] != '/' ||
		text_copy(address.sun_path, sizeof(address.sun_path), cups_socket) < 0)
		return -EINVAL;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		return -errno;
	while (got < sizeof(answer) && (n = recv(fd, answer + got, sizeof(answer) - got, 0)) > 0) {
		got += (size_t)n;
		n = cancel_read(answer, got);
		if (n >= 0)
			return (int)n;
	}
	return -EBADMSG;
}
