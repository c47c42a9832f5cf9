/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways in which a distribution says that it wants a restart.
 *
 * The mark is a file that packages leave and no boot keeps; it is watched. The program has to be
 * run, by platen-install beside us, for it reads the whole database of packages: at our start,
 * which tells whether a restart has met what it was made for, and when that database has changed. A
 * driver's own installation asks for itself (install/install.c).
 */
#include "guest/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/install/install.h"
#include "guest/needs.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define MARK	   "/run/reboot-required"
#define PROGRAM	   "needs-restarting"
#define MARK_USEC  2000000ULL	/* from the mark to the names of the packages beside it */
#define FIRST_USEC 10000000ULL	/* from our start to the first look at the packages */
#define LOOK_USEC  600000000ULL /* between two looks whether there are others */
#define ASK_USEC   120000000ULL

/* Databases of RPM, by the age of the system. */
static const char *const databases[] = {"/usr/lib/sysimage/rpm/rpmdb.sqlite",
	"/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages"};

struct system {
	struct agent *agent;
	char mark[AGENT_PATH_SIZE];
	const char *name; /* of the mark in its folder */
	sd_event_source *watch, *marked, *timer;
	struct worker *worker; /* runs needs-restarting */
	bool asked;	       /* since our start */
	struct timespec seen;  /* the database, then */
	bool answered;
	struct install_result result;
};

/* The mark, with the packages that set it beside it. */
static void look_at_mark(struct system *system)
{
	char packages[256] = "", reason[MESSAGE_SIZE], path[AGENT_PATH_SIZE + 8];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (access(system->mark, F_OK) < 0) {
		if (errno == ENOENT)
			needs_withdraw(system->agent, MARK);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s.pkgs", system->mark);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd >= 0 ? read(fd, packages, sizeof(packages) - 1) : 0;
	packages[n > 0 ? n : 0] = '\0';
	for (char *c = packages; *c; c++)
		if (*c == '\n')
			*c = c[1] ? ',' : '\0';
	(void)text_printf(
		reason, sizeof(reason), "this system says so: %s", packages[0] ? packages : MARK);
	(void)needs_add(system->agent, MARK, LEVEL_WORKSPACE, reason);
}

static int on_marked(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	look_at_mark(userdata);
	return 0;
}

/* What is written beside it comes later: both are read when they have been left alone. */
static int on_mark(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct system *system = userdata;

	(void)source;
	if (event->len && strncmp(event->name, system->name, strlen(system->name)) == 0) {
		(void)sd_event_source_set_time_relative(system->marked, MARK_USEC);
		(void)sd_event_source_set_enabled(system->marked, SD_EVENT_ONESHOT);
	}
	return 0;
}

static void on_message(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct system *system = userdata;

	(void)worker;
	(void)fd;
	if (m->type != INSTALL_RESULT || m->size != sizeof(system->result))
		return;
	memcpy(&system->result, m, sizeof(system->result));
	system->answered = text_terminated(system->result.text, sizeof(system->result.text));
}

static void on_worker_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct system *system = userdata;
	char reason[MESSAGE_SIZE], why[160];

	system->worker = worker_free(worker);
	if (status != 0 || timed_out || !system->answered) {
		log_line(LOG_WARNING, NULL, "%s was not asked: platen-install ended: %s", PROGRAM,
			worker_end_text(status, timed_out, why));
	} else if (system->result.error < 0) {
		log_line(LOG_WARNING, NULL, "%s was asked in vain: %s", PROGRAM,
			system->result.text);
	} else if (system->result.reboot) {
		(void)text_printf(reason, sizeof(reason), "this system says so: %.400s",
			system->result.text[0] ? system->result.text : PROGRAM);
		(void)needs_add(system->agent, PROGRAM, LEVEL_WORKSPACE, reason);
	} else {
		needs_withdraw(system->agent, PROGRAM);
	}
}

static int ask(struct system *system)
{
	const struct agent_config *config = &system->agent->config;
	struct install_request m = {.head = {.type = INSTALL_REBOOT, .size = sizeof(m)}};
	char program[AGENT_PATH_SIZE + 32];
	const char *argv[] = {program, NULL};
	struct worker_setup setup = {.argv = argv,
		.on_message = on_message,
		.on_exit = on_worker_exit,
		.userdata = system};
	int r;

	(void)snprintf(program, sizeof(program), "%s/platen-install", config->libexec_dir);
	(void)text_copy(m.path, sizeof(m.path), config->needs_restarting);
	system->answered = false;
	r = worker_new(system->agent->event, &setup, &system->worker);
	if (r == 0)
		r = worker_send(system->worker, &m, -1);
	if (r == 0)
		r = worker_deadline(system->worker, ASK_USEC);
	if (r < 0)
		system->worker = worker_free(system->worker);
	return r;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* When the newest database was last written; zero: there is none. */
static struct timespec written(void)
{
	struct timespec newest = {0};
	struct stat st;

	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		if (stat(databases[i], &st) == 0 && is_later(&st.st_mtim, &newest))
			newest = st.st_mtim;
	return newest;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct system *system = userdata;
	struct timespec now = written();
	int r;

	(void)usec;
	(void)sd_event_source_set_time_relative(source, LOOK_USEC);
	if (system->worker || access(system->agent->config.needs_restarting, X_OK) < 0 ||
		(system->asked && !is_later(&now, &system->seen)))
		return 0;
	r = ask(system);
	if (r < 0)
		log_line(LOG_WARNING, NULL, "platen-install cannot be started: %s", strerror(-r));
	system->asked |= r == 0;
	system->seen = now;
	return 0;
}

static int watch_mark(struct system *system)
{
	const char *elsewhere = getenv("PLATEN_REBOOT_REQUIRED"); /* in tests */
	char folder[AGENT_PATH_SIZE];
	int r;

	if (!elsewhere || elsewhere[0] != '/' ||
		text_copy(system->mark, sizeof(system->mark), elsewhere) < 0)
		(void)text_copy(system->mark, sizeof(system->mark), MARK);
	system->name = strrchr(system->mark, '/') + 1;
	(void)snprintf(
		folder, sizeof(folder), "%.*s", (int)(system->name - system->mark), system->mark);
	r = sd_event_add_inotify(system->agent->event, &system->watch, folder,
		IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM, on_mark,
		system);
	if (r < 0)
		log_line(LOG_ERR, NULL, "%s cannot be watched: %s", folder, strerror(-r));
	return r;
}

int system_new(struct agent *agent, struct system **ret_system)
{
	struct system *system = calloc(1, sizeof(*system));
	int r;

	if (!system)
		return -ENOMEM;
	system->agent = agent;
	r = sd_event_add_time_relative(
		agent->event, &system->timer, CLOCK_MONOTONIC, FIRST_USEC, 0, on_timer, system);
	if (r >= 0)
		r = sd_event_source_set_enabled(system->timer, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_add_time_relative(
			agent->event, &system->marked, CLOCK_MONOTONIC, 0, 0, on_marked, system);
	if (r >= 0)
		r = watch_mark(system);
	if (r < 0) {
		(void)system_free(system);
		return r;
	}
	*ret_system = system;
	return 0;
}

struct system *system_free(struct system *system)
{
	if (!system)
		return NULL;
	system->worker = worker_free(system->worker);
	system->watch = sd_event_source_disable_unref(system->watch);
	system->marked = sd_event_source_disable_unref(system->marked);
	system->timer = sd_event_source_disable_unref(system->timer);
	free(system);
	return NULL;
}
