/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembering a default that we set.
 *
 * The host's default printer becomes the guest's. But a person here may choose another one, also
 * among the host's printers, and that choice is to last: it is told from ours by this note.
 */
#include "guest/default.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/config.h"
#include "proto/base/text.h"

static void path_of(
	const char *state_dir, const char *suffix, char buf[static AGENT_PATH_SIZE + 16])
{
	(void)snprintf(buf, AGENT_PATH_SIZE + 16, "%s/default%s", state_dir, suffix);
}

void default_read(const char *state_dir, char ret_name[static NAME_SIZE])
{
	char path[AGENT_PATH_SIZE + 16], line[NAME_SIZE + 1] = "";
	FILE *file;

	memset(ret_name, 0, NAME_SIZE);
	path_of(state_dir, "", path);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (text_is_queue(line))
			(void)text_copy(ret_name, NAME_SIZE, line);
	}
	(void)fclose(file);
}

int default_write(const char *state_dir, const char *name)
{
	char path[AGENT_PATH_SIZE + 16], fresh[AGENT_PATH_SIZE + 16];
	FILE *file;
	int r = 0;

	path_of(state_dir, "", path);
	path_of(state_dir, ".new", fresh);
	file = fopen(fresh, "we");
	if (!file)
		return -errno;
	if (fprintf(file, "%s\n", name) < 0)
		r = -EIO;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)remove(fresh);
	return r;
}
