/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a package that an admin gave.
 *
 * It is a file to us: its first bytes say which package manager it is for, and nothing else of it
 * is read but to copy and hash it. What is in it is the business of the guest's package manager,
 * which gets these very bytes.
 */
#include "drivers-fetch/package.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/file.h"
#include "proto/base/text.h"

#define PATH_SIZE 512

static const struct {
	const char *kind;
	size_t size;
	const char *bytes;
} kinds[] = {
	{"deb", 21, "!<arch>\ndebian-binary"}, /* deb(5) */
	{"rpm", 4, "\xED\xAB\xEE\xDB"},	       /* the lead of an RPM */
};

static const char *kind_of(int fd)
{
	char start[32];
	ssize_t n = pread(fd, start, sizeof(start), 0);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (n >= (ssize_t)kinds[i].size &&
			memcmp(start, kinds[i].bytes, kinds[i].size) == 0)
			return kinds[i].kind;
	return NULL;
}

/* Copies and hashes. -EFBIG: more than may be. */
static int copy(int from, int to, struct fetch_result *result)
{
	static uint8_t piece[65536];
	struct sha256_ctx sha;
	off_t offset = 0;
	int r;

	sha256_init(&sha);
	for (;;) {
		ssize_t n = pread(from, piece, sizeof(piece), offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		offset += n;
		if (offset > FETCH_PACKAGE_MAX)
			return -EFBIG;
		sha256_update(&sha, (size_t)n, piece);
		r = file_write_all(to, piece, (size_t)n);
		if (r < 0)
			return r;
	}
	result->size = (uint32_t)offset;
	sha256_digest(&sha, sizeof(result->sha256), result->sha256);
	return fsync(to) < 0 ? -errno : 0;
}

static int keep(const char *store, int from, const char *kind, struct fetch_result *result)
{
	char fresh[PATH_SIZE], path[PATH_SIZE];
	_cleanup_close_ int to = -1;
	int r, n;

	(void)snprintf(path, sizeof(path), "%s/packages", store);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	(void)snprintf(fresh, sizeof(fresh), "%s/packages/.new.%d", store, (int)getpid());
	(void)unlink(fresh); /* of a process that had our number and died */
	to = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return -errno;
	r = copy(from, to, result);
	n = snprintf(path, sizeof(path), "%s/packages/", store);
	for (size_t i = 0; i < sizeof(result->sha256); i++)
		n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", result->sha256[i]);
	(void)snprintf(path + n, sizeof(path) - (size_t)n, ".%s", kind);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

static void say(struct fetch_result *result, enum fetch_code code, const char *text)
{
	result->code = code;
	text_copy_line(result->text, sizeof(result->text), text);
}

void package_keep(const char *store, int fd, struct fetch_result *result)
{
	char what[300];
	struct stat st;
	const char *kind;
	int r;

	*result = (struct fetch_result){.head = {.type = FETCH_RESULT, .size = sizeof(*result)},
		.provenance = FETCH_MANUAL};
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return say(result, FETCH_REFUSED, "this is no plain file");
	kind = kind_of(fd);
	if (!kind)
		return say(result, FETCH_REFUSED, "this is neither a .deb nor an .rpm package");
	r = keep(store, fd, kind, result);
	if (r == -EFBIG)
		return say(result, FETCH_REFUSED, "the package is larger than 256 MiB");
	if (r < 0) {
		(void)snprintf(what, sizeof(what), "the package cannot be kept in %.200s: %s",
			store, strerror(-r));
		return say(result, FETCH_FAILED, what);
	}
	(void)text_copy(result->source, sizeof(result->source), kind);
	say(result, FETCH_OK, "kept");
}
