/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's settings from an INI file, by a table of keys.
 *
 * Few, and none is needed in a guest that was set up by the package: an image builder changes one
 * where a container or an unusual CUPS wants it. The first fault is told and ends the reading.
 */
#include "guest/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/settings.h"
#include "proto/base/text.h"

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

static int on_pair(
	struct settings *settings, const char *section, const char *name, const char *value)
{
	static const char *const transports[] = {"auto", "virtio", "vsock", "unix"};
	struct agent_config *config = settings->userdata;
	char *end;
	unsigned long n;

	if (strcmp(section, "agent") != 0)
		return settings_fault(settings, name, value, "the section [agent] above it");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(paths[i].name, name) != 0)
			continue;
		return value[0] == '/' && text_copy((char *)config + paths[i].offset,
						  AGENT_PATH_SIZE, value) == 0
			       ? 1
			       : settings_fault(settings, name, value,
					 "an absolute path of at most 107 bytes");
	}
	if (strcmp(name, "transport") == 0) {
		for (int i = 0; i < 4; i++) {
			if (strcmp(transports[i], value) != 0)
				continue;
			config->transport = (enum agent_transport)i;
			return 1;
		}
		return settings_fault(settings, name, value, "auto, virtio, vsock or unix");
	}
	if (strcmp(name, "package-manager") == 0) {
		if (strcmp(value, "auto") == 0)
			value = "";
		else if (value[0] != '/')
			return settings_fault(settings, name, value, "auto, or an absolute path");
		return text_copy(config->package_manager, AGENT_PATH_SIZE, value) == 0
			       ? 1
			       : settings_fault(
					 settings, name, value, "a path of at most 107 bytes");
	}
	if (strcmp(name, "spooler-user") == 0)
		return text_is_user(value) && text_copy(config->spooler_user, USER_SIZE, value) == 0
			       ? 1
			       : settings_fault(settings, name, value, "a user's name");
	if (strcmp(name, "vsock-port") == 0) {
		n = strtoul(value, &end, 10);
		if (end == value || *end || n == 0 || n > UINT32_MAX)
			return settings_fault(settings, name, value, "a port number");
		config->vsock_port = (uint32_t)n;
		return 1;
	}
	return settings_fault(settings, name, value, "a key that platen-agent.conf(5) knows");
}

int agent_config_read(const char *file, struct agent_config *ret_config, char ret_why[static 512])
{
	struct agent_config config;
	struct settings settings = {.on_pair = on_pair, .userdata = &config, .why = ret_why};
	int r = 0;

	agent_config_init(&config);
	config.file = file;
	if (file || access(AGENT_CONFIG_PATH, F_OK) == 0)
		r = settings_read(&settings, file ? file : AGENT_CONFIG_PATH);
	if (r == 0)
		*ret_config = config;
	return r;
}
