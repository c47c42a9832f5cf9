/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend's control socket, with platend behind it: whatever a local user sends, it answers with
 * one JSON object or hangs up, and who is no administrator changes nothing.
 *
 * The bytes are lines, each a connection's: a sign whose bits say how it comes (1: from a stranger,
 * 2: with a descriptor, 4: hung up at once, 8: not ended by a newline), then the request. The
 * workers' programs do not exist here, so that what needs one is refused.
 */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/control.h"
#include "host/renderings.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/transport.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/platend.h"

enum how {
	HOW_STRANGER = 1,
	HOW_DESCRIPTOR = 2,
	HOW_HANG_UP = 4,
	HOW_OPEN = 8,
};

static bool stranger;

/* In place of the C library's: who connects is not always root. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	if (level == SOL_SOCKET && name == SO_PEERCRED && stranger) {
		*(struct ucred *)value = (struct ucred){.uid = 65534, .gid = 65534};
		return 0;
	}
	return (int)syscall(SYS_getsockopt, fd, level, name, value, size);
}

static void send_request(int fd, const char *text, size_t size, int how)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[] = {{(void *)(uintptr_t)text, size}, {"\n", 1}};
	struct msghdr hdr = {.msg_iov = iov, .msg_iovlen = how & HOW_OPEN ? 1 : 2};
	_cleanup_close_ int passed = -1;

	if (how & HOW_DESCRIPTOR) {
		struct cmsghdr *c;

		passed = memfd_create("driver", MFD_CLOEXEC);
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	PROMISE(sendmsg(fd, &hdr, MSG_NOSIGNAL) >= 0);
}

/* One line of JSON, or nothing. */
static void look_at(const char *answer, size_t size)
{
	json_t *object, *ok;
	const char *error;

	if (size == 0)
		return;
	PROMISE(memchr(answer, '\n', size) == answer + size - 1);
	object = json_loadb(answer, size, 0, NULL);
	ok = json_object_get(object, "ok");
	PROMISE(json_is_boolean(ok));
	error = json_string_value(json_object_get(object, "error"));
	if (json_is_true(ok))
		PROMISE(json_object_get(object, "data") && !error);
	else
		PROMISE(error && text_is_line(error) && error[0] &&
			json_string_length(json_object_get(object, "code")) > 0);
	json_decref(object);
}

static void ask(struct host *host, const char *text, size_t size, int how)
{
	static char answer[1 << 20];
	_cleanup_close_ int fd = transport_unix_connect(host->config.control);
	size_t used = 0;
	ssize_t n = -1;

	PROMISE(fd >= 0);
	stranger = how & HOW_STRANGER;
	(void)sd_event_run(host->event, 0); /* it is accepted */
	send_request(fd, text, size, how);
	if (how & HOW_HANG_UP)
		fd = close_fd(fd);
	for (int i = 0; i < 16 && n != 0; i++) {
		PROMISE(sd_event_run(host->event, 0) >= 0);
		while (fd >= 0 &&
			(n = recv(fd, answer + used, sizeof(answer) - used, MSG_DONTWAIT)) > 0)
			used += (size_t)n;
	}
	look_at(answer, used);
}

static void ask_and_compare(struct host *host, const char *text, size_t size, int how)
{
	struct workspace *ws = workspace_named(host, "office");
	enum restart_policy restart = ws->own_restart;
	enum mode mode = host->mode, own = ws->own_mode;
	enum rendering rendering = renderings_of(host->renderings, "laser", NULL);

	ask(host, text, size, how);
	if (!(how & HOW_STRANGER))
		return;
	PROMISE(host->mode == mode && ws->own_mode == own && ws->own_restart == restart);
	PROMISE(renderings_of(host->renderings, "laser", NULL) == rendering);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	struct host *host;

	host = platend_begin("fuzz-control");
	while (text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));

		line = line ? line : end;
		if (line > text)
			ask_and_compare(host, text + 1, (size_t)(line - text - 1), text[0]);
		text = line + 1;
	}
	platend_end(host);
	return 0;
}
