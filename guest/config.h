/* SPDX-License-Identifier: Apache-2.0 */
/* platen-agent's settings: platen-agent.conf(5). */
#ifndef PLATEN_AGENT_CONFIG_H
#define PLATEN_AGENT_CONFIG_H

#include <stdint.h>

#include "proto/limits.h"

#define AGENT_PATH_SIZE	  108 /* sun_path of unix(7) */
#define AGENT_CONFIG_PATH "/etc/platen/platen-agent.conf"

enum agent_transport {
	AGENT_AUTO = 0, /* vsock; where it does not lead to the host, the virtio port */
	AGENT_VIRTIO,
	AGENT_VSOCK,
	AGENT_UNIX,
};

struct agent_config {
	const char *file; /* that it was read from; NULL: AGENT_CONFIG_PATH, if that exists */
	enum agent_transport transport;
	char path[AGENT_PATH_SIZE]; /* the virtio port, or the unix socket */
	char cups_socket[AGENT_PATH_SIZE];
	char run_dir[AGENT_PATH_SIZE];
	char state_dir[AGENT_PATH_SIZE];
	char libexec_dir[AGENT_PATH_SIZE];
	char cups_server_bin[AGENT_PATH_SIZE];	/* of cups-files.conf(5): filters are in filter/ */
	char needs_restarting[AGENT_PATH_SIZE]; /* see needs-restarting(1) */
	char package_manager[AGENT_PATH_SIZE];	/* empty, "auto": the one that is here */
	char spooler_user[USER_SIZE];		/* whom cupsd runs backends as */
	uint32_t vsock_port;
};

/* The settings without a file. */
void agent_config_init(struct agent_config *config);

/*
 * Reads `file`, which is borrowed, or with NULL AGENT_CONFIG_PATH, which need not exist. 0, or
 * -errno with one line in ret_why: file, line, what stands there, what was expected. ret_config is
 * only written on success.
 */
int agent_config_read(const char *file, struct agent_config *ret_config, char ret_why[static 512]);

#endif
