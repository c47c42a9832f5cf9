/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking old drivers out of the store.
 *
 * A driver's file has the time at which it was last in use: whoever prunes says which are now, and
 * those get today's. What has not been in use for the days that were set goes, the driver first and
 * then what is known of it, so that whatever dies in between leaves nothing that is taken for a
 * driver; what it leaves is found by the next pruning, because there is no driver to it.
 */
#include "drivers-fetch/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define DAY	  86400 /* seconds */
#define HEX	  64	/* letters of a digest */
#define NAME_SIZE 512

struct pruning {
	int dir; /* the folder that is looked through */
	const uint8_t (*used)[32];
	size_t count;
	time_t now, before; /* what was last in use before this goes */
	unsigned int removed;
};

static bool is_hex(const char *name)
{
	return strspn(name, "0123456789abcdef") == HEX;
}

static bool is_used(const struct pruning *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		char hex[HEX + 1];

		for (int b = 0; b < 32; b++)
			(void)snprintf(hex + 2 * b, 3, "%02x", p->used[i][b]);
		if (strncmp(hex, name, HEX) == 0)
			return true;
	}
	return false;
}

/* A driver: in use, it gets the time; not for too long, it goes. */
static void on_driver(struct pruning *p, const char *name)
{
	const struct timespec now[2] = {{.tv_sec = p->now}, {.tv_sec = p->now}};
	struct stat st;

	if (!is_hex(name) || strcmp(name + HEX, ".ppd.gz") != 0)
		return;
	if (is_used(p, name))
		(void)utimensat(p->dir, name, now, AT_SYMLINK_NOFOLLOW);
	else if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < p->before &&
		 unlinkat(p->dir, name, 0) == 0)
		p->removed++;
}

/* Whether the driver of 64 letters is there, seen from the store's folder or one below it. */
static bool has_driver(const struct pruning *p, const char *below, const char *hex)
{
	char name[NAME_SIZE];

	(void)snprintf(name, sizeof(name), "%s%.*s.ppd.gz", below, HEX, hex);
	return faccessat(p->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What file_put() was writing when it died. */
static void on_left_over(struct pruning *p, const char *name)
{
	const char *dot = strrchr(name, '.');
	struct stat st;

	if (is_hex(name) && dot && dot[1] && dot[1 + strspn(dot + 1, "0123456789")] == '\0' &&
		fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < p->now - DAY)
		(void)unlinkat(p->dir, name, 0);
}

/* What is known of a driver, which is gone. */
static void on_companion(struct pruning *p, const char *name)
{
	if (is_hex(name) &&
		(strcmp(name + HEX, ".json") == 0 || strcmp(name + HEX, ".options") == 0) &&
		!has_driver(p, "", name))
		(void)unlinkat(p->dir, name, 0);
	else
		on_left_over(p, name);
}

static void on_original(struct pruning *p, const char *name)
{
	if (is_hex(name) && strcmp(name + HEX, ".gz") == 0 && !has_driver(p, "../", name))
		(void)unlinkat(p->dir, name, 0);
	else
		on_left_over(p, name);
}

/* What is remembered of a source whose driver is gone. */
static void on_record(struct pruning *p, const char *name)
{
	json_auto_t *record = NULL;
	const char *sha;
	int fd;

	on_left_over(p, name);
	if (!is_hex(name) || strcmp(name + HEX, ".json") != 0)
		return;
	fd = openat(p->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	record = json_loadfd(fd, 0, NULL);
	(void)close(fd);
	sha = json_string_value(json_object_get(record, "sha256"));
	if (!sha || !is_hex(sha) || !has_driver(p, "../", sha))
		(void)unlinkat(p->dir, name, 0);
}

/* What a Windows-type print server has, written anew each time it is asked. */
static void on_windows(struct pruning *p, const char *name)
{
	struct stat st;

	on_left_over(p, name);
	if (is_hex(name) && strcmp(name + HEX, ".json") == 0 &&
		fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < p->before)
		(void)unlinkat(p->dir, name, 0);
}

static int each(
	struct pruning *p, const char *path, void (*on_name)(struct pruning *, const char *))
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return -errno;
	p->dir = dirfd(dir);
	while ((entry = readdir(dir)))
		on_name(p, entry->d_name);
	(void)closedir(dir);
	return 0;
}

int store_prune(const char *store, const uint8_t (*used)[32], size_t count, unsigned int days,
	time_t now, unsigned int *ret_removed)
{
	static const struct {
		const char *folder;
		void (*on_name)(struct pruning *, const char *);
	} below[] = {{"sources", on_record}, {"whole", on_record}, {"originals", on_original},
		{"windows", on_windows}};
	struct pruning p = {.used = used, .count = count, .now = now};
	_cleanup_close_ int lock __attribute__((unused)) = store_lock(store);
	char path[NAME_SIZE];
	int r;

	p.before = days ? now - (time_t)days * DAY : 0;
	r = each(&p, store, on_driver);
	if (r < 0)
		return r;
	(void)each(&p, store, on_companion);
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		if (text_printf(path, sizeof(path), "%s/%s", store, below[i].folder) < 0)
			return -ENAMETOOLONG;
		r = each(&p, path, below[i].on_name);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	*ret_removed = p.removed;
	return 0;
}
