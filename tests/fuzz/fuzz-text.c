/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from anywhere: the predicates agree with each other, and every copy of it, at the size that
 * the first byte says, is terminated, one line where that is promised, and whole characters.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/base/uuid.h"
#include "proto/device.h"
#include "tests/fuzz/fuzz.h"

static bool terminated(const uint8_t *data, size_t size)
{
	size_t len = strnlen((const char *)data, size);

	for (size_t i = len; i < size; i++)
		if (data[i])
			return false;
	return len < size;
}

static void predicates(const char *s)
{
	bool line = text_is_line(s);

	PROMISE(!line || text_is_utf8(s, strlen(s)));
	PROMISE(!text_is_queue(s) || (line && strlen(s) <= 127 && !strpbrk(s, " /#?")));
	PROMISE(!text_is_keyword(s) || (line && strlen(s) <= 127));
	PROMISE(!text_is_mime(s) || (line && strlen(s) <= 127 && strchr(s, '/')));
	PROMISE(!text_is_user(s) || (line && strlen(s) <= 63));
}

static void copies(const char *s, size_t size)
{
	size_t len = strlen(s);
	bool utf8 = text_is_utf8(s, len);
	char *buf = malloc(size);

	PROMISE(buf);
	PROMISE(text_copy(buf, size, s) == (len < size ? 0 : -E2BIG));
	PROMISE(text_terminated(buf, size) && strncmp(buf, s, strlen(buf)) == 0);
	PROMISE(!utf8 || text_is_utf8(buf, strlen(buf)));
	PROMISE(text_printf(buf, size, "%s", s) == (len < size ? 0 : -E2BIG));
	PROMISE(text_terminated(buf, size));
	PROMISE(!utf8 || text_is_utf8(buf, strlen(buf)));
	text_copy_line(buf, size, s);
	PROMISE(text_terminated(buf, size) && text_is_line(buf));
	PROMISE(text_escape(s, buf, size) == buf);
	PROMISE(strnlen(buf, size) < size && text_is_line(buf));
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t digest[SHA256_SIZE];
	struct uuid uuid, again;
	char text[UUID_TEXT_SIZE];
	char *s;

	if (size == 0)
		return 0;
	s = malloc(size);
	PROMISE(s);
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	PROMISE(text_terminated((const char *)data, size) == terminated(data, size));
	predicates(s);
	copies(s, 1 + (size_t)data[0]);
	device_digest(s, digest);
	if (uuid_parse(s, &uuid) == 0) {
		PROMISE(uuid_parse(uuid_format(&uuid, text), &again) == 0);
		PROMISE(uuid_equal(&uuid, &again));
	}
	free(s);
	return 0;
}
