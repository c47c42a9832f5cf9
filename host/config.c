/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from INI files, by a table of keys.
 *
 * What a key means, and what may stand there, is one row each. The first fault ends the reading
 * (proto/base/settings.h). Drop-ins in policy.d are read after the file, so what an admin's tools
 * put there wins.
 */
#include "host/config.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/settings.h"
#include "proto/base/text.h"

enum kind {
	KIND_PATH, /* absolute */
	KIND_TEXT, /* one line, may be empty */
	KIND_NUMBER,
	KIND_BOOL,
	KIND_MODE,
	KIND_DRIVERS,
	KIND_RESTART,
	KIND_LANGUAGES,
};

#define DRIVERS_EXPECTED "server, device, host and generic, each at most once, in the order to try"

/* A job that has just ended may come again: its workspace's spooler saves that it ended later. */
#define LEDGER_JOBS_MIN 1000

static const struct key {
	const char *name;
	enum kind kind;
	size_t offset, size;
	const char *expected;
} keys[] = {
#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
	{"mode", KIND_MODE, FIELD(mode), "off, network or all"},
	{"drivers", KIND_DRIVERS, FIELD(drivers), DRIVERS_EXPECTED},
	{"languages", KIND_LANGUAGES, FIELD(languages),
		"none, or at most 8 languages such as de, fr or zh-TW, each once"},
	{"driver-days", KIND_NUMBER, FIELD(driver_days), "a number of days, 0 for ever"},
	{"restart", KIND_RESTART, FIELD(restart), "auto, ask or never"},
	{"restart-limit", KIND_NUMBER, FIELD(restart_limit), "a number of minutes, 0 for none"},
	{"restart-force", KIND_NUMBER, FIELD(restart_force), "a number of minutes, 0 for never"},
	{"control", KIND_PATH, FIELD(control), "an absolute path of at most 107 bytes"},
	{"run-dir", KIND_PATH, FIELD(run_dir), "an absolute path of at most 107 bytes"},
	{"state-dir", KIND_PATH, FIELD(state_dir), "an absolute path of at most 107 bytes"},
	{"libexec-dir", KIND_PATH, FIELD(libexec_dir), "an absolute path of at most 107 bytes"},
	{"cups-socket", KIND_PATH, FIELD(cups_socket), "an absolute path of at most 107 bytes"},
	{"cups-spool", KIND_PATH, FIELD(cups_spool), "an absolute path of at most 107 bytes"},
	{"libvirt-uri", KIND_TEXT, FIELD(libvirt_uri), "a libvirt URI such as qemu:///system"},
	{"worker-user", KIND_TEXT, FIELD(worker_user), "a user's name"},
	{"admin-group", KIND_TEXT, FIELD(admin_group), "a group's name"},
	{"vsock-port", KIND_NUMBER, FIELD(vsock_port), "a port number, 0 for none"},
	{"raw", KIND_BOOL, FIELD(raw), "yes or no"},
	{"jobs-per-minute", KIND_NUMBER, FIELD(jobs_per_minute), "a number, 0 for no limit"},
	{"mib-per-minute", KIND_NUMBER, FIELD(mib_per_minute), "a number, 0 for no limit"},
	{"held-mib", KIND_NUMBER, FIELD(held_mib), "a number, 0 for no limit"},
	{"ledger-jobs", KIND_NUMBER, FIELD(ledger_jobs), "1000 or more jobs, 0 for no limit"},
	{"ledger-days", KIND_NUMBER, FIELD(ledger_days), "a number of days, 0 for no limit"},
	{"keepalive-msec", KIND_NUMBER, FIELD(keepalive_msec), "100 to 3600000 milliseconds"},
#undef FIELD
};

enum mode mode_parse(const char *word)
{
	for (enum mode mode = MODE_OFF; mode <= MODE_ALL; mode++)
		if (strcmp(word, mode_name(mode)) == 0)
			return mode;
	return MODE_UNSET;
}

const char *mode_name(enum mode mode)
{
	static const char *const names[] = {"unset", "off", "network", "all"};

	return names[mode];
}

static bool number_parse(const char *value, uint32_t *ret_number)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || end == value || *end || n > UINT32_MAX || *value == '-')
		return false;
	*ret_number = (uint32_t)n;
	return true;
}

static bool key_set(struct config *config, const struct key *key, const char *value)
{
	void *at = (char *)config + key->offset;
	enum restart_policy restart;
	enum mode mode;

	switch (key->kind) {
	case KIND_PATH: return value[0] == '/' && text_copy(at, key->size, value) == 0;
	case KIND_TEXT: return text_is_line(value) && text_copy(at, key->size, value) == 0;
	case KIND_NUMBER: return number_parse(value, at);
	case KIND_BOOL:
		*(bool *)at = strcmp(value, "yes") == 0;
		return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
	case KIND_MODE:
		mode = mode_parse(value);
		memcpy(at, &mode, sizeof(mode));
		return mode != MODE_UNSET;
	case KIND_DRIVERS: return fetch_sources_parse(value, at);
	case KIND_LANGUAGES:
		return fetch_languages_parse(
			strcmp(value, "none") == 0 ? "" : value, at, key->size);
	case KIND_RESTART:
		restart = restart_policy_parse(value);
		memcpy(at, &restart, sizeof(restart));
		return restart != RESTART_UNSET;
	}
	return false;
}

static struct config_workspace *workspace_named(struct config *config, const char *name)
{
	struct config_workspace *grown;

	for (uint32_t i = 0; i < config->workspace_count; i++)
		if (strcmp(config->workspaces[i].name, name) == 0)
			return &config->workspaces[i];
	if (config->workspace_count == CONFIG_WORKSPACES_MAX)
		return NULL;
	grown = reallocarray(
		config->workspaces, config->workspace_count + 1, sizeof(*config->workspaces));
	if (!grown)
		return NULL;
	config->workspaces = grown;
	grown += config->workspace_count;
	memset(grown, 0, sizeof(*grown));
	if (text_copy(grown->name, sizeof(grown->name), name) < 0 || !text_is_line(name) || !*name)
		return NULL;
	config->workspace_count++;
	return grown;
}

static int workspace_set(
	struct settings *settings, const char *section, const char *name, const char *value)
{
	struct config_workspace *ws = workspace_named(settings->userdata, section);

	if (!ws)
		return settings_fault(settings, "[workspace]", section, "a name on one line");
	if (strcmp(name, "uuid") == 0)
		return uuid_parse(value, &ws->uuid) == 0
			       ? 1
			       : settings_fault(settings, name, value, "a UUID");
	if (strcmp(name, "socket") == 0)
		return value[0] == '/' && text_copy(ws->socket, sizeof(ws->socket), value) == 0
			       ? 1
			       : settings_fault(settings, name, value, "an absolute path");
	if (strcmp(name, "owner") == 0)
		return text_is_user(value) && text_copy(ws->owner, sizeof(ws->owner), value) == 0
			       ? 1
			       : settings_fault(settings, name, value, "a user's name");
	if (strcmp(name, "mode") == 0) {
		ws->mode = mode_parse(value);
		return ws->mode ? 1 : settings_fault(settings, name, value, "off, network or all");
	}
	if (strcmp(name, "restart") == 0) {
		ws->restart = restart_policy_parse(value);
		return ws->restart ? 1
				   : settings_fault(settings, name, value, "auto, ask or never");
	}
	return settings_fault(
		settings, name, value, "one of the keys uuid, socket, owner, mode, restart");
}

const struct config_printer *config_printer_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->printer_count; i++)
		if (strcmp(config->printers[i].name, name) == 0)
			return &config->printers[i];
	return NULL;
}

const struct config_drivers *config_drivers_of(const struct config *config, const char *name)
{
	const struct config_printer *printer = config_printer_find(config, name);

	return printer && printer->drivers.sources[0] ? &printer->drivers : &config->drivers;
}

/* The section of a printer, made if it is new. */
static struct config_printer *printer_named(struct config *config, const char *name)
{
	const struct config_printer *is = config_printer_find(config, name);
	struct config_printer *grown;

	if (is)
		return &config->printers[is - config->printers];
	if (config->printer_count == CONFIG_PRINTERS_MAX || !text_is_queue(name) ||
		strlen(name) >= NAME_SIZE)
		return NULL;
	grown = reallocarray(config->printers, config->printer_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	config->printers = grown;
	grown += config->printer_count++;
	*grown = (struct config_printer){0};
	(void)text_copy(grown->name, sizeof(grown->name), name);
	return grown;
}

static int printer_set(
	struct settings *settings, const char *section, const char *name, const char *value)
{
	struct config_printer *printer = printer_named(settings->userdata, section);

	if (!printer)
		return settings_fault(settings, "[printer]", section, "the name of a queue");
	if (strcmp(name, "rendering") == 0) {
		printer->rendering = strcmp(value, "guest") == 0 ? RENDERING_GUEST : RENDERING_HOST;
		return printer->rendering == RENDERING_GUEST || strcmp(value, "host") == 0
			       ? 1
			       : settings_fault(settings, name, value, "host or guest");
	}
	if (strcmp(name, "drivers") == 0)
		return fetch_sources_parse(value, printer->drivers.sources)
			       ? 1
			       : settings_fault(settings, name, value, DRIVERS_EXPECTED);
	return settings_fault(settings, name, value, "one of the keys drivers, rendering");
}

static struct config_server *server_named(struct config *config, const char *host)
{
	struct config_server *grown;

	for (uint32_t i = 0; i < config->server_count; i++)
		if (strcasecmp(config->servers[i].host, host) == 0)
			return &config->servers[i];
	if (config->server_count == CONFIG_SERVERS_MAX || !text_is_line(host) || !*host ||
		strlen(host) >= TEXT_SIZE)
		return NULL;
	grown = reallocarray(config->servers, config->server_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	config->servers = grown;
	grown += config->server_count++;
	*grown = (struct config_server){0};
	(void)text_copy(grown->host, sizeof(grown->host), host);
	return grown;
}

/* One or more `sha256//` with 32 bytes in base64, by semicolons (CURLOPT_PINNEDPUBLICKEY(3)). */
static bool is_pin(const char *value)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	for (;;) {
		if (strncmp(value, "sha256//", 8) != 0 || strspn(value + 8, base64) != 43 ||
			value[51] != '=')
			return false;
		value += 52;
		if (*value == '\0')
			return true;
		if (*value++ != ';')
			return false;
	}
}

static int server_set(
	struct settings *settings, const char *section, const char *name, const char *value)
{
	struct config_server *server = server_named(settings->userdata, section);

	if (!server)
		return settings_fault(settings, "[server]", section, "the name of a host");
	if (strcmp(name, "pin") == 0)
		return is_pin(value) && text_copy(server->pin, sizeof(server->pin), value) == 0
			       ? 1
			       : settings_fault(settings, name, value,
					 "sha256//BASE64 of the server's public key, several by "
					 "semicolons without blanks");
	if (strcmp(name, "credentials") == 0)
		return value[0] == '/' && text_copy(server->credentials,
						  sizeof(server->credentials), value) == 0
			       ? 1
			       : settings_fault(settings, name, value,
					 "the absolute path of a file of mode 0600 that holds "
					 "user:password");
	if (strcmp(name, "negotiate") == 0) {
		server->negotiate = strcmp(value, "yes") == 0;
		return server->negotiate || strcmp(value, "no") == 0
			       ? 1
			       : settings_fault(settings, name, value, "yes or no");
	}
	return settings_fault(settings, name, value, "one of the keys pin, credentials, negotiate");
}

const struct config_server *config_server_find(const struct config *config, const char *device_uri)
{
	const char *host = strstr(device_uri, "://"), *at;
	char decoded[TEXT_SIZE];
	size_t len, used = 0;

	if (!host)
		return NULL;
	host += 3;
	len = strcspn(host, "/?#");
	/* smb://[user@]WORKGROUP/SERVER/PRINTER, smbspool(8) */
	if (strncasecmp(device_uri, "smb://", 6) == 0 && host[len] == '/' &&
		strchr(host + len + 1, '/')) {
		host += len + 1;
		len = strcspn(host, "/?#");
	}
	at = memrchr(host, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (host[0] == '[')
		len = memchr(host, ']', len) ? (size_t)((char *)memchr(host, ']', len) + 1 - host)
					     : len;
	else if (memchr(host, ':', len))
		len = (size_t)((char *)memchr(host, ':', len) - host);
	for (size_t i = 0; i < len && used + 1 < sizeof(decoded); i++) {
		unsigned int byte;

		if (host[i] == '%' && i + 2 < len && sscanf(host + i + 1, "%2x", &byte) == 1) {
			decoded[used++] = (char)byte;
			i += 2;
		} else {
			decoded[used++] = host[i];
		}
	}
	decoded[used] = '\0';
	for (uint32_t i = 0; i < config->server_count; i++)
		if (strcasecmp(config->servers[i].host, decoded) == 0)
			return &config->servers[i];
	return NULL;
}

static int on_pair(
	struct settings *settings, const char *section, const char *name, const char *value)
{
	if (strncmp(section, "workspace ", 10) == 0)
		return workspace_set(settings, section + 10, name, value);
	if (strncmp(section, "printer ", 8) == 0)
		return printer_set(settings, section + 8, name, value);
	if (strncmp(section, "server ", 7) == 0)
		return server_set(settings, section + 7, name, value);
	if (strcmp(section, "host") != 0)
		return settings_fault(settings, name, value,
			"a section [host], [printer NAME], [server HOST] or [workspace NAME] above "
			"it");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		return key_set(settings->userdata, &keys[i], value)
			       ? 1
			       : settings_fault(settings, name, value, keys[i].expected);
	}
	return settings_fault(settings, name, value, "a key that platen.conf(5) knows");
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int read_drop_ins(struct settings *settings, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[256], file[512];
	struct dirent **entries;
	int n, r = 0;

	if (text_printf(folder, sizeof(folder), "%.*spolicy.d", slash ? (int)(slash + 1 - path) : 0,
		    path) < 0)
		return 0;
	n = scandir(folder, &entries, is_conf, alphasort);
	if (n < 0)
		return 0; /* no folder, no drop-ins */
	for (int i = 0; i < n; i++) {
		if (r == 0 &&
			text_printf(file, sizeof(file), "%s/%s", folder, entries[i]->d_name) == 0)
			r = settings_read(settings, file);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* Two sections that would take each other's channel. */
static int check_twins(const struct config *config, const char *path, char why[static SETTINGS_WHY])
{
	for (uint32_t i = 0; i < config->workspace_count; i++) {
		const struct config_workspace *a = &config->workspaces[i];

		for (uint32_t k = 0; k < i; k++) {
			const struct config_workspace *b = &config->workspaces[k];
			bool same = uuid_equal(&a->uuid, &b->uuid);

			if (!same && strcmp(a->socket, b->socket) != 0)
				continue;
			(void)text_printf(why, SETTINGS_WHY,
				"%s: [workspace %s]: expected another %s than that of [workspace "
				"%s]",
				path, a->name, same ? "uuid" : "socket", b->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int check(const struct config *config, const char *path, char why[static SETTINGS_WHY])
{
	if (config->keepalive_msec < 100 || config->keepalive_msec > 3600000) {
		(void)snprintf(
			why, SETTINGS_WHY, "%s: keepalive-msec: expected 100 to 3600000", path);
		return -EINVAL;
	}
	if (config->ledger_jobs && config->ledger_jobs < LEDGER_JOBS_MIN) {
		(void)snprintf(why, SETTINGS_WHY,
			"%s: ledger-jobs: expected %d or more, or 0 for no limit", path,
			LEDGER_JOBS_MIN);
		return -EINVAL;
	}
	if (config->restart_limit > RESTART_SEC_MAX / 60 || config->restart_force > 1440) {
		(void)snprintf(why, SETTINGS_WHY,
			"%s: expected restart-limit of at most %d and restart-force of at most "
			"1440 minutes",
			path, RESTART_SEC_MAX / 60);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < config->workspace_count; i++) {
		const struct config_workspace *ws = &config->workspaces[i];

		if (!uuid_is_null(&ws->uuid) && ws->socket[0])
			continue;
		(void)snprintf(why, SETTINGS_WHY,
			"%s: [workspace %s]: expected both uuid and socket", path, ws->name);
		return -EINVAL;
	}
	return check_twins(config, path, why);
}

int config_read(const char *path, struct config *ret_config, char ret_why[static 512])
{
	struct config config = {.mode = MODE_NETWORK,
		.drivers = {{FETCH_SERVER, FETCH_DEVICE, FETCH_HOST}},
		.driver_days = 30,
		.control = "/run/platen/control",
		.run_dir = "/run/cups/platen",
		.state_dir = "/var/lib/platen",
		.libexec_dir = "/usr/libexec/platen",
		.cups_socket = "/run/cups/cups.sock",
		.cups_spool = "/var/spool/cups",
		.libvirt_uri = "qemu:///system",
		.worker_user = "platen",
		.admin_group = "lpadmin",
		.vsock_port = VSOCK_PORT,
		.keepalive_msec = KEEPALIVE_MSEC,
		.raw = true,
		.jobs_per_minute = 300,
		.held_mib = 8192,
		.ledger_jobs = 100000,
		.ledger_days = 400,
		.restart = RESTART_AUTO,
		.restart_limit = RESTART_LIMIT_MIN};
	struct settings settings = {.on_pair = on_pair, .userdata = &config, .why = ret_why};
	int r = text_copy(config.path, sizeof(config.path), path);

	if (r < 0)
		(void)snprintf(ret_why, SETTINGS_WHY, "%.100s...: expected a shorter path", path);
	if (r == 0)
		r = settings_read(&settings, path);
	if (r == 0)
		r = read_drop_ins(&settings, path);
	if (r == 0)
		r = check(&config, settings.path, ret_why);
	if (r < 0) {
		config_deinit(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_deinit(struct config *config)
{
	free(config->workspaces);
	config->workspaces = NULL;
	config->workspace_count = 0;
	free(config->printers);
	config->printers = NULL;
	config->printer_count = 0;
	free(config->servers);
	config->servers = NULL;
	config->server_count = 0;
}
