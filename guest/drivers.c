/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that this guest holds.
 *
 * A driver crosses the channel once. Its pieces are kept in memory, unpacked with a bound to see
 * that they are what was asked for, and only then written, whole or not at all. Nothing is synced:
 * that would hold up everything else once for each of a thousand drivers. Instead a file of an
 * earlier run is unpacked once more before it is used, which also finds a disk's own faults.
 */
#include "guest/drivers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "guest/config.h"
#include "proto/base/cleanup.h"
#include "proto/base/file.h"
#include "proto/base/list.h"
#include "proto/base/text.h"

#define SUFFIX	    ".ppd.gz"
#define COMING_MOST 8	  /* in pieces at once; the host reads two files at a time */
#define TOUCH_SEC   86400 /* a use is noted once a day */

enum stage {
	STAGE_NONE,
	STAGE_ASKED,
	STAGE_FAILED,
	STAGE_HELD,
};

struct driver {
	TAILQ_ENTRY(driver) link;
	uint8_t sha256[SHA256_SIZE]; /* first: what is compared */
	enum stage stage;
	bool seen;	 /* a held one was unpacked in this run */
	time_t used;	 /* its file's time */
	uint8_t *packed; /* NULL: no piece has come */
	uint32_t total, have;
};

struct drivers {
	drivers_ask_fn *ask;
	void *userdata;
	char folder[AGENT_PATH_SIZE + 16];
	int dir;
	void *by_address; /* tsearch(3) */
	TAILQ_HEAD(, driver) all;
	uint32_t coming;
};

typedef char file_name[2 * SHA256_SIZE + sizeof(SUFFIX) + 4];

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct driver *)a)->sha256, ((const struct driver *)b)->sha256,
		SHA256_SIZE);
}

static void name_of(const uint8_t sha256[static SHA256_SIZE], file_name name)
{
	text_hex(sha256, SHA256_SIZE, name);
	(void)strcpy(name + 2 * SHA256_SIZE, SUFFIX);
}

/* The address in a file's name. */
static bool address_of(const char *name, uint8_t sha256[static SHA256_SIZE])
{
	return text_unhex(name, sha256, SHA256_SIZE) && strcmp(name + 2 * SHA256_SIZE, SUFFIX) == 0;
}

static struct driver *find(const struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	struct driver key;
	void *node;

	memcpy(key.sha256, sha256, SHA256_SIZE);
	node = tfind(&key, &drivers->by_address, compare);
	return node ? *(struct driver **)node : NULL;
}

static struct driver *get(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	struct driver *driver = find(drivers, sha256);

	if (driver)
		return driver;
	driver = calloc(1, sizeof(*driver));
	if (!driver)
		return NULL;
	memcpy(driver->sha256, sha256, SHA256_SIZE);
	if (!tsearch(driver, &drivers->by_address, compare)) {
		free(driver);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&drivers->all, driver, link);
	return driver;
}

/* What has come of it so far is thrown away. */
static void drop_pieces(struct drivers *drivers, struct driver *driver)
{
	if (!driver->packed)
		return;
	free(driver->packed);
	driver->packed = NULL;
	driver->total = driver->have = 0;
	drivers->coming--;
}

static void forget(struct drivers *drivers, struct driver *driver)
{
	drop_pieces(drivers, driver);
	(void)tdelete(driver, &drivers->by_address, compare);
	TAILQ_REMOVE(&drivers->all, driver, link);
	free(driver);
}

/* Sees which files are there; takes away what an earlier run did not finish. */
static int look(struct drivers *drivers)
{
	int fd = openat(drivers->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint8_t sha256[SHA256_SIZE];
	struct driver *driver;
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		(void)close_fd(fd);
		return -errno;
	}
	while ((entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		if (!address_of(entry->d_name, sha256)) {
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
			continue;
		}
		driver = get(drivers, sha256);
		if (!driver)
			continue;
		driver->stage = STAGE_HELD;
		driver->used = st.st_mtime;
	}
	(void)closedir(dir);
	return 0;
}

int drivers_new(
	const char *state_dir, drivers_ask_fn *ask, void *userdata, struct drivers **ret_drivers)
{
	struct drivers *drivers = calloc(1, sizeof(*drivers));
	int r = 0;

	if (!drivers)
		return -ENOMEM;
	*drivers = (struct drivers){.ask = ask, .userdata = userdata, .dir = -1};
	TAILQ_INIT(&drivers->all);
	(void)snprintf(drivers->folder, sizeof(drivers->folder), "%s/drivers", state_dir);
	if ((mkdir(state_dir, 0755) < 0 && errno != EEXIST) ||
		(mkdir(drivers->folder, 0755) < 0 && errno != EEXIST))
		r = -errno;
	if (r == 0)
		drivers->dir = open(drivers->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0)
		r = drivers->dir < 0 ? -errno : look(drivers);
	if (r < 0) {
		(void)drivers_free(drivers);
		return r;
	}
	*ret_drivers = drivers;
	return 0;
}

struct drivers *drivers_free(struct drivers *drivers)
{
	if (!drivers)
		return NULL;
	while (!TAILQ_EMPTY(&drivers->all))
		forget(drivers, TAILQ_FIRST(&drivers->all));
	drivers->dir = close_fd(drivers->dir);
	free(drivers);
	return NULL;
}

const char *drivers_folder(const struct drivers *drivers)
{
	return drivers->folder;
}

bool drivers_have(const struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	const struct driver *driver = find(drivers, sha256);

	return driver && driver->stage == STAGE_HELD;
}

void drivers_want(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	struct driver *driver = get(drivers, sha256);

	if (driver && driver->stage == STAGE_NONE && drivers->ask(sha256, drivers->userdata) == 0)
		driver->stage = STAGE_ASKED;
}

/* Whether the bytes unpack to what has this address, and nothing stands behind them. */
static bool is_right(const uint8_t *packed, size_t size, const uint8_t sha256[static SHA256_SIZE])
{
	uint8_t piece[16384], digest[SHA256_SIZE];
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)packed, .avail_in = (uInt)size};
	struct sha256_ctx sha;
	int r;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	sha256_init(&sha);
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		r = inflate(&z, Z_NO_FLUSH);
		sha256_update(&sha, sizeof(piece) - z.avail_out, piece);
	} while (r == Z_OK && z.total_out <= DRIVER_SIZE_MAX);
	(void)inflateEnd(&z);
	sha256_digest(&sha, SHA256_SIZE, digest);
	return r == Z_STREAM_END && z.avail_in == 0 && z.total_out <= DRIVER_SIZE_MAX &&
	       memcmp(digest, sha256, SHA256_SIZE) == 0;
}

/* Whether a file of an earlier run still is what its name says. */
static bool is_sound(int fd, const struct driver *driver)
{
	_cleanup_free_ uint8_t *packed = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > DRIVER_PACKED_MAX)
		return false;
	packed = malloc((size_t)st.st_size);
	if (!packed)
		return false;
	n = pread(fd, packed, (size_t)st.st_size, 0);
	return n == st.st_size && is_right(packed, (size_t)n, driver->sha256);
}

int drivers_open(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	struct driver *driver = find(drivers, sha256);
	_cleanup_close_ int fd = -1;
	file_name name;

	if (!driver || driver->stage != STAGE_HELD)
		return -ENOENT;
	name_of(sha256, name);
	fd = openat(drivers->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd >= 0 && !driver->seen)
		driver->seen = is_sound(fd, driver);
	if (fd >= 0 && driver->seen)
		return steal_fd(&fd);
	(void)unlinkat(drivers->dir, name, 0);
	driver->stage = STAGE_NONE;
	driver->seen = false;
	return -ENOENT;
}

/* Writes a driver that has come. */
static int keep(const struct drivers *drivers, const struct driver *driver)
{
	_cleanup_close_ int fd = -1;
	file_name name, fresh;
	int r;

	name_of(driver->sha256, name);
	(void)snprintf(fresh, sizeof(fresh), "%.*s.new", 2 * SHA256_SIZE, name);
	(void)unlinkat(drivers->dir, fresh, 0);
	fd = openat(
		drivers->dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, driver->packed, driver->total);
	if (r == 0 && renameat(drivers->dir, fresh, drivers->dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(drivers->dir, fresh, 0);
	return r;
}

static enum drivers_news failed(
	struct drivers *drivers, struct driver *driver, char *ret_why, const char *why)
{
	drop_pieces(drivers, driver);
	driver->stage = STAGE_FAILED;
	(void)text_copy(ret_why, MESSAGE_SIZE, why);
	return DRIVERS_FAILED;
}

/* All pieces are there. */
static enum drivers_news complete(struct drivers *drivers, struct driver *driver, char *ret_why)
{
	char why[MESSAGE_SIZE];
	int r;

	if (!is_right(driver->packed, driver->total, driver->sha256))
		return failed(drivers, driver, ret_why,
			"the driver that the host sent is not the one that it offered");
	r = keep(drivers, driver);
	if (r < 0) {
		(void)text_printf(why, sizeof(why), "its driver could not be kept in %s: %s",
			drivers->folder, strerror(-r));
		return failed(drivers, driver, ret_why, why);
	}
	drop_pieces(drivers, driver);
	driver->stage = STAGE_HELD;
	driver->seen = true;
	driver->used = time(NULL);
	return DRIVERS_CAME;
}

enum drivers_news drivers_take(struct drivers *drivers, const struct message_driver_data *d,
	char ret_why[static MESSAGE_SIZE])
{
	struct driver *driver = find(drivers, d->driver);

	if (!driver || driver->stage != STAGE_ASKED)
		return DRIVERS_MORE;
	if (d->total == 0)
		return failed(drivers, driver, ret_why,
			"the host does not have the driver any more that it offered");
	if (!driver->packed && d->offset == 0 && drivers->coming < COMING_MOST) {
		driver->packed = malloc(d->total);
		driver->total = driver->packed ? d->total : 0;
		drivers->coming += driver->packed != NULL;
	}
	if (!driver->packed || d->offset != driver->have || d->total != driver->total)
		return failed(drivers, driver, ret_why,
			"its driver did not come in one piece after another");
	memcpy(driver->packed + driver->have, d->data, d->data_size);
	driver->have += d->data_size;
	return driver->have < driver->total ? DRIVERS_MORE : complete(drivers, driver, ret_why);
}

void drivers_retry(struct drivers *drivers)
{
	struct driver *driver;

	TAILQ_FOREACH(driver, &drivers->all, link)
	if (driver->stage == STAGE_FAILED)
		driver->stage = STAGE_NONE;
}

void drivers_session_over(struct drivers *drivers)
{
	struct driver *driver, *next;

	TAILQ_FOREACH_SAFE(driver, &drivers->all, link, next)
	if (driver->stage != STAGE_HELD)
		forget(drivers, driver);
}

void drivers_prune(struct drivers *drivers, drivers_use_fn *is_used, void *userdata, time_t now)
{
	struct driver *driver, *next;
	file_name name;

	TAILQ_FOREACH_SAFE(driver, &drivers->all, link, next)
	{
		if (driver->stage != STAGE_HELD)
			continue;
		name_of(driver->sha256, name);
		if (is_used(driver->sha256, userdata)) {
			if (now - driver->used < TOUCH_SEC)
				continue;
			(void)utimensat(drivers->dir, name, NULL, AT_SYMLINK_NOFOLLOW);
			driver->used = now;
		} else if (now - driver->used > DRIVERS_KEEP_SEC) {
			(void)unlinkat(drivers->dir, name, 0);
			forget(drivers, driver);
		}
	}
}
