/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copied disk, found out.
 *
 * The host says in each session which workspace it takes this guest for, by the domain's UUID,
 * which a copy does not share. Where that is not the one that was written down, all that the
 * spooler has queued was submitted in the other workspace, which has it queued too and prints it:
 * here it would come out a second time. A copy is booted before it meets the host, so what is older
 * than its boot is the other's; if even the memory was copied, what is older than now.
 */
#include "guest/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/config.h"

struct identity {
	char path[AGENT_PATH_SIZE + 16];
	struct uuid workspace, boot; /* null: not known */
	uint64_t since;		     /* seconds since 1970: older jobs are another's; or 0 */
};

static void read_one(struct identity *identity, FILE *file)
{
	char workspace[UUID_TEXT_SIZE], boot[UUID_TEXT_SIZE];
	struct identity read = *identity;

	if (fscanf(file, "%36s %36s %" SCNu64, workspace, boot, &read.since) == 3 &&
		uuid_parse(workspace, &read.workspace) == 0 && uuid_parse(boot, &read.boot) == 0)
		*identity = read;
}

int identity_new(const char *state_dir, struct identity **ret_identity)
{
	struct identity *identity = calloc(1, sizeof(*identity));
	FILE *file;

	if (!identity)
		return -ENOMEM;
	(void)snprintf(identity->path, sizeof(identity->path), "%s/identity", state_dir);
	file = fopen(identity->path, "re");
	if (file) {
		read_one(identity, file);
		(void)fclose(file);
	} else if (errno != ENOENT) {
		int r = -errno;

		free(identity);
		return r;
	}
	*ret_identity = identity;
	return 0;
}

struct identity *identity_free(struct identity *identity)
{
	free(identity);
	return NULL;
}

static int write_one(const struct identity *identity)
{
	char fresh[sizeof(identity->path) + 4], workspace[UUID_TEXT_SIZE], boot[UUID_TEXT_SIZE];
	FILE *file;
	int r = 0;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", identity->path);
	file = fopen(fresh, "we");
	if (!file)
		return -errno;
	(void)fprintf(file, "%s %s %" PRIu64 "\n", uuid_format(&identity->workspace, workspace),
		uuid_format(&identity->boot, boot), identity->since);
	if (fflush(file) != 0 || fdatasync(fileno(file)) < 0)
		r = -errno;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, identity->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

/* When this system was booted, by its clock of today. */
static uint64_t boot_time(void)
{
	struct timespec now, up;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	return now.tv_sec > up.tv_sec ? (uint64_t)(now.tv_sec - up.tv_sec) : 0;
}

int identity_learn(struct identity *identity, const struct uuid *workspace, const struct uuid *boot,
	bool *ret_copied)
{
	bool same_boot = uuid_equal(&identity->boot, boot);

	*ret_copied = !uuid_is_null(workspace) && !uuid_is_null(&identity->workspace) &&
		      !uuid_equal(workspace, &identity->workspace);
	if (uuid_is_null(workspace) || (same_boot && uuid_equal(workspace, &identity->workspace)))
		return 0;
	if (*ret_copied) /* whole seconds: what is of this one came before it, or is held once */
		identity->since = same_boot ? (uint64_t)time(NULL) + 1 : boot_time();
	identity->workspace = *workspace;
	identity->boot = *boot;
	return write_one(identity);
}

bool identity_is_of_another(const struct identity *identity, uint64_t created)
{
	return created < identity->since;
}
