/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device ids, compared.
 *
 * The same device is named in many ways by its drivers, but has one id; so a driver for a model is
 * recognized by it where names differ. What a key means is compared, never the text as a whole:
 * serial numbers, states and the order of keys differ from device to device.
 */
#include "proto/base/device-id.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const keys[][2] = {
	[DEVICE_ID_MFG] = {"MFG", "MANUFACTURER"},
	[DEVICE_ID_MDL] = {"MDL", "MODEL"},
	[DEVICE_ID_CMD] = {"CMD", "COMMAND SET"},
};

static size_t without_blanks(const char **text, size_t size)
{
	while (size && **text == ' ') {
		(*text)++;
		size--;
	}
	while (size && (*text)[size - 1] == ' ')
		size--;
	return size;
}

bool device_id_get(const char *id, enum device_id_key key, char *buf, size_t size)
{
	for (; *id; id += strcspn(id, ";"), id += *id == ';') {
		const char *name = id, *value;
		size_t pair = strcspn(id, ";"), colon = strcspn(id, ":;"), n;

		if (colon == pair)
			continue;
		n = without_blanks(&name, colon);
		if (!(strlen(keys[key][0]) == n && strncasecmp(name, keys[key][0], n) == 0) &&
			!(strlen(keys[key][1]) == n && strncasecmp(name, keys[key][1], n) == 0))
			continue;
		value = id + colon + 1;
		n = without_blanks(&value, pair - colon - 1);
		if (n == 0 || n >= size)
			return false;
		memcpy(buf, value, n);
		buf[n] = '\0';
		return true;
	}
	return false;
}

static bool same(const char *a, const char *b, enum device_id_key key)
{
	char x[DEVICE_ID_SIZE], y[DEVICE_ID_SIZE];

	return device_id_get(a, key, x, sizeof(x)) && device_id_get(b, key, y, sizeof(y)) &&
	       strcasecmp(x, y) == 0;
}

/* Whether lists by commas have a word in common. */
static bool share(const char *a, const char *b)
{
	for (const char *x = a; *x; x += strcspn(x, ","), x += *x == ',') {
		const char *word = x;
		size_t n = without_blanks(&word, strcspn(x, ","));

		for (const char *y = b; *y; y += strcspn(y, ","), y += *y == ',') {
			const char *other = y;
			size_t m = without_blanks(&other, strcspn(y, ","));

			if (n && n == m && strncasecmp(word, other, n) == 0)
				return true;
		}
	}
	return false;
}

bool device_id_match(const char *a, const char *b)
{
	char x[DEVICE_ID_SIZE], y[DEVICE_ID_SIZE];

	return same(a, b, DEVICE_ID_MFG) && same(a, b, DEVICE_ID_MDL) &&
	       (!device_id_get(a, DEVICE_ID_CMD, x, sizeof(x)) ||
		       !device_id_get(b, DEVICE_ID_CMD, y, sizeof(y)) || share(x, y));
}

bool device_id_is(const char *id, const char *model)
{
	char maker[DEVICE_ID_SIZE], name[DEVICE_ID_SIZE], both[DEVICE_ID_SIZE * 2];
	size_t n;

	if (!device_id_get(id, DEVICE_ID_MFG, maker, sizeof(maker)) ||
		!device_id_get(id, DEVICE_ID_MDL, name, sizeof(name)))
		return false;
	n = strlen(maker);
	if (strncasecmp(name, maker, n) == 0 && name[n] == ' ' && strcasecmp(name, model) == 0)
		return true;
	(void)snprintf(both, sizeof(both), "%s %s", maker, name);
	return strcasecmp(both, model) == 0;
}

bool device_id_is_sound(const char *id)
{
	char part[DEVICE_ID_SIZE];

	if (strlen(id) >= DEVICE_ID_SIZE)
		return false;
	for (const char *p = id; *p; p++)
		if (*p < ' ' || *p >= 0x7F || strchr("\"<>\\`$|&*", *p))
			return false;
	return device_id_get(id, DEVICE_ID_MFG, part, sizeof(part)) &&
	       device_id_get(id, DEVICE_ID_MDL, part, sizeof(part));
}

/* Undoes %XX of `n` bytes. */
static bool decode(const char *from, size_t n, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte = (unsigned char)from[i];

		if (from[i] == '%') {
			if (i + 2 >= n || sscanf(from + i + 1, "%2x", &byte) != 1)
				return false;
			i += 2;
		}
		if (byte < ' ' || strchr(":;,", (int)byte) || used + 1 == size)
			return false;
		to[used++] = (char)byte;
	}
	to[used] = '\0';
	return used > 0;
}

bool device_id_of_uri(const char *uri, char *id, size_t size)
{
	char maker[128], model[128], made[DEVICE_ID_SIZE + 16];
	const char *at = uri + 6;
	size_t n;

	if (strncasecmp(uri, "usb://", 6) != 0)
		return false;
	n = strcspn(at, "/?#");
	if (at[n] != '/' || !decode(at, n, maker, sizeof(maker)))
		return false;
	at += n + 1;
	if (!decode(at, strcspn(at, "/?#"), model, sizeof(model)))
		return false;
	n = (size_t)snprintf(made, sizeof(made), "MFG:%s;MDL:%s;", maker, model);
	if (n >= size || !device_id_is_sound(made))
		return false;
	memcpy(id, made, n + 1);
	return true;
}
