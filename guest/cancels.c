/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cancel that nobody could be told of yet.
 *
 * A person cancels a job in the guest while the host is away. If the host has the document whole,
 * it may print it when it is back, and by then the guest's spooler has forgotten the job and
 * perhaps the agent was restarted. So such cancels are written down, and told in the next session.
 */
#include "guest/cancels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/config.h"
#include "proto/base/cleanup.h"
#include "proto/limits.h"

struct cancels {
	char path[AGENT_PATH_SIZE + 16];
	size_t count;
	bool unwritten; /* the file is behind */
	struct cancel list[CANCELS_MOST];
};

static size_t find(const struct cancels *cancels, const struct cancel *cancel)
{
	size_t i = 0;

	while (i < cancels->count && (cancels->list[i].file != cancel->file ||
					     !uuid_equal(&cancels->list[i].job, &cancel->job)))
		i++;
	return i;
}

static void take_away(struct cancels *cancels, size_t i)
{
	memmove(&cancels->list[i], &cancels->list[i + 1],
		(--cancels->count - i) * sizeof(cancels->list[0]));
}

static void put(struct cancels *cancels, const struct cancel *cancel)
{
	if (cancels->count == CANCELS_MOST)
		take_away(cancels, 0);
	cancels->list[cancels->count++] = *cancel;
}

static void read_all(struct cancels *cancels, FILE *file)
{
	struct cancel cancel;
	char line[80], uuid[UUID_TEXT_SIZE];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%36s %u", uuid, &cancel.file) == 2 && cancel.file >= 1 &&
			cancel.file <= JOB_FILES_MAX && uuid_parse(uuid, &cancel.job) == 0 &&
			find(cancels, &cancel) == cancels->count)
			put(cancels, &cancel);
}

int cancels_new(const char *state_dir, struct cancels **ret_cancels)
{
	struct cancels *cancels = calloc(1, sizeof(*cancels));
	FILE *file;

	if (!cancels)
		return -ENOMEM;
	(void)snprintf(cancels->path, sizeof(cancels->path), "%s/cancels", state_dir);
	file = fopen(cancels->path, "re");
	if (file) {
		read_all(cancels, file);
		(void)fclose(file);
	} else if (errno != ENOENT) {
		int r = -errno;

		free(cancels);
		return r;
	}
	*ret_cancels = cancels;
	return 0;
}

struct cancels *cancels_free(struct cancels *cancels)
{
	free(cancels);
	return NULL;
}

/* Writes the file anew. It is small and rarely there, so it is synced. */
static int write_file(const struct cancels *cancels)
{
	char fresh[sizeof(cancels->path) + 4], uuid[UUID_TEXT_SIZE];
	FILE *file;
	int r = 0;

	if (cancels->count == 0)
		return unlink(cancels->path) < 0 && errno != ENOENT ? -errno : 0;
	(void)snprintf(fresh, sizeof(fresh), "%s.new", cancels->path);
	file = fopen(fresh, "we");
	if (!file)
		return -errno;
	for (size_t i = 0; i < cancels->count; i++)
		(void)fprintf(file, "%s %u\n", uuid_format(&cancels->list[i].job, uuid),
			cancels->list[i].file);
	if (fflush(file) != 0 || fdatasync(fileno(file)) < 0)
		r = -errno;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, cancels->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

static int write_all(struct cancels *cancels)
{
	int r = write_file(cancels);

	cancels->unwritten = r < 0;
	return r;
}

int cancels_add(struct cancels *cancels, const struct cancel *cancel)
{
	if (find(cancels, cancel) == cancels->count)
		put(cancels, cancel);
	else if (!cancels->unwritten)
		return 0;
	return write_all(cancels);
}

int cancels_remove(struct cancels *cancels, const struct cancel *cancel)
{
	size_t i = find(cancels, cancel);

	if (i == cancels->count)
		return 0;
	take_away(cancels, i);
	return write_all(cancels);
}

size_t cancels_count(const struct cancels *cancels)
{
	return cancels->count;
}

const struct cancel *cancels_at(const struct cancels *cancels, size_t i)
{
	return &cancels->list[i];
}
