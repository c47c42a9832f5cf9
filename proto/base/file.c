/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a file whole: whoever reads it sees what was there before or what is there now, also
 * after a loss of power.
 */
#include "proto/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

int file_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int file_put(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd = -1;
	char fresh[PATH_MAX];
	int r;

	if (text_printf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid()) < 0)
		return -ENAMETOOLONG;
	(void)unlink(fresh); /* of a process that had our number and died */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}
