/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-spool: the one program of the host that speaks with its spooler.
 *
 * Two lives, by its first argument, and a third that syncs what cupsd writes; platend starts each
 * with a connection at descriptor 3. When Platen is removed it takes back what was subscribed to.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/spool/spooler-ipp.h"
#include "proto/base/log.h"

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: platen-spool watch CUPS-SOCKET RUN-FOLDER\n"
		"       platen-spool submit CUPS-SOCKET\n"
		"       platen-spool sync\n"
		"       platen-spool unsubscribe CUPS-SOCKET\n"
		"Watches the host's spooler, takes jobs into it, or syncs its files. Started\n"
		"by platend(8), with a connection to it at descriptor 3; or, by hand, has the\n"
		"spooler forget the caller's subscriptions of Platen.\n");
	return status;
}

int main(int argc, char **argv)
{
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-spool %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	log_open("platen-spool", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "watch") == 0)
		r = watch_run(argv[2], argv[3]);
	else if (argc == 3 && strcmp(argv[1], "submit") == 0)
		r = submit_run(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "sync") == 0)
		r = sync_run();
	else if (argc == 3 && strcmp(argv[1], "unsubscribe") == 0)
		r = watch_unsubscribe(argv[2]);
	else
		return usage(stderr, 2);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "ended: %s", strerror(-r));
		return 1;
	}
	return 0;
}
