/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offer's file: what a host says of it, as it says it.
 *
 *   OfferBegin, then for each printer Printer and PrinterState, by rising index, OfferEnd
 *
 * in frames of the channel, so that what is read passes the same checks as what a host sends: each
 * frame has its checksum, each message is judged by message_decode(), and all of them together
 * have to come to the digest that OfferBegin names. Nothing is synced: a file that a loss of power
 * has cut is found out so, and is worth no more than the offer's crossing the channel once more.
 */
#include "guest/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/frame.h"
#include "proto/offer-digest.h"

#define BUFFER 65536 /* bytes, of the file's */

struct reader {
	FILE *file;
	struct message m;
	uint8_t frame[FRAME_MAX];
	char *why;
};

static int fault(struct reader *reader, const char *why)
{
	(void)text_printf(reader->why, 256, "%s", why);
	return -EBADMSG;
}

/* The next message, which is to be of this type. 0, -EBADMSG or -errno. */
static int next(struct reader *reader, enum message_type type)
{
	size_t size = 0, extent = FRAME_HEAD_SIZE;
	int r;

	if (fread(reader->frame, FRAME_HEAD_SIZE, 1, reader->file) != 1)
		return ferror(reader->file) ? -EIO : fault(reader, "it is cut short");
	if (frame_look(reader->frame, FRAME_HEAD_SIZE, &size) == FRAME_MORE)
		extent = frame_extent(reader->frame); /* FRAME_MAX at most */
	if (extent > FRAME_HEAD_SIZE && fread(reader->frame + FRAME_HEAD_SIZE,
						extent - FRAME_HEAD_SIZE, 1, reader->file) != 1)
		return ferror(reader->file) ? -EIO : fault(reader, "it is cut short");
	if (frame_look(reader->frame, extent, &size) != FRAME_WHOLE)
		return fault(reader, "a frame in it is damaged");
	r = message_decode(reader->frame + FRAME_HEAD_SIZE, size, &reader->m, reader->why);
	if (r == 0 && reader->m.head.type != type)
		return fault(reader, "a message in it is not in its place");
	return r;
}

/* One printer and its state. */
static int read_printer(struct reader *reader, struct kept_printer *ret_printer)
{
	int r = next(reader, MESSAGE_PRINTER);

	if (r < 0)
		return r;
	ret_printer->printer = reader->m.printer;
	r = next(reader, MESSAGE_PRINTER_STATE);
	if (r < 0)
		return r;
	ret_printer->state = reader->m.printer_state;
	if (ret_printer->state.index != ret_printer->printer.index)
		return fault(reader, "a state in it is not that of its printer");
	return 0;
}

static int read_all(struct reader *reader, struct kept *kept)
{
	uint8_t said[SHA256_SIZE];
	struct offer_digest digest;
	uint32_t count;
	int r = next(reader, MESSAGE_OFFER_BEGIN);

	if (r < 0)
		return r;
	memcpy(said, reader->m.offer_begin.offer, SHA256_SIZE);
	count = reader->m.offer_begin.count; /* OFFER_PRINTERS_MAX at most */
	kept->list = calloc(count + 1, sizeof(*kept->list));
	if (!kept->list)
		return -ENOMEM;
	offer_digest_begin(&digest);
	for (; kept->count < count; kept->count++) {
		struct kept_printer *p = &kept->list[kept->count];

		r = read_printer(reader, p);
		if (r < 0)
			return r;
		offer_digest_add(&digest, &p->printer, &p->state);
	}
	r = next(reader, MESSAGE_OFFER_END);
	if (r < 0)
		return r;
	offer_digest_end(&digest, kept->digest);
	if (getc(reader->file) != EOF || memcmp(said, kept->digest, SHA256_SIZE) != 0)
		return fault(reader, "it is not what was written");
	return 0;
}

static int load(struct kept *kept, char *why)
{
	struct reader *reader = malloc(sizeof(*reader));
	int r = reader ? 0 : -ENOMEM;

	if (reader) {
		reader->why = why;
		reader->file = fopen(kept->path, "re");
		r = reader->file ? 0 : -errno;
	}
	if (r == 0) {
		(void)setvbuf(reader->file, NULL, _IOFBF, BUFFER);
		r = read_all(reader, kept);
		(void)fclose(reader->file);
	}
	free(reader);
	if (r < 0) {
		kept_drop(kept);
		memset(kept->digest, 0, SHA256_SIZE);
	}
	return r;
}

int kept_new(const char *state_dir, struct kept **ret_kept, char ret_why[static 256])
{
	struct kept *kept = calloc(1, sizeof(*kept));
	char why[256] = "";
	int r;

	if (!kept)
		return -ENOMEM;
	(void)snprintf(kept->path, sizeof(kept->path), "%s/offer", state_dir);
	r = load(kept, why);
	if (r == -ENOMEM) {
		(void)kept_free(kept);
		return r;
	}
	*ret_kept = kept;
	if (r == 0 || r == -ENOENT)
		return 0;
	if (r == -EBADMSG)
		(void)unlink(kept->path);
	(void)text_printf(ret_why, 256, "%.120s: %.120s", kept->path, why[0] ? why : strerror(-r));
	return 1;
}

struct kept *kept_free(struct kept *kept)
{
	if (!kept)
		return NULL;
	kept_drop(kept);
	free(kept);
	return NULL;
}

void kept_drop(struct kept *kept)
{
	free(kept->list);
	kept->list = NULL;
	kept->count = 0;
}

/* A message as a frame; what goes wrong is found when the file is closed. */
static void put(FILE *file, const struct message *m)
{
	static uint8_t payload[FRAME_PAYLOAD_MAX];
	uint8_t head[FRAME_HEAD_SIZE];
	size_t size = message_encode(m, payload);

	frame_head(head, payload, size);
	(void)fwrite(head, sizeof(head), 1, file);
	(void)fwrite(payload, size, 1, file);
}

static void put_all(FILE *file, const struct kept_entry *entries, uint32_t count,
	const uint8_t digest[static SHA256_SIZE])
{
	struct message m;

	message_init(&m, MESSAGE_OFFER_BEGIN);
	m.offer_begin.count = count;
	memcpy(m.offer_begin.offer, digest, SHA256_SIZE);
	put(file, &m);
	for (uint32_t i = 0; i < count; i++) {
		message_init(&m, MESSAGE_PRINTER);
		m.printer = *entries[i].printer;
		put(file, &m);
		message_init(&m, MESSAGE_PRINTER_STATE);
		m.printer_state = *entries[i].state;
		put(file, &m);
	}
	message_init(&m, MESSAGE_OFFER_END);
	put(file, &m);
}

/* A file that is whole when it has its name. */
static int replace(const struct kept *kept, const struct kept_entry *entries, uint32_t count,
	const uint8_t digest[static SHA256_SIZE])
{
	char fresh[sizeof(kept->path) + 4];
	FILE *file;
	int r;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", kept->path);
	file = fopen(fresh, "we");
	if (!file)
		return -errno;
	(void)setvbuf(file, NULL, _IOFBF, BUFFER);
	put_all(file, entries, count, digest);
	r = ferror(file) ? -EIO : 0;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, kept->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int kept_write(struct kept *kept, const struct kept_entry *entries, uint32_t count,
	const uint8_t digest[static SHA256_SIZE])
{
	int r = 0;

	if (memcmp(digest, kept->digest, SHA256_SIZE) == 0)
		return 0;
	if (count)
		r = replace(kept, entries, count, digest);
	else if (unlink(kept->path) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		memcpy(kept->digest, digest, SHA256_SIZE);
	return r;
}
