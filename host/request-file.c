/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the file of a request that cupsd still reads.
 *
 * cupsd 2.4 writes the body of a request into a file of its RequestRoot that is called by a number
 * of its own, eight hexadecimal digits, and renames it to that of a job's document when it is
 * whole (scheduler/client.c, cupsdReadClient(); scheduler/ipp.c, send_document()). It tells nobody
 * the number. But the file is as long as what was sent, up to what is in the socket: few
 * are at the same time, and where two are, neither is taken.
 */
#include "host/request-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define NAME_DIGITS 8

static bool is_request(const char *name)
{
	return strlen(name) == NAME_DIGITS && strspn(name, "0123456789abcdef") == NAME_DIGITS;
}

int request_file_open(const char *spool, uint64_t offset)
{
	DIR *dir = opendir(spool);
	char name[NAME_DIGITS + 1];
	int found = 0;
	struct dirent *entry;
	struct stat st;
	int fd, looked = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint64_t size;

		if (++looked > REQUEST_FILE_NAMES) {
			(void)closedir(dir);
			return -E2BIG; /* another that is as long may be among the rest */
		}
		if (!is_request(entry->d_name) ||
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		size = (uint64_t)st.st_size;
		if (size + REQUEST_FILE_LAG < offset || size > offset + REQUEST_FILE_LEAD)
			continue;
		found++;
		memcpy(name, entry->d_name, sizeof(name));
	}
	fd = found == 1 ? openat(dirfd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
			: -1;
	if (fd < 0)
		fd = found == 1 ? -errno : found ? -EEXIST : -ENOENT;
	(void)closedir(dir);
	return fd;
}
