/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-install: has this machine's package manager install one package; and what it and
 * platen-agent say to each other (fixed messages).
 *
 * It serves one INSTALL_PACKAGE or INSTALL_REBOOT at IPC_FD, answers one INSTALL_RESULT, and ends.
 * It may take minutes: the agent's deadline is what ends it.
 */
#ifndef PLATEN_INSTALL_H
#define PLATEN_INSTALL_H

#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/limits.h"

#define INSTALL_SECONDS	  840 /* that the package manager may take; the agent waits a minute more */
#define INSTALL_PATH_SIZE 256
#define INSTALL_FILE_MAX  4294967296 /* bytes of any file that it writes */
#define INSTALL_FILES	  1024	     /* descriptors of a process */

enum install_message {
	INSTALL_PACKAGE = 1, /* agent → worker: struct install_request */
	INSTALL_RESULT,	     /* worker → agent: struct install_result */
	INSTALL_REBOOT, /* agent → worker: is this system to be restarted? The program at `path`
			   says */
};

struct install_request {
	struct ipc_head head;
	uint32_t rpm; /* bool: an RPM, else a Debian package */
	uint32_t reserved;
	uint8_t sha256[32];	      /* what it must still be */
	char path[INSTALL_PATH_SIZE]; /* absolute, ends in .deb or .rpm; with REBOOT:
					 needs-restarting */
	char manager[108];	      /* package-manager of platen-agent.conf(5), or empty */
	char needs_restarting[108];   /* of platen-agent.conf(5) */
};

struct install_result {
	struct ipc_head head;
	int32_t error;		 /* 0: it is installed; -errno */
	uint32_t reboot;	 /* bool: the system says that it is to be restarted */
	char text[MESSAGE_SIZE]; /* with an error: one line; with REBOOT: for which packages, or
				    empty */
};

/* Does it. Always fills in `result`. */
void install_package(const struct install_request *request, struct install_result *result);
void install_ask_reboot(const struct install_request *request, struct install_result *result);

/* limits.c: this process and all below it, for good; then what is to become the package manager,
 * whose words go to `out`: nothing of ours is open there. Each 0 or -errno. */
int install_confine(void);
int install_limit_child(int out);

#endif
