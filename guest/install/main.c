/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-install: has this machine's package manager install one driver package, for platen-agent.
 *
 * Started with a connection at descriptor 3, it serves one request and ends.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "guest/install/install.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

static bool is_sound(const struct install_request *m)
{
	return (m->head.type == INSTALL_PACKAGE || m->head.type == INSTALL_REBOOT) &&
	       text_terminated(m->path, sizeof(m->path)) && m->path[0] == '/' &&
	       text_terminated(m->manager, sizeof(m->manager)) &&
	       (!m->manager[0] || m->manager[0] == '/') &&
	       text_terminated(m->needs_restarting, sizeof(m->needs_restarting));
}

int main(int argc, char **argv)
{
	struct install_request request;
	struct install_result result;
	_cleanup_close_ int fd = -1;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-install %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 1) {
		fprintf(strcmp(argv[1], "--help") == 0 ? stdout : stderr,
			"Usage: platen-install\n"
			"Has this machine's package manager install a driver package. Started by\n"
			"platen-agent(8), with a connection to it at descriptor 3.\n");
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	log_open("platen-install", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	r = install_confine();
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot be limited: %s", strerror(-r));
		return 1;
	}
	r = ipc_recv(IPC_FD, &request, sizeof(request), &fd);
	if (r != sizeof(request) || !is_sound(&request)) {
		log_line(LOG_ERR, NULL,
			"no request at descriptor 3 (started by platen-agent, not by hand?)");
		return 2;
	}
	if (request.head.type == INSTALL_PACKAGE)
		install_package(&request, &result);
	else
		install_ask_reboot(&request, &result);
	return ipc_send(IPC_FD, &result, -1) < 0 ? 1 : 0;
}
