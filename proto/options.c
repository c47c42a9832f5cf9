/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option lists as "name\0value\0name\0value\0…" in a fixed array.
 *
 * This form needs no pointer, so it lies in a fixed message and passes between programs as it is;
 * a walker never reads past `size`, and message_check() has seen that the last byte is a NUL and
 * that names and values come in pairs.
 */
#include "proto/message.h"

#include <errno.h>
#include <string.h>

int options_add(char *options, size_t capacity, uint32_t *size, const char *name, const char *value)
{
	size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;

	if (*size > capacity || name_size + value_size > capacity - *size)
		return -E2BIG;
	memcpy(options + *size, name, name_size);
	memcpy(options + *size + name_size, value, value_size);
	*size += (uint32_t)(name_size + value_size);
	return 0;
}

bool options_next(const char *options, uint32_t size, uint32_t *pos, const char **ret_name,
	const char **ret_value)
{
	size_t name, value;

	if (*pos >= size)
		return false;
	name = strnlen(options + *pos, size - *pos);
	if (*pos + name + 1 >= size)
		return false;
	value = strnlen(options + *pos + name + 1, size - *pos - name - 1);
	if (*pos + name + 1 + value >= size)
		return false;
	*ret_name = options + *pos;
	*ret_value = options + *pos + name + 1;
	*pos += (uint32_t)(name + value + 2);
	return true;
}

const char *options_get(const char *options, uint32_t size, const char *name)
{
	const char *n, *v;
	uint32_t pos = 0;

	while (options_next(options, size, &pos, &n, &v))
		if (strcmp(n, name) == 0)
			return v;
	return NULL;
}
