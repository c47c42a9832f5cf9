/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a document for the host.
 *
 * The digest runs over the whole document in order and survives a broken channel: where the host
 * is behind it, bytes are sent again and hashed only once; where the host is ahead of it (the
 * agent was started anew), the part in between is read for the digest alone, in slices, so that
 * nobody waits for it.
 */
#include "guest/transfer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

int transfer_init(struct transfer *t, int document)
{
	struct stat st;

	if (fstat(document, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*t = (struct transfer){.document = -1, .size = (uint64_t)st.st_size};
	t->hash = XXH3_createState();
	if (!t->hash)
		return -ENOMEM;
	t->document = document;
	(void)XXH3_128bits_reset(t->hash);
	return 0;
}

void transfer_deinit(struct transfer *t)
{
	t->document = close_fd(t->document);
	(void)XXH3_freeState(t->hash);
	t->hash = NULL;
}

int transfer_begin(struct transfer *t, uint64_t offset, uint32_t window)
{
	if (offset > t->size)
		return -ERANGE;
	t->sent = offset;
	t->credit = window;
	return 0;
}

void transfer_stop(struct transfer *t)
{
	t->credit = 0;
}

void transfer_forget(struct transfer *t)
{
	t->sent = t->hashed = 0;
	(void)XXH3_128bits_reset(t->hash);
}

bool transfer_is_due(const struct transfer *t)
{
	return t->credit || t->hashed < t->sent || t->sent == t->size;
}

/* Reads a piece at `at`. Its size, or -errno; the end is not expected here. */
static ssize_t read_piece(const struct transfer *t, uint64_t at, uint8_t *piece, uint64_t most)
{
	size_t want = most < FRAME_DATA_MAX ? (size_t)most : FRAME_DATA_MAX;
	ssize_t n;

	do
		n = pread(t->document, piece, want, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ENODATA;
	return n < 0 ? -errno : n;
}

static void hash_on(struct transfer *t, const uint8_t *data, size_t size)
{
	(void)XXH3_128bits_update(t->hash, data, size);
	t->hashed += size;
}

int transfer_next(struct transfer *t, const uint8_t **ret_data, size_t *ret_size)
{
	static uint8_t piece[FRAME_DATA_MAX];
	uint64_t left;
	ssize_t n;

	if (t->hashed < t->sent) {
		n = read_piece(t, t->hashed, piece, t->sent - t->hashed);
		if (n < 0)
			return (int)n;
		hash_on(t, piece, (size_t)n);
		return TRANSFER_HASHED;
	}
	if (t->sent == t->size)
		return TRANSFER_WHOLE;
	if (t->credit == 0)
		return TRANSFER_WAIT;
	left = t->size - t->sent;
	n = read_piece(t, t->sent, piece, left < t->credit ? left : t->credit);
	if (n < 0)
		return (int)n;
	t->ready = (size_t)n;
	*ret_data = piece;
	*ret_size = t->ready;
	return TRANSFER_PIECE;
}

void transfer_sent(struct transfer *t, const uint8_t *data)
{
	uint64_t end = t->sent + t->ready;

	if (t->hashed < end) {
		size_t known = (size_t)(t->hashed - t->sent);

		hash_on(t, data + known, t->ready - known);
	}
	t->sent = end;
	t->credit -= t->ready;
	t->ready = 0;
}

void transfer_digest(const struct transfer *t, uint8_t ret_digest[static DIGEST_SIZE])
{
	XXH128_canonical_t digest;

	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(t->hash));
	memcpy(ret_digest, &digest, DIGEST_SIZE);
}

uint32_t transfer_progress(const struct transfer *t)
{
	if (t->sent == t->size)
		return 100;
	return (uint32_t)(t->size > UINT64_MAX / 100 ? t->sent / (t->size / 100)
						     : t->sent * 100 / t->size);
}
