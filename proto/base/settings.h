/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of settings: sections, and key = value in them (INI). What a key means is its owner's;
 * what is common is here: the reading, and that a fault is told with its file and line.
 */
#ifndef PLATEN_BASE_SETTINGS_H
#define PLATEN_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#define SETTINGS_WHY 512 /* bytes of a fault's line */

struct settings;

/* One pair. 1 to go on, or what settings_fault() returned. */
typedef int settings_pair_fn(
	struct settings *settings, const char *section, const char *name, const char *value);

/* One reading; may serve one file after the other. */
struct settings {
	settings_pair_fn *on_pair;
	void *userdata;
	char *why; /* SETTINGS_WHY bytes: the first fault, as a line that an admin can act on */
	/* Its own: */
	const char *path;
	FILE *file;
	int line; /* the one that was read last: Debian's inih does not pass it on */
	bool failed;
};

/* Reads a file whole, or to its first fault. 0; -EINVAL: a fault in it; or -errno. */
int settings_read(struct settings *settings, const char *path);

/* Says where, what and what was expected, if it is the first fault. Returns 0, which ends the
 * reading. */
int settings_fault(
	struct settings *settings, const char *name, const char *value, const char *expected);

#endif
