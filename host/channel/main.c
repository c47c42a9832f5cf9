/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-channel: the host's end of one workspace's channel.
 *
 * It is started by platend with a connection at descriptor 3, over which everything comes that it
 * may use. It takes no arguments and reads no file, so there is nothing to configure here.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/channel/channel.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"

PLATEN_DEFINE_CLEANUP(struct channel *, channel_free)

int main(int argc, char **argv)
{
	PLATEN_CLEANUP(channel_freep) struct channel *channel = NULL;
	int r;

	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("platen-channel %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc > 1) {
		printf("Usage: platen-channel\n"
		       "The host's end of one workspace's channel. Started by platend(8), with a\n"
		       "connection to it at descriptor 3; not for use by hand.\n");
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	log_open("platen-channel", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	r = channel_new(IPC_FD, &channel);
	if (r == 0)
		r = channel_run(channel);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "ended: %s (started by platend, not by hand?)",
			strerror(-r));
		return 1;
	}
	return 0;
}
