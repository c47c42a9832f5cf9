/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from INI files.
 *
 * inih splits lines; platend and the agent each know their own keys. The first fault ends the
 * reading: a daemon that runs with half of its settings is worse than one that says why it does
 * not run. What stands in the file is escaped before it is told, for it goes to a log.
 */
#include "proto/base/settings.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "proto/base/text.h"

int settings_fault(
	struct settings *settings, const char *name, const char *value, const char *expected)
{
	char key[80], shown[80];

	if (!settings->failed)
		(void)text_printf(settings->why, SETTINGS_WHY, "%s:%d: %s = %s: expected %s",
			settings->path, settings->line, text_escape(name, key, sizeof(key)),
			text_escape(value, shown, sizeof(shown)), expected);
	settings->failed = true;
	return 0;
}

static int on_pair(void *userdata, const char *section, const char *name, const char *value)
{
	struct settings *settings = userdata;

	return settings->on_pair(settings, section, name, value);
}

/* fgets(3) for inih, counting lines. */
static char *next_line(char *buf, int size, void *userdata)
{
	struct settings *settings = userdata;

	settings->line++;
	return fgets(buf, size, settings->file);
}

int settings_read(struct settings *settings, const char *path)
{
	int r, unreadable;

	settings->path = path;
	settings->line = 0;
	settings->file = fopen(path, "re");
	if (!settings->file) {
		r = -errno;
		(void)snprintf(settings->why, SETTINGS_WHY, "%s: %s", path, strerror(-r));
		return r;
	}
	r = ini_parse_stream(next_line, settings, on_pair, settings);
	unreadable = ferror(settings->file) ? errno : 0;
	(void)fclose(settings->file);
	settings->file = NULL;
	if (unreadable) {
		(void)snprintf(settings->why, SETTINGS_WHY, "%s: %s", path, strerror(unreadable));
		return -unreadable;
	}
	if (settings->failed)
		return -EINVAL;
	if (r != 0) {
		(void)snprintf(settings->why, SETTINGS_WHY,
			"%s:%d: expected [section], key = value or # comment", path,
			r > 0 ? r : settings->line);
		return -EINVAL;
	}
	return 0;
}
