/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document, seekable, whatever way it came.
 *
 * A queue without filters gets its job's own file. Where filters run, the document comes through a
 * pipe that cannot be read twice, and the agent may have to: so it is kept in a file first. When
 * the disk is full the pipe is simply not read on, which holds the filters back, until there is
 * room.
 */
#include "guest/backend/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/backend/report.h"
#include "proto/base/cleanup.h"

#define ROOM_MSEC 1000 /* between two tries to write to a full disk */

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

static int file_new(void)
{
	char path[4096];
	int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(path, sizeof(path), "%s/platen-XXXXXX", folder()) >= (int)sizeof(path))
		return errno = ENAMETOOLONG, -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/* Waits until writing may be tried again. -EINTR: it is to be given up. */
static int wait_for_room(int signals, bool *said)
{
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	char text[MESSAGE_SIZE];

	if (!*said) {
		(void)snprintf(text, sizeof(text),
			"The document cannot be kept in %.300s (%s): waiting for room there",
			folder(), strerror(errno));
		report_line("ERROR", text);
		*said = true;
	}
	return poll(&fd, 1, ROOM_MSEC) > 0 ? -EINTR : 0;
}

static int write_all(int fd, const char *bytes, size_t size, int signals, bool *said)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);
		int r;

		if (n < 0) {
			r = wait_for_room(signals, said);
			if (r < 0)
				return r;
			continue;
		}
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int keep_input(int signals)
{
	_cleanup_close_ int fd = -1;
	static char buf[65536];
	bool said = false;
	int r;

	while ((fd = file_new()) < 0) {
		r = wait_for_room(signals, &said);
		if (r < 0)
			return r;
	}
	for (;;) {
		struct pollfd fds[] = {
			{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
		ssize_t n;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -EINTR;
		n = read(STDIN_FILENO, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		r = write_all(fd, buf, (size_t)n, signals, &said);
		if (r < 0)
			return r;
	}
	if (said)
		report_line("INFO", "The document is kept");
	return steal_fd(&fd);
}

int document_open(const char *path, int signals)
{
	int fd;

	if (!path)
		return keep_input(signals);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
