/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers and packages to the guest.
 *
 * A guest may ask for as many as it has printers, at once; platend is asked for two at a time,
 * and a file is read only as fast as the link takes it. So what waits here is digests, never bytes,
 * and a piece goes only when nothing else has to: a job's messages are not kept waiting by drivers.
 */
#include "host/channel/feed.h"

#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

void feed_init(struct feed *feed)
{
	feed->link = NULL;
	feed->first = feed->count = feed->out = 0; /* the ring takes memory when it is used */
	for (size_t i = 0; i < FEED_OPEN; i++)
		feed->files[i] = (struct feed_file){.fd = -1};
}

void feed_reset(struct feed *feed)
{
	for (size_t i = 0; i < FEED_OPEN; i++)
		feed->files[i].fd = close_fd(feed->files[i].fd);
	feed->first = feed->count = feed->out = 0;
}

const char *feed_get(struct feed *feed, const struct message *m)
{
	bool is_package = m->head.type == MESSAGE_PACKAGE_GET;
	struct feed_asked *asked;

	if (feed->count == OFFER_PRINTERS_MAX)
		return "DriverGet, PackageGet: more than printers";
	asked = &feed->asked[(feed->first + feed->count++) % OFFER_PRINTERS_MAX];
	asked->is_package = is_package;
	memcpy(asked->sha256, is_package ? m->package_get.package : m->driver_get.driver,
		SHA256_SIZE);
	return NULL;
}

/* Whether another file may be had: those read, and those asked for, are few. */
static bool has_room(const struct feed *feed)
{
	uint32_t busy = feed->out;

	for (size_t i = 0; i < FEED_OPEN; i++)
		busy += feed->files[i].fd >= 0;
	return busy < FEED_OPEN;
}

bool feed_question(struct feed *feed, struct message *ret_question)
{
	const struct feed_asked *asked = &feed->asked[feed->first];
	struct message *m = ret_question;

	if (!feed->count || !has_room(feed))
		return false;
	message_init(m, asked->is_package ? MESSAGE_PACKAGE_GET : MESSAGE_DRIVER_GET);
	memcpy(asked->is_package ? m->package_get.package : m->driver_get.driver, asked->sha256,
		SHA256_SIZE);
	feed->count--;
	feed->first = feed->count ? (feed->first + 1) % OFFER_PRINTERS_MAX : 0;
	feed->out++;
	return true;
}

/* A piece of either, without bytes: there is none. */
static void piece_init(struct message *m, bool is_package, const uint8_t sha256[static SHA256_SIZE])
{
	message_init(m, is_package ? MESSAGE_PACKAGE_DATA : MESSAGE_DRIVER_DATA);
	memcpy(is_package ? m->package_data.package : m->driver_data.driver, sha256, SHA256_SIZE);
}

void feed_answer(struct feed *feed, const struct channel_driver *answer, int *fd)
{
	struct message m;

	if (feed->out)
		feed->out--;
	for (size_t i = 0; i < FEED_OPEN && answer->size && *fd >= 0; i++) {
		struct feed_file *file = &feed->files[i];

		if (file->fd >= 0)
			continue;
		*file = (struct feed_file){.fd = steal_fd(fd),
			.size = answer->size,
			.is_package = answer->is_package != 0};
		memcpy(file->sha256, answer->driver, SHA256_SIZE);
		return;
	}
	piece_init(&m, answer->is_package != 0, answer->driver);
	(void)link_send(feed->link, &m);
}

/* The file that the next piece is of: one that has begun is finished first, for a guest puts
 * together one at a time. */
static struct feed_file *next_file(const struct feed *feed)
{
	const struct feed_file *next = NULL;

	for (size_t i = 0; i < FEED_OPEN; i++) {
		const struct feed_file *file = &feed->files[i];

		if (file->fd >= 0 && (!next || file->offset))
			next = file;
	}
	return (struct feed_file *)(uintptr_t)next;
}

void feed_send(struct feed *feed)
{
	static uint8_t piece[FRAME_DATA_MAX];
	struct feed_file *file = link_bulk_ready(feed->link) ? next_file(feed) : NULL;
	struct message m;
	uint32_t want;
	ssize_t n;

	if (!file)
		return;
	want = file->size - file->offset;
	n = read(file->fd, piece, want < sizeof(piece) ? want : sizeof(piece));
	piece_init(&m, file->is_package, file->sha256);
	if (n > 0 && file->is_package) {
		m.package_data.total = file->size;
		m.package_data.offset = file->offset;
		m.package_data.data_size = (uint32_t)n;
		m.package_data.data = piece;
	} else if (n > 0) {
		m.driver_data.total = file->size;
		m.driver_data.offset = file->offset;
		m.driver_data.data_size = (uint32_t)n;
		m.driver_data.data = piece;
	}
	if (n > 0)
		file->offset += (uint32_t)n;
	(void)link_send(feed->link, &m);
	if (n <= 0 || file->offset == file->size)
		file->fd = close_fd(file->fd);
}

bool feed_is_due(const struct feed *feed, bool may_ask)
{
	if (!feed->link || !link_bulk_ready(feed->link))
		return false;
	return next_file(feed) || (feed->count && may_ask && has_room(feed));
}
