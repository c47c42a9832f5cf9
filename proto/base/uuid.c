/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs as bytes.
 *
 * A workspace is its libvirt domain's UUID and a job is the UUID that the guest's spooler gave it,
 * so both are compared and stored as 16 bytes; text is only for people, CUPS and libvirt. libuuid
 * would do the same, but not the urn: form that CUPS writes, nor refuse what follows.
 */
#include "proto/base/uuid.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int uuid_parse(const char *text, struct uuid *ret_uuid)
{
	struct uuid uuid;
	size_t n = 0;

	if (strncasecmp(text, "urn:uuid:", 9) == 0)
		text += 9;
	if (strlen(text) != UUID_TEXT_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; i < UUID_TEXT_SIZE - 1;) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i++] != '-')
				return -EINVAL;
			continue;
		}
		high = nibble(text[i]);
		low = nibble(text[i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		uuid.bytes[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	*ret_uuid = uuid;
	return 0;
}

char *uuid_format(const struct uuid *uuid, char buf[static UUID_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf[n++] = '-';
		buf[n++] = hex[uuid->bytes[i] >> 4];
		buf[n++] = hex[uuid->bytes[i] & 15];
	}
	buf[n] = '\0';
	return buf;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_SIZE) == 0;
}

bool uuid_is_null(const struct uuid *uuid)
{
	static const struct uuid null;

	return uuid_equal(uuid, &null);
}
