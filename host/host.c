/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend put together: who is told when something changes, and when offers may begin.
 *
 * An offer that is made too early takes printers away from people, so none is made before the
 * spooler has told every printer and every driver's fate is known, or a while has passed.
 */
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "host/arrivals.h"
#include "host/commits.h"
#include "host/control.h"
#include "host/decide.h"
#include "host/domains.h"
#include "host/fetcher.h"
#include "host/job.h"
#include "host/manuals.h"
#include "host/origin.h"
#include "host/printer.h"
#include "host/pruner.h"
#include "host/rebuild.h"
#include "host/reload.h"
#include "host/renderings.h"
#include "host/spooler.h"
#include "host/vsock.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/base/text.h"
#include "proto/transport.h"

#define TICK_USEC   30000000ULL /* between two looks at the workers */
#define SETTLE_USEC 20000000ULL /* the longest that drivers are waited for at the start */

const char *host_program(const struct host *host, const char *name, char buf[static 256])
{
	(void)snprintf(buf, 256, "%s/%s", host->config.libexec_dir, name);
	return buf;
}

const char *host_worker_user(const struct host *host)
{
	return geteuid() == 0 && host->config.worker_user[0] ? host->config.worker_user : NULL;
}

const char *const *host_hidden(const struct host *host)
{
	static const char *hidden[] = {
		"/run/libvirt", "/var/run/libvirt", "/var/lib/libvirt", NULL, NULL, NULL};
	static char socket[sizeof(host->config.libvirt_uri)];
	const char *named = strstr(host->config.libvirt_uri, "socket=");

	hidden[3] = host->config.control;
	if (named && text_copy(socket, sizeof(socket), named + 7) == 0) {
		socket[strcspn(socket, "&")] = '\0';
		hidden[4] = socket;
	}
	return hidden;
}

void host_printer_changed(struct host *host, struct printer *printer, bool offer, bool state)
{
	struct workspace *ws;

	TAILQ_FOREACH(ws, &host->workspaces, link)
	{
		if (offer)
			offer_printer_changed(ws, printer);
		if (state)
			offer_state_changed(ws, printer);
	}
}

void host_printer_gone(struct host *host, struct printer *printer)
{
	struct workspace *ws;

	TAILQ_FOREACH(ws, &host->workspaces, link)
	offer_printer_gone(ws, printer);
}

static void begin_offers(struct host *host)
{
	struct workspace *ws;

	host->settled = true;
	host->settle = sd_event_source_disable_unref(host->settle);
	TAILQ_FOREACH(ws, &host->workspaces, link)
	offer_update(ws);
	pruner_tick(host->pruner);
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	begin_offers(userdata);
	return 0;
}

void host_settle(struct host *host)
{
	struct printer *printer;
	bool pending = false;
	uint64_t now;

	if (host->settled)
		return pruner_tick(host->pruner);
	if (!host->spooler || !spooler_listed(host->spooler))
		return;
	TAILQ_FOREACH(printer, &host->printers, link)
	pending |= printer->status == DRIVER_PENDING;
	if (!pending)
		begin_offers(host);
	else if (!host->settle && sd_event_now(host->event, CLOCK_MONOTONIC, &now) >= 0)
		(void)sd_event_add_time(host->event, &host->settle, CLOCK_MONOTONIC,
			now + SETTLE_USEC, 0, on_settle, host);
}

static void mode_path(const struct host *host, char buf[static 256])
{
	(void)snprintf(buf, 256, "%s/default-mode", host->config.state_dir);
}

void host_load_mode(struct host *host)
{
	enum mode before = host->mode;
	char path[256], word[16] = "";
	struct workspace *ws;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	host->mode = host->config.mode;
	mode_path(host, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, word, sizeof(word) - 1) : 0;
	if (n > 0 && mode_parse(word) != MODE_UNSET)
		host->mode = mode_parse(word);
	if (before == MODE_UNSET || before == host->mode)
		return;
	TAILQ_FOREACH(ws, &host->workspaces, link)
	offer_update(ws);
}

int host_set_mode(struct host *host, enum mode mode)
{
	char path[256], fresh[300];
	_cleanup_close_ int fd = -1;
	struct workspace *ws;

	mode_path(host, path);
	if (mode == MODE_UNSET) {
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
	} else {
		(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
		fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return -errno;
		if (write(fd, mode_name(mode), strlen(mode_name(mode))) < 0 || fsync(fd) < 0 ||
			rename(fresh, path) < 0)
			return -errno;
	}
	host->mode = mode == MODE_UNSET ? host->config.mode : mode;
	log_line(LOG_INFO, NULL, "the default mode is now %s", mode_name(host->mode));
	TAILQ_FOREACH(ws, &host->workspaces, link)
	offer_update(ws);
	return 0;
}

static int on_post(sd_event_source *source, void *userdata)
{
	struct host *host = userdata;

	(void)source;
	commits_look(host->commits);
	arrivals_look(host->arrivals);
	return host->ending && host->left == 0 ? sd_event_exit(host->event, 0) : 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct host *host = userdata;
	struct workspace *ws;

	TAILQ_FOREACH(ws, &host->workspaces, link)
	workspace_tick(ws);
	domains_tick(host->domains);
	spooler_tick(host->spooler);
	fetcher_tick(host->fetcher);
	decide_tick(host);
	pruner_tick(host->pruner);
	(void)sd_event_source_set_time(source, usec + TICK_USEC);
	return 0;
}

static int folder_make(const char *path, const char *owner, mode_t mode)
{
	struct passwd *pw = owner && geteuid() == 0 ? getpwnam(owner) : NULL;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	if (pw && chown(path, pw->pw_uid, pw->pw_gid) < 0)
		return -errno;
	return 0;
}

void host_say_unwritten(const struct host *host, int r)
{
	if (r == -ENOSPC)
		log_line(LOG_ERR, NULL,
			"%s/ledger.db cannot be written: its disk is full: make room there (df "
			"%s). "
			"Jobs wait in their workspaces, and go on by themselves",
			host->config.state_dir, host->config.state_dir);
	else
		log_line(LOG_ERR, NULL,
			"%s/ledger.db cannot be written: %s: look at its disk. Jobs wait in their "
			"workspaces",
			host->config.state_dir, strerror(-r));
}

/* Waits for a second, or until a signal that ends us. Returns whether there was one. */
static bool ended_while_waiting(void)
{
	struct timespec second = {.tv_sec = 1};
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	return sigtimedwait(&mask, NULL, &second) > 0;
}

/* Without room for the ledger no job could be taken; whoever makes room does not want to know of
 * us. So it is waited for. */
static int open_ledger(struct host *host, bool *ret_damaged)
{
	char path[256];
	bool told = false;
	int r;

	(void)snprintf(path, sizeof(path), "%s/ledger.db", host->config.state_dir);
	for (;;) {
		r = ledger_open(path, ret_damaged, &host->ledger);
		if (r != -ENOSPC)
			break;
		if (!told)
			log_line(LOG_ERR, NULL,
				"%s cannot be opened: its disk is full: make room there (df %s). "
				"platend waits for it, and jobs wait in their workspaces",
				path, host->config.state_dir);
		told = true;
		(void)sd_notifyf(
			0, "STATUS=%s: the disk is full\nEXTEND_TIMEOUT_USEC=30000000", path);
		if (ended_while_waiting())
			return -EINTR;
	}
	if (r < 0)
		log_line(LOG_ERR, NULL, "%s cannot be opened: %s", path, strerror(-r));
	else if (told)
		log_line(LOG_NOTICE, NULL, "%s is open: its disk has room again", path);
	return r;
}

/* The folders, and the ledger in them. The store belongs to the fetching user. */
static int set_up_state(struct host *host)
{
	const struct config *config = &host->config;
	const char *user = host_worker_user(host);
	char path[256];
	bool damaged;
	int r;

	if (user && !getpwnam(user)) {
		log_line(LOG_ERR, NULL,
			"worker-user %s does not exist: create it, or set worker-user in "
			"platen.conf",
			user);
		return -ESRCH;
	}
	r = folder_make(config->run_dir, user, 0755);
	if (r == 0)
		r = folder_make(config->state_dir, NULL, 0755);
	(void)snprintf(path, sizeof(path), "%s/drivers", config->state_dir);
	if (r == 0)
		r = folder_make(path, user, 0755);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "%s or %s cannot be made: %s", config->run_dir,
			config->state_dir, strerror(-r));
		return r;
	}
	r = open_ledger(host, &damaged);
	if (r < 0)
		return r;
	rebuild_begin(host, damaged);
	r = origin_begin(host->ledger);
	if (r == 0)
		r = ledger_limit(host->ledger, config->ledger_jobs, config->ledger_days);
	if (r < 0)
		host_say_unwritten(host, r);
	return r == -ENOSPC ? 0 : r; /* it prunes itself later */
}

static int set_up_workspaces(struct host *host)
{
	for (uint32_t i = 0; i < host->config.workspace_count; i++) {
		const struct config_workspace *config = &host->config.workspaces[i];
		struct workspace *ws;
		int r = workspace_new(host, &config->uuid, &ws);

		if (r == 0)
			r = workspace_listen(ws, config);
		if (r < 0) {
			log_line(LOG_ERR, NULL, "workspace %s: cannot listen at %s: %s",
				config->name, config->socket, strerror(-r));
			return r;
		}
	}
	return 0;
}

/* Asked to end: each guest is told, which takes a moment; on_post() ends the loop then. */
static int on_term(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct host *host = userdata;
	struct workspace *ws;

	(void)source;
	(void)si;
	if (host->ending) /* asked twice: at once */
		return sd_event_exit(host->event, 0);
	host->ending = true;
	(void)sd_notify(0, "STOPPING=1");
	TAILQ_FOREACH(ws, &host->workspaces, link)
	workspace_disconnect(ws, "the host's platend is closing");
	return 0;
}

static int on_hup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct host *host = userdata;

	(void)source;
	(void)si;
	if (!host->ending)
		reload_settings(host);
	return 0;
}

static int set_up_events(struct host *host)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	uint64_t now;
	int r;

	r = loop_new(signals, 3, &host->event);
	if (r >= 0)
		r = sd_event_add_signal(host->event, &host->term, SIGTERM, on_term, host);
	if (r >= 0)
		r = sd_event_add_signal(host->event, &host->interrupt, SIGINT, on_term, host);
	if (r >= 0)
		r = sd_event_add_signal(host->event, &host->hup, SIGHUP, on_hup, host);
	if (r >= 0)
		r = sd_event_add_post(host->event, &host->post, on_post, host);
	if (r >= 0)
		r = sd_event_now(host->event, CLOCK_MONOTONIC, &now);
	if (r >= 0)
		r = sd_event_add_time(host->event, &host->tick, CLOCK_MONOTONIC, now + TICK_USEC,
			5000000, on_tick, host);
	if (r >= 0)
		r = sd_event_source_set_enabled(host->tick, SD_EVENT_ON);
	return r < 0 ? r : 0;
}

static int set_up(struct host *host)
{
	int r = set_up_events(host);

	if (r == 0)
		r = set_up_state(host);
	if (r == 0)
		r = commits_new(host, &host->commits);
	if (r == 0)
		r = job_load(host);
	if (r < 0)
		return r;
	host_load_mode(host);
	r = renderings_new(host, &host->renderings);
	if (r == 0)
		r = manuals_new(host, &host->manuals);
	if (r == 0)
		r = control_new(host, &host->control);
	if (r == 0)
		r = fetcher_new(host, &host->fetcher);
	if (r == 0)
		r = pruner_new(host, &host->pruner);
	if (r == 0)
		r = arrivals_new(host, &host->arrivals);
	if (r == 0)
		r = set_up_workspaces(host);
	if (r == 0)
		r = spooler_new(host, &host->spooler);
	if (r == 0)
		r = domains_new(host, &host->domains);
	if (r == 0)
		r = vsock_new(host, &host->vsock);
	return r;
}

int host_new(struct config *config, struct host **ret_host)
{
	struct host *host = calloc(1, sizeof(*host));
	char name[HOST_NAME_MAX + 1] = "host";
	int r;

	if (!host)
		return -ENOMEM;
	host->config = *config;
	*config = (struct config){0};
	host->started = time(NULL);
	TAILQ_INIT(&host->printers);
	TAILQ_INIT(&host->workspaces);
	TAILQ_INIT(&host->jobs);
	(void)gethostname(name, sizeof(name) - 1);
	text_copy_line(host->name, sizeof(host->name), name);
	r = set_up(host);
	if (r < 0) {
		(void)host_free(host);
		return r;
	}
	*ret_host = host;
	return 0;
}

struct host *host_free(struct host *host)
{
	if (!host)
		return NULL;
	host->control = control_free(host->control);
	host->domains = domains_free(host->domains);
	job_free_all(host);
	while (!TAILQ_EMPTY(&host->workspaces))
		(void)workspace_free(TAILQ_FIRST(&host->workspaces));
	host->arrivals = arrivals_free(host->arrivals);
	host->spooler = spooler_free(host->spooler);
	if (host->fetcher)
		printer_free_all(host);
	host->fetcher = fetcher_free(host->fetcher);
	host->pruner = pruner_free(host->pruner);
	host->renderings = renderings_free(host->renderings);
	host->manuals = manuals_free(host->manuals);
	host->vsock = vsock_free(host->vsock);
	host->post = sd_event_source_disable_unref(host->post);
	host->commits = commits_free(host->commits);
	host->tick = sd_event_source_disable_unref(host->tick);
	host->settle = sd_event_source_disable_unref(host->settle);
	host->term = sd_event_source_disable_unref(host->term);
	host->interrupt = sd_event_source_disable_unref(host->interrupt);
	host->hup = sd_event_source_disable_unref(host->hup);
	host->ledger = ledger_close(host->ledger);
	config_deinit(&host->config);
	host->event = sd_event_unref(host->event);
	free(host);
	return NULL;
}

int host_run(struct host *host)
{
	int r;

	(void)sd_notify(0, "READY=1");
	log_journal();
	log_event(LOG_ID_HOST_READY, LOG_INFO, NULL, "ready, mode %s", mode_name(host->mode));
	r = sd_event_loop(host->event);
	return r < 0 ? r : 0;
}
