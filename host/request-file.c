/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the file of a request that cupsd still reads.
 *
 * cupsd 2.4 writes the body of a request into a file of its RequestRoot that is called by a number
 * of its own, eight hexadecimal digits, and renames it to that of a job's document when it is
 * whole (scheduler/client.c, cupsdReadClient(); scheduler/ipp.c, send_document()). It tells nobody
 * the number. But the file is as long as what was sent, up to what is in the socket: few
 * are at the same time, and where two are, neither is taken for the one that is meant.
 */
#include "host/request-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define NAME_DIGITS 8

static bool is_request(const char *name)
{
	return strlen(name) == NAME_DIGITS && strspn(name, "0123456789abcdef") == NAME_DIGITS;
}

/* The size of what may be a request's, or -1. */
static int64_t request_size(DIR *dir, const char *name)
{
	struct stat st;

	if (!is_request(name) || fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(st.st_mode))
		return -1;
	return st.st_size;
}

/* Opens it, or -errno. */
static int open_in(DIR *dir, const char *name)
{
	int fd = openat(dirfd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int request_file_open(const char *spool, uint64_t offset)
{
	DIR *dir = opendir(spool);
	char name[NAME_DIGITS + 1];
	int found = 0, fd;
	struct dirent *entry;
	int looked = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		int64_t size = request_size(dir, entry->d_name);

		if (++looked > REQUEST_FILE_NAMES) {
			(void)closedir(dir);
			return -E2BIG; /* another that is as long may be among the rest */
		}
		if (size < 0 || (uint64_t)size + REQUEST_FILE_LAG < offset ||
			(uint64_t)size > offset + REQUEST_FILE_LEAD)
			continue;
		found++;
		memcpy(name, entry->d_name, sizeof(name));
	}
	fd = found == 1 ? open_in(dir, name) : found ? -EEXIST : -ENOENT;
	(void)closedir(dir);
	return fd;
}

int request_files_open(const char *spool, int ret[static REQUEST_FILES_MOST])
{
	DIR *dir = opendir(spool);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -errno;
	for (int i = 0;
		i < REQUEST_FILE_NAMES && count < REQUEST_FILES_MOST && (entry = readdir(dir));
		i++) {
		if (request_size(dir, entry->d_name) < REQUEST_FILE_LAG)
			continue;
		ret[count] = open_in(dir, entry->d_name);
		count += ret[count] >= 0;
	}
	(void)closedir(dir);
	return count;
}
