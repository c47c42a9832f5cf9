/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needs of a restart: where they come from, and how they end.
 *
 * They come from needs_add(), from files that a package leaves in STATE/needs.d ("spooler REASON"
 * or "workspace REASON", named after what was installed), and from this system's own word
 * (system.h). One of level workspace ends with another boot id; one of level spooler when cupsd was
 * restarted (respool.h), which is done here.
 */
#include "guest/needs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/activity.h"
#include "guest/peer.h"
#include "guest/respool.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define AGAIN_USEC 600000000ULL /* so soon after the restart the same need was not met by it */

struct need {
	uint8_t name[NEED_SIZE];
	uint32_t level, state;
	struct uuid boot; /* it was born in; one that was met, then */
	uint64_t met;	  /* usec of that boot's CLOCK_MONOTONIC */
	char reason[MESSAGE_SIZE];
};

struct needs {
	struct agent *agent;
	char path[AGENT_PATH_SIZE + 16], dir[AGENT_PATH_SIZE + 16];
	struct need list[RESTART_NEEDS_MAX];
	uint32_t count;
	sd_event_source *watch_dir;
};

const struct uuid *needs_boot(void)
{
	static struct uuid boot;
	char text[64] = "";
	_cleanup_close_ int fd = -1;

	if (!uuid_is_null(&boot))
		return &boot;
	fd = open(getenv("PLATEN_BOOT_ID") ? getenv("PLATEN_BOOT_ID")
					   : "/proc/sys/kernel/random/boot_id",
		O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 36)
		text[0] = '\0';
	text[36] = '\0';
	if (uuid_parse(text, &boot) < 0)
		boot.bytes[15] = 1; /* no kernel is without one; a container may hide it */
	return &boot;
}

static void send_need(struct needs *needs, const struct need *n)
{
	struct message m;

	message_init(&m, MESSAGE_RESTART_NEED);
	memcpy(m.restart_need.need, n->name, NEED_SIZE);
	m.restart_need.level = n->level;
	m.restart_need.state = n->state;
	text_copy_line(m.restart_need.reason, sizeof(m.restart_need.reason), n->reason);
	(void)peer_send(needs->agent, &m); /* told again when a session begins */
}

void needs_tell(struct needs *needs)
{
	for (uint32_t i = 0; i < needs->count; i++)
		send_need(needs, &needs->list[i]);
}

bool needs_open(const struct needs *needs)
{
	for (uint32_t i = 0; i < needs->count; i++)
		if (needs->list[i].state == NEED_OPEN)
			return true;
	return false;
}

static int write_all(const struct needs *needs)
{
	char fresh[sizeof(needs->path) + 4], boot[UUID_TEXT_SIZE];
	FILE *file;
	int r = 0;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", needs->path);
	file = fopen(fresh, "we");
	if (!file)
		return -errno;
	for (uint32_t i = 0; i < needs->count; i++) {
		const struct need *n = &needs->list[i];

		for (size_t b = 0; b < NEED_SIZE; b++)
			(void)fprintf(file, "%02x", n->name[b]);
		(void)fprintf(file, " %u %u %s %" PRIu64 " %s\n", n->level, n->state,
			uuid_format(&n->boot, boot), n->met, n->reason);
	}
	if (fflush(file) != 0 || fdatasync(fileno(file)) < 0)
		r = -errno;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, needs->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

static bool line_read(const char *line, struct need *n)
{
	char hex[NEED_SIZE * 2 + 1], boot[UUID_TEXT_SIZE];
	int at = 0;

	if (sscanf(line, "%32[0-9a-f] %u %u %36s %" SCNu64 " %n", hex, &n->level, &n->state, boot,
		    &n->met, &at) != 5 ||
		!at || strlen(hex) != NEED_SIZE * 2 || uuid_parse(boot, &n->boot) < 0 ||
		n->level < LEVEL_SPOOLER || n->level >= LEVEL_COUNT || n->state < NEED_OPEN ||
		n->state >= NEED_STATE_COUNT)
		return false;
	for (size_t b = 0; b < NEED_SIZE; b++)
		if (sscanf(hex + 2 * b, "%2hhx", &n->name[b]) != 1)
			return false;
	text_copy_line(n->reason, sizeof(n->reason), line + at);
	n->reason[strcspn(n->reason, "\n")] = '\0';
	return true;
}

/* One that was written down: is it still one? With another boot a restart was made for it. */
static bool is_left(struct need *n)
{
	bool same_boot = uuid_equal(&n->boot, needs_boot());

	if (n->state == NEED_MET || same_boot)
		return same_boot; /* one that is met: by our own restart */
	n->state = NEED_MET;
	n->boot = *needs_boot();
	n->met = agent_now();
	log_line(LOG_INFO, NULL, "a restart was made for: %s", n->reason);
	return true;
}

/* The file is written anew only if it does not say this already. */
static void read_all(struct needs *needs)
{
	char line[MESSAGE_SIZE + 128];
	FILE *file = fopen(needs->path, "re");
	bool same = true;

	while (file && needs->count < RESTART_NEEDS_MAX && fgets(line, sizeof(line), file)) {
		struct need n = {.state = 0};
		bool left;
		uint32_t state;

		line[strcspn(line, "\n")] = '\0';
		left = line_read(line, &n);
		state = n.state;
		left = left && is_left(&n);
		same = same && left && n.state == state;
		if (left)
			needs->list[needs->count++] = n;
	}
	if (file)
		(void)fclose(file);
	if (!same)
		(void)write_all(needs);
}

static void changed(struct needs *needs, const struct need *n)
{
	int r = write_all(needs);

	if (r < 0)
		log_line(LOG_ERR, NULL, "%s cannot be written: %s", needs->path, strerror(-r));
	send_need(needs, n);
	activity_look(needs->agent->activity);
	respool_look(needs->agent->respool);
}

/* The oldest that is over makes place for a new one. */
static bool make_place(struct needs *needs)
{
	for (uint32_t i = 0; needs->count == RESTART_NEEDS_MAX && i < needs->count; i++)
		if (needs->list[i].state != NEED_OPEN)
			memmove(&needs->list[i], &needs->list[i + 1],
				(--needs->count - i) * sizeof(needs->list[0]));
	return needs->count < RESTART_NEEDS_MAX;
}

static void name_of(const char *id, uint8_t name[static NEED_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(id), (const uint8_t *)id);
	sha256_digest(&ctx, NEED_SIZE, name);
}

void needs_withdraw(struct agent *agent, const char *id)
{
	struct needs *needs = agent->needs;
	uint8_t name[NEED_SIZE];
	struct need n;

	name_of(id, name);
	for (uint32_t i = 0; i < needs->count; i++) {
		if (memcmp(needs->list[i].name, name, NEED_SIZE) != 0 ||
			needs->list[i].state == NEED_MET)
			continue;
		n = needs->list[i];
		n.state = NEED_MET;
		memmove(&needs->list[i], &needs->list[i + 1],
			(--needs->count - i) * sizeof(needs->list[0]));
		log_line(LOG_INFO, NULL, "needs no restart any more: %s", n.reason);
		return changed(needs, &n);
	}
}

int needs_add(struct agent *agent, const char *id, enum restart_level level, const char *reason)
{
	struct needs *needs = agent->needs;
	struct need n = {.level = level, .state = NEED_OPEN, .boot = *needs_boot()};
	uint32_t i = 0;
	bool same;

	name_of(id, n.name);
	text_copy_line(n.reason, sizeof(n.reason), reason[0] ? reason : id);
	while (i < needs->count && memcmp(needs->list[i].name, n.name, NEED_SIZE) != 0)
		i++;
	same = i < needs->count && strcmp(needs->list[i].reason, n.reason) == 0;
	if (i < needs->count && needs->list[i].state != NEED_MET && same)
		return 0; /* counted already */
	if (same && level == LEVEL_WORKSPACE && agent_now() - needs->list[i].met < AGAIN_USEC)
		n.state = NEED_UNMET;
	if (i == needs->count && !make_place(needs))
		return -ENOSPC;
	if (i >= needs->count)
		i = needs->count++;
	needs->list[i] = n;
	log_line(n.state == NEED_UNMET ? LOG_ERR : LOG_INFO, NULL, "%s: %s",
		n.state == NEED_UNMET	 ? "a restart did not meet this need"
		: level == LEVEL_SPOOLER ? "the spooler needs a restart"
					 : "the workspace needs a restart",
		n.reason);
	changed(needs, &needs->list[i]);
	return 0;
}

static void take_file(struct needs *needs, int dir, const char *name)
{
	char text[MESSAGE_SIZE + 32] = "", *reason;
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	enum restart_level level = LEVEL_WORKSPACE;

	if (n <= 0)
		return; /* not written yet: its closing tells */
	text[strcspn(text, "\n")] = '\0';
	reason = strchr(text, ' ');
	if (reason)
		*reason++ = '\0';
	if (strcmp(text, "spooler") == 0)
		level = LEVEL_SPOOLER;
	else if (strcmp(text, "workspace") != 0)
		log_line(LOG_WARNING, NULL,
			"%s/%s: expected \"spooler REASON\" or \"workspace REASON\"", needs->dir,
			name);
	if (needs_add(needs->agent, name, level, reason ? reason : "") == 0)
		(void)unlinkat(dir, name, 0);
}

static int on_dir(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct needs *needs = userdata;
	DIR *dir = opendir(needs->dir);
	struct dirent *entry;

	(void)source;
	(void)event;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			take_file(needs, dirfd(dir), entry->d_name);
	if (dir)
		(void)closedir(dir);
	return 0;
}

bool needs_spooler(const struct needs *needs)
{
	for (uint32_t i = 0; i < needs->count; i++)
		if (needs->list[i].level == LEVEL_SPOOLER && needs->list[i].state == NEED_OPEN)
			return true;
	return false;
}

void needs_spooler_over(struct needs *needs, bool met)
{
	for (uint32_t i = 0; i < needs->count; i++) {
		struct need *n = &needs->list[i];

		if (n->level != LEVEL_SPOOLER || n->state != NEED_OPEN)
			continue;
		n->state = met ? NEED_MET : NEED_UNMET;
		changed(needs, n);
	}
}

int needs_new(struct agent *agent, struct needs **ret_needs)
{
	struct needs *needs = calloc(1, sizeof(*needs));
	int r;

	if (!needs)
		return -ENOMEM;
	needs->agent = agent;
	(void)snprintf(needs->path, sizeof(needs->path), "%s/needs", agent->config.state_dir);
	(void)snprintf(needs->dir, sizeof(needs->dir), "%s/needs.d", agent->config.state_dir);
	*ret_needs = needs; /* needs_add() wants it */
	if (mkdir(needs->dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = sd_event_add_inotify(agent->event, &needs->watch_dir, needs->dir,
		IN_CLOSE_WRITE | IN_MOVED_TO, on_dir, needs);
	if (r < 0)
		return r;
	read_all(needs);
	(void)on_dir(NULL, NULL, needs);
	return 0;
}

struct needs *needs_free(struct needs *needs)
{
	if (!needs)
		return NULL;
	needs->watch_dir = sd_event_source_disable_unref(needs->watch_dir);
	free(needs);
	return NULL;
}
