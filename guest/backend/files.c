/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of its job's files a document is.
 *
 * cupsd gives a backend the file's name, but not when it puts a filter before it that at most
 * unpacks it, as it does with compressed files, and with printer-ready ones of a job of several
 * (gziptoany). The document is then told by what it says: it is compared with the spooler's files,
 * as they are and unpacked. Two that say the same cannot be told apart, nor need they be: the agent
 * takes the first that is not done.
 */
#include "guest/backend/files.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define PIECE 65536 /* bytes that are compared at once */

static bool path_of(uint32_t job, uint32_t file, char *buf, size_t size)
{
	const char *root = getenv("CUPS_REQUESTROOT");

	return root && *root == '/' &&
	       text_printf(buf, size, "%s/d%05u-%03u", root, job, file) >= 0;
}

uint32_t files_count(uint32_t job)
{
	char path[PATH_MAX];
	uint32_t count = 0;

	while (count < JOB_FILES_MAX && path_of(job, count + 1, path, sizeof(path)) &&
		access(path, F_OK) == 0)
		count++;
	return count;
}

/* Of zlib. Each job waits until its backend is loaded, and hardly one has to be unpacked: so it is
 * loaded here. */
struct unpacker {
	__typeof__(gzdopen) *open;
	__typeof__(gzread) *read;
	__typeof__(gzclose) *close;
};

static bool unpacker_load(struct unpacker *u)
{
	void *zlib = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!zlib)
		return false;
	u->open = (__typeof__(gzdopen) *)dlsym(zlib, "gzdopen");
	u->read = (__typeof__(gzread) *)dlsym(zlib, "gzread");
	u->close = (__typeof__(gzclose) *)dlsym(zlib, "gzclose");
	return u->open && u->read && u->close; /* it stays until the program ends */
}

static bool is_same_unpacked(int document, int fd)
{
	static char ours[PIECE], theirs[PIECE];
	struct unpacker unpacker;
	int copy, n = 0;
	gzFile file;
	bool same;
	off_t at = 0;

	if (!unpacker_load(&unpacker))
		return false;
	copy = dup(fd);
	file = copy < 0 ? NULL : unpacker.open(copy, "rb");
	same = file;
	if (!file && copy >= 0)
		(void)close(copy);
	while (same && (n = unpacker.read(file, theirs, sizeof(theirs))) > 0) {
		same = pread(document, ours, (size_t)n, at) == n &&
		       memcmp(ours, theirs, (size_t)n) == 0;
		at += n;
	}
	same = same && n == 0 && pread(document, ours, 1, at) == 0;
	if (file)
		(void)unpacker.close(file);
	return same;
}

/* Whether the spooler's file is one that gziptoany would unpack. */
static bool is_packed(int fd)
{
	static const unsigned char magic[] = {0x1f, 0x8b};
	unsigned char start[sizeof(magic)];

	return pread(fd, start, sizeof(start), 0) == sizeof(start) &&
	       memcmp(start, magic, sizeof(magic)) == 0;
}

static bool is_same(int document, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	static char ours[PIECE], theirs[PIECE];
	struct stat a, b;

	if (fd < 0 || fstat(document, &a) < 0 || fstat(fd, &b) < 0)
		return false;
	if (is_packed(fd) && is_same_unpacked(document, fd))
		return true;
	if (a.st_size != b.st_size)
		return false;
	for (off_t at = 0; at < a.st_size;) {
		ssize_t n = pread(document, ours, sizeof(ours), at);

		if (n <= 0 || pread(fd, theirs, (size_t)n, at) != n ||
			memcmp(ours, theirs, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

bool files_find(int document, uint32_t count, struct backend_open *open)
{
	char path[PATH_MAX];
	uint32_t found = 0, last = 0;

	for (uint32_t file = 1; file <= count; file++) {
		if (!path_of(open->guest_job, file, path, sizeof(path)) || !is_same(document, path))
			continue;
		if (found)
			open->same[file / 8] |= (uint8_t)(1U << (file % 8));
		else
			found = file;
		last = file;
	}
	if (!found)
		return false;
	open->file = found;
	/* Of two that are the same it may be either: careful is to think of the first. */
	open->more = last < count || last > found;
	return true;
}
