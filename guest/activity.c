/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at sessions, applications and inhibitors, without ever waiting for any of them.
 *
 * Sessions and control groups are files of the kernel's and logind's that are read at once; the
 * what runs without an application's unit is told by its name (processes.h). The
 * inhibitors are asked for over the bus, and what is told is told when they came, or when they did
 * not in time. A session that is closing is nobody's, and neither is a greeter.
 */
#include "guest/activity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "guest/needs.h"
#include "guest/packages.h"
#include "guest/peer.h"
#include "guest/processes.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define LOOK_USEC  3000000ULL  /* between two looks while a need waits */
#define REST_USEC  60000000ULL /* and while none does */
#define BUS_USEC   5000000ULL
#define DEPTH_MOST 5
#define GROUPS	   "/sys/fs/cgroup"
#define GROUPS_V1  "/sys/fs/cgroup/systemd" /* before the unified hierarchy */
#define LOGIND	   "org.freedesktop.login1"

struct activity {
	struct agent *agent;
	sd_bus *bus;
	sd_login_monitor *monitor;
	sd_event_source *timer, *logins;
	bool asking, tell;
	struct message_activity now, told;
	char apps[256];
};

static bool is_application(const char *name)
{
	const char *dot = strrchr(name, '.');

	return strncmp(name, "app-", 4) == 0 && dot &&
	       (strcmp(dot, ".scope") == 0 || strcmp(dot, ".service") == 0);
}

/* Units of a user's manager that are none of the session's: what a person or a program of theirs
 * started. The manager's own are services, and its init.scope. */
static bool may_be_work(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (!dot || strcmp(name, "init.scope") == 0)
		return false;
	return strcmp(dot, ".scope") == 0 ||
	       (strcmp(dot, ".service") == 0 &&
		       (strncmp(name, "run-", 4) == 0 || strncmp(name, "dbus-:", 6) == 0));
}

static void add_application(struct activity *a, const char *name, const char *process)
{
	size_t used = strlen(a->apps);

	a->now.applications++;
	if (used + strlen(name) + COMM_SIZE + 8 < sizeof(a->apps))
		(void)snprintf(a->apps + used, sizeof(a->apps) - used, "%s%s%s%s", used ? ", " : "",
			process, process[0] ? " in " : "", name);
}

/* Counts a group as an application if a process in it is anybody's work. */
static void count_work(struct activity *a, int parent, const char *path, const char *name)
{
	_cleanup_close_ int fd =
		openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char comm[COMM_SIZE];

	if (fd >= 0 && processes_work(fd, comm))
		add_application(a, name, comm);
}

/* Counts the applications below a control group, and notes the first names. */
static void count_below(struct activity *a, int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		(void)close_fd(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (is_application(entry->d_name)) {
			add_application(a, entry->d_name, "");
		} else if (may_be_work(entry->d_name)) {
			count_work(a, dirfd(dir), entry->d_name, entry->d_name);
		} else if (depth < DEPTH_MOST) {
			count_below(a, dirfd(dir), entry->d_name, depth + 1);
		}
	}
	(void)closedir(dir);
}

static bool is_person(const char *session)
{
	_cleanup_free_ char *class = NULL, *state = NULL;

	return sd_session_get_class(session, &class) >= 0 && strcmp(class, "user") == 0 &&
	       sd_session_get_state(session, &state) >= 0 && strcmp(state, "closing") != 0;
}

static void look_at_session(struct activity *a, uid_t uid, const char *session)
{
	const char *groups = access(GROUPS "/cgroup.controllers", F_OK) == 0 ? GROUPS : GROUPS_V1;
	char path[192], name[96];

	(void)snprintf(name, sizeof(name), "session-%.64s.scope", session);
	(void)snprintf(
		path, sizeof(path), "%s/user.slice/user-%u.slice/%s", groups, (unsigned)uid, name);
	count_work(a, AT_FDCWD, path, name);
}

static void look_at_manager(struct activity *a, uid_t uid)
{
	const char *groups = access(GROUPS "/cgroup.controllers", F_OK) == 0 ? GROUPS : GROUPS_V1;
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice/user@%u.service", groups,
		(unsigned)uid, (unsigned)uid);
	count_below(a, AT_FDCWD, path, 0);
}

static void look_at_people(struct activity *a)
{
	char **sessions = NULL;
	uid_t seen[64];
	size_t seen_count = 0;
	int n = sd_get_sessions(&sessions);

	memset(&a->now, 0, sizeof(a->now));
	a->now.boot = *needs_boot();
	a->apps[0] = '\0';
	for (int i = 0; i < n; i++) {
		bool known = false;
		uid_t uid;

		if (is_person(sessions[i]) && sd_session_get_uid(sessions[i], &uid) >= 0) {
			a->now.sessions++;
			look_at_session(a, uid, sessions[i]);
			for (size_t k = 0; k < seen_count; k++)
				known |= seen[k] == uid;
			if (!known && seen_count < 64) {
				seen[seen_count++] = uid;
				look_at_manager(a, uid);
			}
		}
		free(sessions[i]);
	}
	free(sessions);
}

static void finish(struct activity *a)
{
	struct message m;

	a->asking = false;
	a->now.installing = packages_on_their_way(a->agent->packages);
	a->now.state = a->now.applications || a->now.inhibitors ? ACTIVITY_APPLICATIONS
		       : a->now.sessions			? ACTIVITY_IDLE
								: ACTIVITY_NOBODY;
	text_copy_line(a->now.text, sizeof(a->now.text), a->apps);
	if (!a->tell && memcmp(&a->now, &a->told, sizeof(a->now)) == 0)
		return;
	message_init(&m, MESSAGE_ACTIVITY);
	m.activity = a->now;
	if (peer_send(a->agent, &m) == 0) {
		a->told = a->now;
		a->tell = false;
	}
}

static int on_inhibitors(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct activity *a = userdata;
	const char *what, *who, *why, *mode;
	uint32_t uid, pid;

	(void)error;
	if (!sd_bus_message_is_method_error(m, NULL) &&
		sd_bus_message_enter_container(m, 'a', "(ssssuu)") > 0) {
		while (sd_bus_message_read(m, "(ssssuu)", &what, &who, &why, &mode, &uid, &pid) >
			0) {
			size_t used = strlen(a->apps);

			if (strcmp(mode, "block") != 0 || !strstr(what, "shutdown"))
				continue;
			a->now.inhibitors++;
			if (used + strlen(who) + 40 < sizeof(a->apps))
				(void)snprintf(a->apps + used, sizeof(a->apps) - used,
					"%s%s inhibits a shutdown", used ? ", " : "", who);
		}
	}
	finish(a);
	return 0;
}

/* A bus that went away is opened again at the next look. */
static int open_bus(struct activity *a)
{
	int r;

	if (a->bus && sd_bus_is_open(a->bus) > 0)
		return 0;
	if (a->bus) {
		a->bus = sd_bus_close_unref(a->bus);
		a->asking = false;
	}
	r = sd_bus_open_system(&a->bus);
	if (r >= 0)
		r = sd_bus_attach_event(a->bus, a->agent->event, 0);
	if (r < 0)
		a->bus = sd_bus_unref(a->bus);
	return r < 0 ? r : 0;
}

static void look(struct activity *a)
{
	sd_bus_message *m = NULL;
	int r;

	if (a->asking && a->bus && sd_bus_is_open(a->bus) > 0)
		return;
	look_at_people(a);
	r = open_bus(a);
	if (r >= 0)
		r = sd_bus_message_new_method_call(a->bus, &m, LOGIND, "/org/freedesktop/login1",
			LOGIND ".Manager", "ListInhibitors");
	if (r >= 0)
		r = sd_bus_call_async(a->bus, NULL, m, on_inhibitors, a, BUS_USEC);
	(void)sd_bus_message_unref(m);
	a->asking = r >= 0;
	if (r < 0)
		finish(a); /* no bus, no inhibitor */
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct activity *a = userdata;

	(void)usec;
	look(a);
	(void)sd_event_source_set_time_relative(
		source, a->agent->needs && needs_open(a->agent->needs) ? LOOK_USEC : REST_USEC);
	return 0;
}

static int on_logins(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct activity *a = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	(void)sd_login_monitor_flush(a->monitor);
	activity_look(a);
	return 0;
}

void activity_look(struct activity *a)
{
	if (a)
		(void)sd_event_source_set_time_relative(a->timer, 50000);
}

void activity_tell(struct activity *a)
{
	a->tell = true;
	activity_look(a);
}

int activity_restart_unit(
	struct activity *a, const char *unit, sd_bus_message_handler_t done, void *userdata)
{
	int r = open_bus(a);

	if (r >= 0)
		r = sd_bus_call_method_async(a->bus, NULL, "org.freedesktop.systemd1",
			"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
			"RestartUnit", done, userdata, "ss", unit, "replace");
	return r < 0 ? r : 0;
}

int activity_new(struct agent *agent, struct activity **ret_activity)
{
	struct activity *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->agent = agent;
	*ret_activity = a;
	r = sd_event_add_time_relative(
		agent->event, &a->timer, CLOCK_MONOTONIC, REST_USEC, 100000, on_timer, a);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot make a timer: %s", strerror(-r));
		return r;
	}
	(void)sd_event_source_set_enabled(a->timer, SD_EVENT_ON);
	if (sd_login_monitor_new("session", &a->monitor) >= 0)
		(void)sd_event_add_io(agent->event, &a->logins, sd_login_monitor_get_fd(a->monitor),
			EPOLLIN, on_logins, a); /* without logind the timer looks */
	return 0;
}

struct activity *activity_free(struct activity *a)
{
	if (!a)
		return NULL;
	a->timer = sd_event_source_disable_unref(a->timer);
	a->logins = sd_event_source_disable_unref(a->logins);
	a->monitor = sd_login_monitor_unref(a->monitor);
	a->bus = sd_bus_close_unref(a->bus);
	free(a);
	return NULL;
}
