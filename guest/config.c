/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's settings from an INI file, by a table of keys.
 *
 * Few, and none is needed in a guest that was set up by the package: an image builder changes one
 * where a container or an unusual CUPS wants it. The first fault is told and ends the reading.
 */
#include "guest/config.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"

struct reading {
	struct agent_config *config;
	const char *path;
	FILE *file;
	int line;
	char *why;
	bool failed;
};

static const struct {
	const char *name;
	size_t offset;
} paths[] = {
	{"path", offsetof(struct agent_config, path)},
	{"cups-socket", offsetof(struct agent_config, cups_socket)},
	{"run-dir", offsetof(struct agent_config, run_dir)},
	{"state-dir", offsetof(struct agent_config, state_dir)},
	{"libexec-dir", offsetof(struct agent_config, libexec_dir)},
	{"cups-server-bin", offsetof(struct agent_config, cups_server_bin)},
	{"needs-restarting", offsetof(struct agent_config, needs_restarting)},
};

void agent_config_init(struct agent_config *config)
{
	*config = (struct agent_config){
		.path = "/dev/virtio-ports/" VIRTIO_PORT,
		.cups_socket = "/run/cups/cups.sock",
		.run_dir = "/run/platen-agent",
		.state_dir = "/var/lib/platen-agent",
		.libexec_dir = "/usr/libexec/platen",
		.cups_server_bin = "/usr/lib/cups",
		.needs_restarting = "/usr/bin/needs-restarting",
		.spooler_user = "lp",
		.vsock_port = VSOCK_PORT,
	};
}

static int fault(struct reading *reading, const char *name, const char *value, const char *expected)
{
	char key[80], shown[80];

	if (!reading->failed)
		(void)text_printf(reading->why, 512, "%s:%d: %s = %s: expected %s", reading->path,
			reading->line, text_escape(name, key, sizeof(key)),
			text_escape(value, shown, sizeof(shown)), expected);
	reading->failed = true;
	return 0;
}

static int on_pair(void *userdata, const char *section, const char *name, const char *value)
{
	static const char *const transports[] = {"auto", "virtio", "vsock", "unix"};
	struct reading *reading = userdata;
	struct agent_config *config = reading->config;
	char *end;
	unsigned long n;

	if (strcmp(section, "agent") != 0)
		return fault(reading, name, value, "the section [agent] above it");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(paths[i].name, name) != 0)
			continue;
		return value[0] == '/' && text_copy((char *)config + paths[i].offset,
						  AGENT_PATH_SIZE, value) == 0
			       ? 1
			       : fault(reading, name, value,
					 "an absolute path of at most 107 bytes");
	}
	if (strcmp(name, "transport") == 0) {
		for (int i = 0; i < 4; i++) {
			if (strcmp(transports[i], value) != 0)
				continue;
			config->transport = (enum agent_transport)i;
			return 1;
		}
		return fault(reading, name, value, "auto, virtio, vsock or unix");
	}
	if (strcmp(name, "package-manager") == 0) {
		if (strcmp(value, "auto") == 0)
			value = "";
		else if (value[0] != '/')
			return fault(reading, name, value, "auto, or an absolute path");
		return text_copy(config->package_manager, AGENT_PATH_SIZE, value) == 0
			       ? 1
			       : fault(reading, name, value, "a path of at most 107 bytes");
	}
	if (strcmp(name, "spooler-user") == 0)
		return text_is_user(value) && text_copy(config->spooler_user, USER_SIZE, value) == 0
			       ? 1
			       : fault(reading, name, value, "a user's name");
	if (strcmp(name, "vsock-port") == 0) {
		n = strtoul(value, &end, 10);
		if (end == value || *end || n == 0 || n > UINT32_MAX)
			return fault(reading, name, value, "a port number");
		config->vsock_port = (uint32_t)n;
		return 1;
	}
	return fault(reading, name, value, "a key that platen-agent.conf(5) knows");
}

static char *next_line(char *buf, int size, void *userdata)
{
	struct reading *reading = userdata;

	reading->line++;
	return fgets(buf, size, reading->file);
}

int agent_config_read(const char *path, struct agent_config *config, char ret_why[static 512])
{
	struct reading reading = {
		.config = config, .path = path, .why = ret_why, .file = fopen(path, "re")};
	int r, unreadable;

	if (!reading.file) {
		r = -errno;
		(void)snprintf(ret_why, 512, "%s: %s", path, strerror(errno));
		return r;
	}
	r = ini_parse_stream(next_line, &reading, on_pair, &reading);
	unreadable = ferror(reading.file) ? errno : 0;
	(void)fclose(reading.file);
	if (unreadable) {
		(void)snprintf(ret_why, 512, "%s: %s", path, strerror(unreadable));
		return -unreadable;
	}
	if (reading.failed)
		return -EINVAL;
	if (r != 0) {
		(void)snprintf(ret_why, 512, "%s:%d: expected [section], key = value or # comment",
			path, r > 0 ? r : reading.line);
		return -EINVAL;
	}
	return 0;
}
