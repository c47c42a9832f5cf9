/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings read anew, with nobody sent away.
 *
 * What is looked up when it is used simply holds from now on; what was worked out of a setting is
 * worked out again here. A few are where platend itself stands, such as its folders and its
 * sockets, or want a look-up that could block: these stay as they are until it is started again,
 * and that is said. Files with a fault change nothing at all, so that half of them never holds.
 */
#include "host/reload.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "host/fetcher.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/vsock.h"
#include "host/workspace.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/settings.h"
#include "proto/base/text.h"

static const struct {
	const char *name;
	size_t offset, size;
} kept[] = {
#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
	{"control", FIELD(control)},
	{"run-dir", FIELD(run_dir)},
	{"state-dir", FIELD(state_dir)},
	{"libexec-dir", FIELD(libexec_dir)},
	{"cups-socket", FIELD(cups_socket)},
	{"libvirt-uri", FIELD(libvirt_uri)},
	{"worker-user", FIELD(worker_user)},
	{"admin-group", FIELD(admin_group)},
#undef FIELD
};

static int keep_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names);

	if (used + strlen(name) + 3 <= size)
		(void)snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
	return 1;
}

int reload_keep(const struct config *now, struct config *fresh, char *ret_names, size_t size)
{
	int count = 0;

	ret_names[0] = '\0';
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *is = (const char *)now + kept[i].offset;
		char *wanted = (char *)fresh + kept[i].offset;

		if (strcmp(is, wanted) == 0)
			continue;
		count += keep_name(ret_names, size, kept[i].name);
		memcpy(wanted, is, kept[i].size);
	}
	memcpy(fresh->fetch_socket, now->fetch_socket, sizeof(fresh->fetch_socket));
	return count;
}

static const struct config_workspace *section_of(
	const struct config *config, const struct uuid *uuid)
{
	for (uint32_t i = 0; i < config->workspace_count; i++)
		if (uuid_equal(&config->workspaces[i].uuid, uuid))
			return &config->workspaces[i];
	return NULL;
}

/* Workspaces of the settings whose section has gone, or listens elsewhere now. */
static void drop_workspaces(struct host *host, const struct config *fresh)
{
	struct workspace *ws, *next;

	for (ws = TAILQ_FIRST(&host->workspaces); ws; ws = next) {
		const struct config_workspace *is = section_of(&host->config, &ws->uuid),
					      *wanted = section_of(fresh, &ws->uuid);
		struct log_about about = {.workspace = ws->name};

		next = TAILQ_NEXT(ws, link);
		if (ws->by_libvirt || (is && wanted && strcmp(is->socket, wanted->socket) == 0))
			continue;
		log_line(LOG_INFO, &about, "%s in platen.conf",
			wanted ? "has another socket" : "has no section any more");
		workspace_disconnect(ws, "its section in the host's platen.conf was changed");
		(void)workspace_free(ws);
	}
}

/* A section that cannot be in force. At its start platend would end for it. */
static void say_unheard(struct host *host, const struct config_workspace *section, const char *what,
	const char *why)
{
	struct log_about about = {.workspace = section->name};

	log_line(LOG_ERR, &about, "%s %s: %s", what, section->socket, why);
	if (!host->unread_fault)
		(void)text_printf(host->unread, sizeof(host->unread),
			"[workspace %.80s]: %s %s: %s", section->name, what, section->socket, why);
	host->unread_fault = true;
}

/* The others take over what their section says; new ones begin to listen. */
static void adopt_workspaces(struct host *host, const struct config *before)
{
	for (uint32_t i = 0; i < host->config.workspace_count; i++) {
		const struct config_workspace *section = &host->config.workspaces[i];
		struct workspace *ws = workspace_find(host, &section->uuid);
		int r = 0;

		if (ws && ws->by_libvirt) {
			say_unheard(host, section, "not listening at", "its uuid is a domain's");
			continue;
		}
		if (ws) {
			workspace_adopt(ws, section_of(before, &section->uuid), section);
			continue;
		}
		r = workspace_new(host, &section->uuid, &ws);
		if (r == 0)
			r = workspace_listen(ws, section);
		if (r == 0)
			continue;
		say_unheard(host, section, "cannot listen at", strerror(-r));
		if (ws)
			(void)workspace_free(ws);
	}
}

static bool same_server(const struct config_server *a, const struct config_server *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a->pin, b->pin) == 0 && strcmp(a->credentials, b->credentials) == 0 &&
	       a->negotiate == b->negotiate;
}

/* What was found out of a printer by other settings is found out anew. */
static void refresh_printers(struct host *host, const struct config *before)
{
	const struct config *now = &host->config;
	struct printer *printer, *next;

	for (printer = TAILQ_FIRST(&host->printers); printer; printer = next) {
		const char *name = printer->is.name, *uri = printer->is.device_uri;
		const struct config_printer *was = config_printer_find(before, name),
					    *is = config_printer_find(now, name);

		next = TAILQ_NEXT(printer, link);
		if ((was ? was->rendering : RENDERING_HOST) !=
			(is ? is->rendering : RENDERING_HOST))
			host_printer_changed(host, printer, true, false);
		if (memcmp(config_drivers_of(before, name), config_drivers_of(now, name),
			    sizeof(struct config_drivers)) != 0 ||
			strcmp(before->languages, now->languages) != 0 ||
			!same_server(config_server_find(before, uri), config_server_find(now, uri)))
			printer_sources_changed(printer);
	}
}

static void apply(struct host *host, const struct config *before)
{
	const struct config *now = &host->config;
	struct workspace *ws;
	int r = 0;

	adopt_workspaces(host, before);
	TAILQ_FOREACH(ws, &host->workspaces, link)
	{
		if (before->jobs_per_minute != now->jobs_per_minute)
			quota_jobs(&ws->quota, now);
		if (before->keepalive_msec != now->keepalive_msec ||
			before->mib_per_minute != now->mib_per_minute)
			workspace_limits(ws);
		restarts_look(ws->restarts);
	}
	if (before->ledger_jobs != now->ledger_jobs || before->ledger_days != now->ledger_days)
		r = ledger_limit(host->ledger, now->ledger_jobs, now->ledger_days);
	if (r < 0)
		host_say_unwritten(host, r);
	if (strcmp(before->cups_spool, now->cups_spool) != 0)
		host->unsynced = false; /* it is seen, and said, with the next document */
	vsock_look(host->vsock);	/* also at the same port: the kernel may have it since */
	refresh_printers(host, before);
	host_load_mode(host);
}

static void notify(const char *state, const char *text)
{
	(void)sd_notifyf(0, "%s\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=%s", state, clock_usec(), text);
}

void reload_settings(struct host *host)
{
	struct config fresh, before;
	char why[SETTINGS_WHY], names[200];

	notify("RELOADING=1", "reading its settings");
	if (config_read(host->config.path, &fresh, why) < 0) {
		text_copy_line(host->unread, sizeof(host->unread), why);
		host->unread_fault = true;
		log_event(LOG_ID_HOST_SETTINGS, LOG_ERR, NULL,
			"the settings are wrong, those before stay in force: %s", why);
		return notify("READY=1", "its settings are wrong, those before are in force");
	}
	host->unread[0] = '\0';
	host->unread_fault = false;
	if (reload_keep(&host->config, &fresh, names, sizeof(names)))
		(void)text_printf(host->unread, sizeof(host->unread),
			"changed, and in force when platend is started again: %s", names);
	drop_workspaces(host, &fresh);
	before = host->config;
	host->config = fresh;
	apply(host, &before);
	config_deinit(&before);
	log_event(LOG_ID_HOST_SETTINGS, host->unread[0] ? LOG_WARNING : LOG_INFO, NULL,
		"settings read again, mode %s%s%s%s", mode_name(host->mode),
		host->unread[0] ? "; " : "", host->unread,
		host->unread[0] && !host->unread_fault ? ": systemctl restart platend" : "");
	notify("READY=1", "");
}
