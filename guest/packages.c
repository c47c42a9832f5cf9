/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package's way from the host into this system.
 *
 *   WANTED ─► ASKED ─► (pieces) ─► READY ─► INSTALLING ─► INSTALLED
 *     ▲─────────┘ the session is over                 └─► FAILED
 *
 * One comes at a time, straight into a file, hashed as it comes; one is installed at a time, by a
 * worker, for a package manager may take minutes. What was installed once is remembered by an empty
 * file of its hash, so that it never is again: whether its filters are here is looked at in their
 * folder, and what is missing then is told, not tried once more.
 */
#include "guest/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/activity.h"
#include "guest/install/install.h"
#include "guest/needs.h"
#include "guest/peer.h"
#include "guest/rendering.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define DEADLINE      ((INSTALL_SECONDS + 60) * 1000000ULL) /* usec */
#define PACKAGES_MOST 64

enum stage {
	STAGE_WANTED,
	STAGE_ASKED,
	STAGE_READY,
	STAGE_INSTALLING,
	STAGE_INSTALLED,
	STAGE_FAILED,
};

struct package {
	TAILQ_ENTRY(package) link;
	uint8_t sha256[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1];
	char name[NAME_SIZE];
	enum stage stage;
	uint32_t size, restart;
	bool rpm;
	char trouble[MESSAGE_SIZE];
};

struct packages {
	struct agent *agent;
	char folder[AGENT_PATH_SIZE + 16];
	TAILQ_HEAD(, package) all;
	uint32_t count;
	/* The one that comes: */
	struct package *coming;
	int file; /* -1: no piece has come */
	uint32_t have;
	struct sha256_ctx sha;
	/* The one that is being installed: */
	struct package *installing;
	struct worker *worker;
	bool answered;
	struct install_result result;
};

static void next(struct packages *packages);

static struct package *find(
	const struct packages *packages, const uint8_t sha256[static SHA256_SIZE])
{
	struct package *package;

	TAILQ_FOREACH(package, &packages->all, link)
	if (memcmp(package->sha256, sha256, SHA256_SIZE) == 0)
		return package;
	return NULL;
}

static void path_of(const struct packages *packages, const struct package *package,
	const char *suffix, char buf[static INSTALL_PATH_SIZE])
{
	(void)snprintf(buf, INSTALL_PATH_SIZE, "%s/%s%s", packages->folder, package->hex, suffix);
}

static void take_away(
	const struct packages *packages, const struct package *package, const char *suffix)
{
	char path[INSTALL_PATH_SIZE];

	path_of(packages, package, suffix, path);
	(void)unlink(path); /* it is not there, or takes room */
}

int packages_new(struct agent *agent, struct packages **ret_packages)
{
	struct packages *packages = calloc(1, sizeof(*packages));

	if (!packages)
		return -ENOMEM;
	packages->agent = agent;
	packages->file = -1;
	TAILQ_INIT(&packages->all);
	(void)snprintf(
		packages->folder, sizeof(packages->folder), "%s/packages", agent->config.state_dir);
	if (mkdir(packages->folder, 0755) < 0 && errno != EEXIST) {
		int r = -errno;

		free(packages);
		return r;
	}
	*ret_packages = packages;
	return 0;
}

struct packages *packages_free(struct packages *packages)
{
	struct package *package;

	if (!packages)
		return NULL;
	packages->worker = worker_free(packages->worker);
	packages->file = close_fd(packages->file);
	while ((package = TAILQ_FIRST(&packages->all))) {
		TAILQ_REMOVE(&packages->all, package, link);
		free(package);
	}
	free(packages);
	return NULL;
}

enum package_stage packages_stage(const struct packages *packages,
	const uint8_t sha256[static SHA256_SIZE], const char **ret_trouble)
{
	const struct package *package = find(packages, sha256);

	if (!package)
		return PACKAGE_NONE;
	if (ret_trouble)
		*ret_trouble = package->trouble;
	switch (package->stage) {
	case STAGE_WANTED:
	case STAGE_ASKED: return PACKAGE_COMING;
	case STAGE_READY:
	case STAGE_INSTALLING: return PACKAGE_INSTALLING;
	case STAGE_INSTALLED: return PACKAGE_INSTALLED;
	case STAGE_FAILED: return PACKAGE_FAILED;
	}
	return PACKAGE_FAILED;
}

uint32_t packages_on_their_way(const struct packages *packages)
{
	const struct package *package;
	uint32_t n = 0;

	if (!packages->coming && !packages->installing)
		return 0; /* what is still wanted waits for the next session */
	TAILQ_FOREACH(package, &packages->all, link)
	n += package->stage < STAGE_INSTALLED;
	return n;
}

static void stage_set(struct packages *packages, struct package *package, enum stage stage)
{
	package->stage = stage;
	activity_look(packages->agent->activity);
	rendering_look_all(packages->agent);
}

static void failed(struct packages *packages, struct package *package, const char *why)
{
	log_event(LOG_ID_PACKAGE_FAILED, LOG_WARNING, NULL, "package %s: %s", package->name, why);
	text_copy_line(package->trouble, sizeof(package->trouble), why);
	take_away(packages, package, ".new");
	take_away(packages, package, package->rpm ? ".rpm" : ".deb");
	stage_set(packages, package, STAGE_FAILED);
}

void packages_want(struct packages *packages, const struct message_printer *offer)
{
	struct package *package = find(packages, offer->package);
	char path[INSTALL_PATH_SIZE];

	if (package || packages->count == PACKAGES_MOST)
		return;
	package = calloc(1, sizeof(*package));
	if (!package)
		return;
	memcpy(package->sha256, offer->package, SHA256_SIZE);
	for (int i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(package->hex + 2 * i, 3, "%02x", offer->package[i]);
	memcpy(package->name, offer->package_name, sizeof(package->name));
	package->size = offer->package_size;
	package->restart = offer->restart;
	TAILQ_INSERT_TAIL(&packages->all, package, link);
	packages->count++;
	path_of(packages, package, ".installed", path);
	package->stage = access(path, F_OK) == 0 ? STAGE_INSTALLED : STAGE_WANTED;
	activity_look(packages->agent->activity);
	next(packages);
}

/* The file of the one that comes. */
static int file_begin(struct packages *packages)
{
	char path[INSTALL_PATH_SIZE];

	take_away(packages, packages->coming, ".new");
	path_of(packages, packages->coming, ".new", path);
	packages->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	packages->have = 0;
	sha256_init(&packages->sha);
	return packages->file < 0 ? -errno : 0;
}

static int file_write(struct packages *packages, const uint8_t *data, size_t size)
{
	sha256_update(&packages->sha, size, data);
	while (size) {
		ssize_t n = write(packages->file, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* What came is not, or cannot be, kept. */
static void coming_failed(struct packages *packages, const char *why)
{
	struct package *package = packages->coming;

	packages->coming = NULL;
	packages->file = close_fd(packages->file);
	failed(packages, package, why);
	next(packages);
}

static void complete(struct packages *packages)
{
	struct package *package = packages->coming;
	char from[INSTALL_PATH_SIZE], to[INSTALL_PATH_SIZE];
	uint8_t digest[SHA256_SIZE];

	sha256_digest(&packages->sha, SHA256_SIZE, digest);
	if (memcmp(digest, package->sha256, SHA256_SIZE) != 0)
		return coming_failed(
			packages, "what the host sent is not the package that it offered");
	path_of(packages, package, ".new", from);
	path_of(packages, package, package->rpm ? ".rpm" : ".deb", to);
	if (rename(from, to) < 0)
		return coming_failed(packages, strerror(errno));
	packages->coming = NULL;
	packages->file = close_fd(packages->file);
	stage_set(packages, package, STAGE_READY);
	next(packages);
}

void packages_take(struct packages *packages, const struct message_package_data *d)
{
	struct package *package = packages->coming;
	char why[MESSAGE_SIZE];
	int r = 0;

	if (!package || memcmp(package->sha256, d->package, SHA256_SIZE) != 0)
		return;
	if (d->total == 0)
		return coming_failed(packages, "the host does not have it any more");
	if (packages->file < 0 && d->offset == 0) {
		package->rpm = d->data[0] == 0xED; /* the lead of an RPM; deb(5) begins with '!' */
		r = file_begin(packages);
	}
	if (r == 0 &&
		(packages->file < 0 || d->offset != packages->have || d->total != package->size))
		return coming_failed(packages, "it did not come in one piece after another");
	if (r == 0)
		r = file_write(packages, d->data, d->data_size);
	if (r < 0) {
		(void)text_printf(why, sizeof(why), "it cannot be kept in %s: %s", packages->folder,
			strerror(-r));
		return coming_failed(packages, why);
	}
	packages->have += d->data_size;
	if (packages->have == d->total)
		complete(packages);
}

static void on_message(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	struct packages *packages = userdata;

	(void)worker;
	(void)fd;
	if (msg->type != INSTALL_RESULT || msg->size != sizeof(packages->result))
		return;
	memcpy(&packages->result, msg, sizeof(packages->result));
	packages->answered = text_terminated(packages->result.text, sizeof(packages->result.text));
}

/* What the system needs now: what the package was declared with, or more if the system says so. */
static void need_restart(struct packages *packages, const struct package *package)
{
	uint32_t level = packages->result.reboot ? LEVEL_WORKSPACE : package->restart;
	char reason[MESSAGE_SIZE];
	int r;

	if (level == LEVEL_NONE)
		return;
	(void)text_printf(
		reason, sizeof(reason), "the driver package %s was installed", package->name);
	r = needs_add(packages->agent, package->hex, (enum restart_level)level, reason);
	log_line(r < 0 ? LOG_ERR : LOG_NOTICE, NULL, "package %s needs a restart of the %s%s%s",
		package->name, level == LEVEL_WORKSPACE ? "workspace" : "spooler",
		r < 0 ? ", which cannot be noted: " : "", r < 0 ? strerror(-r) : "");
}

static void installed(struct packages *packages, struct package *package)
{
	char path[INSTALL_PATH_SIZE];
	_cleanup_close_ int fd = -1;

	path_of(packages, package, ".installed", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	take_away(packages, package, package->rpm ? ".rpm" : ".deb");
	log_event(
		LOG_ID_PACKAGE_INSTALLED, LOG_INFO, NULL, "package %s is installed", package->name);
	need_restart(packages, package);
	stage_set(packages, package, STAGE_INSTALLED);
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct packages *packages = userdata;
	struct package *package = packages->installing;

	packages->worker = worker_free(worker);
	packages->installing = NULL;
	if (timed_out)
		failed(packages, package, "its installation took too long and was ended");
	else if (!packages->answered || status != 0)
		failed(packages, package, "platen-install ended without an answer");
	else if (packages->result.error < 0)
		failed(packages, package, packages->result.text);
	else
		installed(packages, package);
	next(packages);
}

static int install_start(struct packages *packages, struct package *package)
{
	const struct agent_config *config = &packages->agent->config;
	struct install_request m = {
		.head = {.type = INSTALL_PACKAGE, .size = sizeof(m)}, .rpm = package->rpm};
	char program[AGENT_PATH_SIZE + 32];
	const char *argv[] = {program, NULL};
	struct worker_setup setup = {.argv = argv,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = packages};
	int r;

	(void)snprintf(program, sizeof(program), "%s/platen-install", config->libexec_dir);
	memcpy(m.sha256, package->sha256, SHA256_SIZE);
	memcpy(m.manager, config->package_manager, sizeof(m.manager));
	memcpy(m.needs_restarting, config->needs_restarting, sizeof(m.needs_restarting));
	path_of(packages, package, package->rpm ? ".rpm" : ".deb", m.path);
	packages->answered = false;
	r = worker_new(packages->agent->event, &setup, &packages->worker);
	if (r < 0)
		return r;
	packages->installing = package;
	r = worker_send(packages->worker, &m, -1);
	return r < 0 ? r : worker_deadline(packages->worker, DEADLINE);
}

static void next_install(struct packages *packages)
{
	struct package *package;
	char why[MESSAGE_SIZE];
	int r;

	TAILQ_FOREACH(package, &packages->all, link)
	{
		if (packages->installing || package->stage != STAGE_READY)
			continue;
		log_line(LOG_INFO, NULL, "installing package %s", package->name);
		package->stage = STAGE_INSTALLING;
		r = install_start(packages, package);
		if (r == 0)
			return;
		packages->worker = worker_free(packages->worker);
		packages->installing = NULL;
		(void)text_printf(
			why, sizeof(why), "platen-install cannot be started: %s", strerror(-r));
		failed(packages, package, why);
	}
}

/* Asks for the next one, and has the next one installed. */
static void next(struct packages *packages)
{
	struct package *package;

	TAILQ_FOREACH(package, &packages->all, link)
	{
		if (packages->coming || package->stage != STAGE_WANTED)
			continue;
		if (peer_ask_package(packages->agent, package->sha256) < 0)
			break; /* asked in the next session */
		package->stage = STAGE_ASKED;
		packages->coming = package;
	}
	next_install(packages);
}

void packages_session(struct packages *packages)
{
	next(packages);
}

void packages_session_over(struct packages *packages)
{
	if (!packages->coming)
		return;
	packages->coming->stage = STAGE_WANTED;
	packages->coming = NULL;
	packages->file = close_fd(packages->file);
}
