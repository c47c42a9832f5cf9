/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that this guest holds: STATE/drivers/<sha256>.ppd.gz.
 *
 * A driver crosses the channel once. It is kept in memory while its pieces arrive, unpacked with
 * a bound to see that it is what was asked for, and only then written, whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "guest/agent.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"

#define ASKED_MOST OFFER_PRINTERS_MAX
#define RETRY_USEC 10000000ULL /* after a driver that could not be kept */

struct drivers {
	struct agent *agent;
	char folder[AGENT_PATH_SIZE + 16];
	uint8_t (*asked)[SHA256_SIZE]; /* in this session, not answered yet */
	size_t asked_count, asked_size;
	uint8_t coming[SHA256_SIZE]; /* whose pieces arrive */
	uint8_t *packed;
	uint32_t total, have;
	sd_event_source *retry;
};

static void path_of(const struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE],
	char buf[static 256])
{
	int n = snprintf(buf, 256, "%s/", drivers->folder);

	for (int i = 0; i < SHA256_SIZE && n < 240; i++)
		n += snprintf(buf + n, (size_t)(256 - n), "%02x", sha256[i]);
	(void)snprintf(buf + n, (size_t)(256 - n), ".ppd.gz");
}

int drivers_new(struct agent *agent, struct drivers **ret_drivers)
{
	struct drivers *drivers = calloc(1, sizeof(*drivers));

	if (!drivers)
		return -ENOMEM;
	drivers->agent = agent;
	(void)snprintf(
		drivers->folder, sizeof(drivers->folder), "%s/drivers", agent->config.state_dir);
	if ((mkdir(agent->config.state_dir, 0755) < 0 && errno != EEXIST) ||
		(mkdir(drivers->folder, 0755) < 0 && errno != EEXIST)) {
		int r = -errno;

		log_line(LOG_ERR, NULL, "%s cannot be made: %s", drivers->folder, strerror(-r));
		free(drivers);
		return r;
	}
	*ret_drivers = drivers;
	return 0;
}

static void coming_reset(struct drivers *drivers)
{
	free(drivers->packed);
	drivers->packed = NULL;
	drivers->total = drivers->have = 0;
}

struct drivers *drivers_free(struct drivers *drivers)
{
	if (!drivers)
		return NULL;
	coming_reset(drivers);
	drivers->retry = sd_event_source_disable_unref(drivers->retry);
	free(drivers->asked);
	free(drivers);
	return NULL;
}

static size_t asked_find(const struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	size_t i = 0;

	while (i < drivers->asked_count && memcmp(drivers->asked[i], sha256, SHA256_SIZE) != 0)
		i++;
	return i;
}

static void ask(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	struct message m;

	if (asked_find(drivers, sha256) < drivers->asked_count ||
		drivers->asked_count == ASKED_MOST)
		return;
	if (drivers->asked_count == drivers->asked_size) {
		size_t size = drivers->asked_size ? drivers->asked_size * 2 : 16;
		void *grown = reallocarray(drivers->asked, size, SHA256_SIZE);

		if (!grown)
			return;
		drivers->asked = grown;
		drivers->asked_size = size;
	}
	message_init(&m, MESSAGE_DRIVER_GET);
	memcpy(m.driver_get.driver, sha256, SHA256_SIZE);
	if (channel_send(drivers->agent->channel, &m) == 0)
		memcpy(drivers->asked[drivers->asked_count++], sha256, SHA256_SIZE);
}

int drivers_open(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	char path[256];
	int fd;

	path_of(drivers, sha256, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	ask(drivers, sha256);
	return -ENOENT;
}

/* Whether the packed bytes are the driver that was asked for. */
static bool is_right(const struct drivers *drivers)
{
	uint8_t piece[16384], digest[SHA256_SIZE];
	z_stream z = {.next_in = drivers->packed, .avail_in = drivers->total};
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
	return r == Z_STREAM_END && memcmp(digest, drivers->coming, SHA256_SIZE) == 0;
}

static int keep(const struct drivers *drivers)
{
	char path[256], fresh[264];
	_cleanup_close_ int fd = -1;
	uint32_t done = 0;

	path_of(drivers, drivers->coming, path);
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (done < drivers->total) {
		ssize_t n = write(fd, drivers->packed + done, drivers->total - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			(void)unlink(fresh);
			return r;
		}
		done += (uint32_t)n;
	}
	return rename(fresh, path) < 0 ? -errno : 0;
}

/* The pieces of one driver are over, well or not. */
static void answered(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE])
{
	size_t i = asked_find(drivers, sha256);

	if (i < drivers->asked_count)
		memcpy(drivers->asked[i], drivers->asked[--drivers->asked_count], SHA256_SIZE);
	coming_reset(drivers);
	queues_changed(drivers->agent->queues);
}

/* What could not be kept is asked for again: there may be room now. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct drivers *drivers = userdata;

	(void)source;
	(void)usec;
	drivers->retry = sd_event_source_unref(drivers->retry);
	drivers->asked_count = 0;
	queues_changed(drivers->agent->queues);
	return 0;
}

void drivers_data(struct drivers *drivers, const struct message_driver_data *d)
{
	int r;

	if (asked_find(drivers, d->driver) == drivers->asked_count)
		return; /* not asked for: of an earlier session */
	if (d->total == 0) {
		log_line(LOG_WARNING, NULL, "the host does not have a driver that it offered");
		coming_reset(drivers);
		return; /* stays asked: not again in this session */
	}
	if (d->offset == 0) {
		coming_reset(drivers);
		drivers->packed = malloc(d->total);
		drivers->total = drivers->packed ? d->total : 0;
		memcpy(drivers->coming, d->driver, SHA256_SIZE);
	}
	if (!drivers->packed || d->offset != drivers->have || d->total != drivers->total ||
		memcmp(d->driver, drivers->coming, SHA256_SIZE) != 0)
		return coming_reset(drivers);
	memcpy(drivers->packed + drivers->have, d->data, d->data_size);
	drivers->have += d->data_size;
	if (drivers->have < drivers->total)
		return;
	r = is_right(drivers) ? keep(drivers) : -EBADMSG;
	if (r < 0) {
		log_line(LOG_ERR, NULL, "a driver could not be kept in %s: %s", drivers->folder,
			r == -EBADMSG ? "what arrived is not what was asked for" : strerror(-r));
		coming_reset(drivers);
		if (!drivers->retry)
			(void)sd_event_add_time_relative(drivers->agent->event, &drivers->retry,
				CLOCK_MONOTONIC, RETRY_USEC, 100000, on_retry, drivers);
		return;
	}
	answered(drivers, d->driver);
}

void drivers_session_over(struct drivers *drivers)
{
	drivers->asked_count = 0;
	coming_reset(drivers);
}
