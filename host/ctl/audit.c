/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auditd's log, from its end back.
 *
 * Where auditd runs the kernel gives its records to it, and not to its own log; the journal has
 * them only while systemd-journald-audit.socket is on, which some systems have off. The file is
 * root's, so its lines are the kernel's; a record is one line, `type=AVC msg=audit(TIME:SERIAL):
 * …`, and auditd may add names of its own behind a group separator (log_format = ENRICHED).
 */
#include "host/ctl/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define TAIL_MOST (1024 * 1024) /* bytes */

void denials_add(struct denials *denials, const struct denial *d)
{
	if (denials->count == DENIALS_SHOWN)
		return;
	for (size_t i = 0; i < denials->count; i++) {
		const struct denial *is = &denials->shown[i];

		if (strcmp(is->name, d->name) == 0 && strcmp(is->operation, d->operation) == 0 &&
			strcmp(is->profile, d->profile) == 0)
			return;
	}
	denials->shown[denials->count++] = *d;
}

/* The seconds of msg=audit(SECONDS.MILLISECONDS:SERIAL), or -1. */
static int64_t time_of(const char *line)
{
	static const char mark[] = " msg=audit(";
	const char *at = strstr(line, mark);

	return at ? strtoll(at + strlen(mark), NULL, 10) : -1;
}

static void take_line(char *line, int64_t since, struct denials *denials)
{
	struct denial d;

	line[strcspn(line, "\x1d")] = '\0';
	if (strncmp(line, "type=AVC ", 9) == 0 && time_of(line) >= since && denial_read(line, &d))
		denials_add(denials, &d);
}

int audit_read(const char *path, int64_t since, struct denials *denials)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = malloc(TAIL_MOST + 1);
	ssize_t n, size = 0;
	off_t end;

	if (fd < 0)
		return -errno;
	if (!text)
		return -ENOMEM;
	end = lseek(fd, 0, SEEK_END);
	if (end < 0 || lseek(fd, end > TAIL_MOST ? end - TAIL_MOST : 0, SEEK_SET) < 0)
		return -errno;
	while (size < TAIL_MOST && (n = read(fd, text + size, (size_t)(TAIL_MOST - size))) > 0)
		size += n;
	text[size] = '\0';
	while (size > 0 && denials->count < DENIALS_SHOWN) {
		char *line;

		if (text[size - 1] == '\n')
			text[--size] = '\0';
		line = memrchr(text, '\n', (size_t)size);
		line = line ? line + 1 : text;
		take_line(line, since, denials);
		size = line - text;
		text[size] = '\0';
	}
	return 0;
}
