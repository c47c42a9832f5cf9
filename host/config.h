/* SPDX-License-Identifier: Apache-2.0 */
/* platend's settings: platen.conf(5) and the drop-ins of policy.d beside it. */
#ifndef PLATEN_CONFIG_H
#define PLATEN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/fetch.h"
#include "host/restart.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"
#include "proto/message.h"

#define CONFIG_PATH_SIZE      108 /* sun_path of unix(7), also for folders */
#define CONFIG_WORKSPACES_MAX 4096
#define CONFIG_PRINTERS_MAX   4096
#define CONFIG_SERVERS_MAX    256

enum mode {
	MODE_UNSET = 0, /* the host's default holds */
	MODE_OFF,
	MODE_NETWORK, /* network and shared printers and pools, as MED-V does */
	MODE_ALL,     /* local ones too */
};

/* A workspace that libvirt does not know: a container or a test, on a plain unix socket. */
struct config_workspace {
	char name[TEXT_SIZE];
	char socket[CONFIG_PATH_SIZE];
	char owner[USER_SIZE];
	struct uuid uuid;
	enum mode mode;
	enum restart_policy restart;
};

/* Where drivers come from: enum fetch_provenance in the order to try, 0 ends it. */
struct config_drivers {
	uint8_t sources[FETCH_SOURCES_MAX];
};

/* What [printer NAME] says. */
struct config_printer {
	char name[NAME_SIZE];
	struct config_drivers drivers; /* none: the host's hold */
	enum rendering rendering;
};

/* What [server HOST] says of a print server or a device. */
struct config_server {
	char host[TEXT_SIZE]; /* as device URIs have it, without port */
	char pin[256];	      /* see struct fetch_get */
	char credentials[CONFIG_PATH_SIZE];
	bool negotiate;
};

struct config {
	char path[256]; /* of the file that it was read from */
	enum mode mode;
	struct config_drivers drivers;
	char languages[128];  /* of devices' own names, as in struct fetch_get */
	uint32_t driver_days; /* that one without a printer is kept, 0: for ever */
	char control[CONFIG_PATH_SIZE];
	char run_dir[CONFIG_PATH_SIZE];
	char state_dir[CONFIG_PATH_SIZE];
	char libexec_dir[CONFIG_PATH_SIZE];
	char cups_socket[CONFIG_PATH_SIZE];
	char cups_spool[CONFIG_PATH_SIZE];   /* cupsd's RequestRoot */
	char fetch_socket[CONFIG_PATH_SIZE]; /* empty: platen-fetch is started */
	char libvirt_uri[TEXT_SIZE];	     /* empty: no libvirt */
	char worker_user[USER_SIZE];	     /* empty: as platend */
	char admin_group[USER_SIZE];
	uint32_t vsock_port; /* 0: none */
	uint32_t keepalive_msec;
	bool raw; /* workspaces may send printer commands */
	uint32_t jobs_per_minute, mib_per_minute, held_mib; /* of a workspace; 0: no limit */
	uint32_t ledger_jobs, ledger_days; /* ended ones, and for how long; 0: no limit */
	enum restart_policy restart;
	uint32_t restart_limit; /* minutes, 0: none */
	uint32_t restart_force; /* minutes after which a guest is reset, 0: never */
	struct config_workspace *workspaces;
	uint32_t workspace_count;
	struct config_printer *printers;
	uint32_t printer_count;
	struct config_server *servers;
	uint32_t server_count;
};

/*
 * Reads `path` and then policy.d/NAME.conf beside it, in the order of their names. 0, or -errno
 * with one line in ret_why that names file and line, what stands there and what was expected.
 * `config` is only written on success.
 */
int config_read(const char *path, struct config *ret_config, char ret_why[static 512]);
void config_deinit(struct config *config);

/* The section of a printer, or NULL. */
const struct config_printer *config_printer_find(const struct config *config, const char *name);

/* The section of the server that a device URI names, or NULL. Of a dnssd URI the host is the name
 * of the service, without percent signs. */
const struct config_server *config_server_find(const struct config *config, const char *device_uri);

/* The order of sources for a printer. */
const struct config_drivers *config_drivers_of(const struct config *config, const char *name);

/* MODE_UNSET for an unknown word. */
enum mode mode_parse(const char *word);
const char *mode_name(enum mode mode);

#endif
