/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A settings file of any bytes, the host's (first byte even) or the guest's: it is read whole or
 * refused with a line that says why, and what it sets is within its bounds.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/config.h"
#include "host/config.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

#define ENDS(a) PROMISE(memchr(a, '\0', sizeof(a)))

static void look_at_host(const struct config *c)
{
	PROMISE(c->mode >= MODE_OFF && c->mode <= MODE_ALL);
	PROMISE(c->keepalive_msec >= 100 && c->keepalive_msec <= 3600000);
	PROMISE(c->workspace_count <= CONFIG_WORKSPACES_MAX);
	PROMISE(c->printer_count <= CONFIG_PRINTERS_MAX && c->server_count <= CONFIG_SERVERS_MAX);
	PROMISE(c->control[0] == '/' && c->run_dir[0] == '/' && c->state_dir[0] == '/');
	ENDS(c->control);
	ENDS(c->run_dir);
	ENDS(c->state_dir);
	ENDS(c->libexec_dir);
	ENDS(c->cups_socket);
	ENDS(c->libvirt_uri);
	ENDS(c->worker_user);
	ENDS(c->admin_group);
	for (uint32_t i = 0; i < c->workspace_count; i++) {
		const struct config_workspace *ws = &c->workspaces[i];

		PROMISE(text_terminated(ws->name, sizeof(ws->name)) && text_is_line(ws->name));
		PROMISE(ws->socket[0] == '/' && !uuid_is_null(&ws->uuid));
		PROMISE(!ws->owner[0] || text_is_user(ws->owner));
	}
	for (uint32_t i = 0; i < c->printer_count; i++)
		PROMISE(config_printer_find(c, c->printers[i].name) == &c->printers[i]);
	for (uint32_t i = 0; i < c->server_count; i++) {
		ENDS(c->servers[i].host);
		ENDS(c->servers[i].pin);
		ENDS(c->servers[i].credentials);
	}
}

static void look_at_guest(const struct agent_config *c)
{
	PROMISE(c->transport <= AGENT_UNIX && c->vsock_port != 0);
	ENDS(c->path);
	ENDS(c->cups_socket);
	ENDS(c->run_dir);
	ENDS(c->state_dir);
	ENDS(c->libexec_dir);
	ENDS(c->cups_server_bin);
	ENDS(c->package_manager);
	PROMISE(text_is_user(c->spooler_user));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agent_config guest;
	struct config host = {0};
	char path[64], why[512] = "";
	bool is_host;
	int fd, r;

	if (size < 1)
		return 0;
	fd = memfd_create("settings", MFD_CLOEXEC);
	PROMISE(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	is_host = !(data[0] & 1);
	r = is_host ? config_read(path, &host, why) : agent_config_read(path, &guest, why);
	PROMISE(r == 0 || r == -EINVAL);
	if (r < 0)
		PROMISE(why[0] && text_is_line(why) && strncmp(why, path, strlen(path)) == 0);
	else if (is_host)
		look_at_host(&host);
	else
		look_at_guest(&guest);
	config_deinit(&host);
	(void)close(fd);
	return 0;
}
