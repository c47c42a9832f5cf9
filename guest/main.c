/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-agent: the workspace's side of Platen.
 *
 * Reads its settings, sets the agent up and runs it until it is told to end.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "guest/agent.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"

#define CONFIG_PATH "/etc/platen/platen-agent.conf"

PLATEN_DEFINE_CLEANUP(struct agent *, agent_free)

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: platen-agent [-c FILE] [--debug]\n"
		"Makes the host's printers appear in this workspace and takes their jobs there.\n\n"
		"  -c, --config FILE  settings (default " CONFIG_PATH ", if it exists)\n"
		"      --debug        log more\n"
		"  -h, --help         this text\n"
		"      --version      the version\n\n"
		"See platen-agent(8), platen-agent.conf(5).\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"debug", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	PLATEN_CLEANUP(agent_freep) struct agent *agent = NULL;
	const char *path = NULL;
	struct agent_config config;
	int priority = LOG_INFO, option;
	char why[512];

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'd': priority = LOG_DEBUG; break;
		case 'h': usage(stdout); return 0;
		case 'V': printf("platen-agent %s\n", PLATEN_VERSION); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	log_open("platen-agent", priority);
	agent_config_init(&config);
	if (!path && access(CONFIG_PATH, F_OK) == 0)
		path = CONFIG_PATH;
	if (path && agent_config_read(path, &config, why) < 0) {
		log_line(LOG_ERR, NULL, "%s", why);
		return 2;
	}
	if (agent_new(&config, &agent) < 0)
		return 1;
	return agent_run(agent) < 0 ? 1 : 0;
}
