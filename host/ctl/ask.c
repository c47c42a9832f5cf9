/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to platend: connect, a JSON object on a line, read lines until the answer.
 *
 * Lines before the last are progress of something long, shown while it runs. platend ends a
 * question after a minute, so a little more is the longest that we wait. What goes wrong on the
 * way is told so that a person knows which end to look at: no socket, no right, no answer, or an
 * answer that is none.
 */
#include "host/ctl/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define REQUEST_MAX 4096	       /* bytes with the newline: CONTROL_REQUEST_MAX */
#define ANSWER_MAX  (64 * 1024 * 1024) /* bytes; 4096 printers are about 2 MiB */
#define WAIT_MSEC   70000	       /* platend itself ends a question after 60 s */

struct answer {
	char *bytes;
	size_t used, size, read; /* read: of whole lines that were seen to */
	json_t *object;		 /* the last line */
};

static void answer_deinit(struct answer *answer)
{
	free(answer->bytes);
	json_decref(answer->object);
}

static void complain(const char *text, const char *hint)
{
	fputs("platenctl: ", stderr);
	tone_print_escaped(stderr, false, TONE_PLAIN, text);
	fputc('\n', stderr);
	if (!hint || !hint[0])
		return;
	fputs("  ", stderr);
	tone_print_escaped(stderr, false, TONE_PLAIN, hint);
	fputc('\n', stderr);
}

static int fault(int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fault(int code, const char *hint, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	complain(text, hint);
	return code;
}

static int connect_to(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 10};

	if (fd < 0)
		return fault(CTL_FAILED, NULL, "no socket can be made: %s", strerror(errno));
	if (text_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return fault(CTL_USAGE, NULL, "%s: a socket's path has at most %zu bytes", path,
			sizeof(address.sun_path) - 1);
	/* A full backlog would hold connect(2), a stalled platend send(2). */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*ret_fd = steal_fd(&fd);
		return CTL_OK;
	}
	if (errno == EACCES || errno == EPERM)
		return fault(CTL_NOT_PERMITTED, "run it as root, or see the socket's folder",
			"%s: %s", path, strerror(errno));
	if (errno == EAGAIN)
		return fault(CTL_UNAVAILABLE, "look at `systemctl status platend`",
			"platend does not take the connection at %s", path);
	return fault(CTL_NOT_RUNNING,
		"look at `systemctl status platend`; if it listens elsewhere: --socket PATH",
		"platend does not run: nobody listens at %s (%s)", path, strerror(errno));
}

/* Sends what goes, with a descriptor unless that is -1. */
static ssize_t send_some(int fd, const char *line, size_t size, int passed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (char *)(uintptr_t)line, .iov_len = size};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (passed >= 0) {
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	return sendmsg(fd, &hdr, MSG_NOSIGNAL);
}

static int send_line(int fd, const char *line, size_t size, int passed)
{
	while (size) {
		ssize_t n = send_some(fd, line, size, passed);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		passed = -1;
		line += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads once. 1; 0 at the end; -ETIMEDOUT, -EMSGSIZE or another -errno. */
static int read_some(int fd, struct answer *answer, long long until)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	long long left = until - (long long)clock_msec();
	ssize_t n;

	n = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (answer->size - answer->used < 65536) {
		char *grown;

		if (answer->size >= ANSWER_MAX)
			return -EMSGSIZE;
		grown = realloc(answer->bytes, 2 * answer->size + 65536);
		if (!grown)
			return -ENOMEM;
		answer->bytes = grown;
		answer->size = 2 * answer->size + 65536;
	}
	n = recv(fd, answer->bytes + answer->used, answer->size - answer->used, 0);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	answer->used += (size_t)n;
	return n > 0;
}

/* Sees to the whole lines that are there. Returns 1 when the answer is among them, 0 when only
 * progress was, -EBADMSG when a line is no JSON object. */
static int take_lines(const struct ctl *ctl, struct answer *answer)
{
	char *end;

	while ((end = memchr(answer->bytes + answer->read, '\n', answer->used - answer->read))) {
		const char *line = answer->bytes + answer->read;
		const char *progress;

		json_decref(answer->object);
		answer->object = json_loadb(line, (size_t)(end - line), 0, NULL);
		answer->read = (size_t)(end + 1 - answer->bytes);
		if (!json_is_object(answer->object))
			return -EBADMSG;
		if (json_is_boolean(json_object_get(answer->object, "ok")))
			return 1;
		progress = ctl_string(answer->object, "progress");
		if (!progress[0])
			return -EBADMSG;
		if (!ctl->json) {
			tone_print_escaped(stderr, false, TONE_PLAIN, progress);
			fputc('\n', stderr);
		}
	}
	return 0;
}

static int receive(const struct ctl *ctl, int fd, struct answer *answer)
{
	long long until = (long long)clock_msec() + WAIT_MSEC;
	int r, got = 0;

	do {
		r = read_some(fd, answer, until);
		if (r > 0)
			got = take_lines(ctl, answer);
	} while (r > 0 && got == 0);
	if (got > 0)
		return CTL_OK;
	if (got < 0 || (r == 0 && answer->used > answer->read))
		return fault(CTL_FAILED, "platenctl and platend may be of different versions",
			"the answer from %s is no JSON object on a line", ctl->socket);
	if (r == -ETIMEDOUT)
		return fault(CTL_UNAVAILABLE, "look at `systemctl status platend`",
			"platend does not answer at %s", ctl->socket);
	if (r < 0 && r != -ECONNRESET) /* which is how a close looks before our line was read */
		return fault(CTL_FAILED, NULL, "the answer from %s: %s", ctl->socket, strerror(-r));
	return fault(CTL_UNAVAILABLE, "try again; look at `systemctl status platend`",
		"platend closed the connection at %s without an answer: it is busy, or ends",
		ctl->socket);
}

static int code_of(const char *word)
{
	static const struct {
		const char *word;
		int code;
	} codes[] = {
		{"bad-request", CTL_USAGE},
		{"not-permitted", CTL_NOT_PERMITTED},
		{"not-found", CTL_NOT_FOUND},
		{"unavailable", CTL_UNAVAILABLE},
		{"timeout", CTL_UNAVAILABLE},
		{"failed", CTL_FAILED},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].word, word) == 0)
			return codes[i].code;
	return CTL_FAILED;
}

int ctl_ask_with(const struct ctl *ctl, json_t *request, int passed, json_t **ret_data)
{
	__attribute__((cleanup(answer_deinit))) struct answer answer = {0};
	_cleanup_free_ char *line =
		request ? json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	_cleanup_close_ int fd = -1;
	size_t size = line ? strlen(line) : 0;
	int code;

	json_decref(request);
	if (!line) /* json_pack() takes only UTF-8 */
		return fault(CTL_USAGE, NULL, "a name on the command line is no UTF-8");
	if (size + 1 > REQUEST_MAX)
		return fault(
			CTL_USAGE, NULL, "the arguments are longer than %d bytes", REQUEST_MAX);
	code = connect_to(ctl->socket, &fd);
	if (code != CTL_OK)
		return code;
	line[size] = '\n'; /* in the place of its NUL */
	/* A platend that is full closes at once: that shows when its answer is read. */
	(void)send_line(fd, line, size + 1, passed);
	code = receive(ctl, fd, &answer);
	if (code != CTL_OK)
		return code;
	if (!ctl_true(answer.object, "ok")) {
		complain(ctl_string(answer.object, "error")[0] ? ctl_string(answer.object, "error")
							       : "platend says no, and not why",
			ctl_string(answer.object, "hint"));
		return code_of(ctl_string(answer.object, "code"));
	}
	*ret_data = json_incref(json_object_get(answer.object, "data"));
	return CTL_OK;
}

int ctl_ask(const struct ctl *ctl, json_t *request, json_t **ret_data)
{
	return ctl_ask_with(ctl, request, -1, ret_data);
}
