/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs (RFC 4122) as 16 bytes in the order of their text: for workspaces and for jobs. */
#ifndef PLATEN_BASE_UUID_H
#define PLATEN_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE      16 /* bytes */
#define UUID_TEXT_SIZE 37 /* bytes of "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" with its NUL */

struct uuid {
	uint8_t bytes[UUID_SIZE];
};

/* Reads 8-4-4-4-12 hex digits of either case, with or without "urn:uuid:" (RFC 4122 3) before
 * them, and nothing after them. 0, or -EINVAL (ret_uuid is then untouched). */
int uuid_parse(const char *text, struct uuid *ret_uuid);

/* Writes the lower-case text. Returns buf. */
char *uuid_format(const struct uuid *uuid, char buf[static UUID_TEXT_SIZE]);

bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_null(const struct uuid *uuid);

#endif
