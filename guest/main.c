/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-agent: the workspace's side of Platen.
 *
 * Reads its settings, sets the agent up and runs it until it is told to end.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "guest/agent.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"

PLATEN_DEFINE_CLEANUP(struct agent *, agent_free)

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: platen-agent [-c FILE] [--check] [--debug]\n"
		"Makes the host's printers appear in this workspace and takes their jobs there.\n\n"
		"  -c, --config FILE  settings (default " AGENT_CONFIG_PATH ", if it exists)\n"
		"      --check        read the settings, say what is wrong, and end\n"
		"      --debug        log more\n"
		"  -h, --help         this text\n"
		"      --version      the version\n\n"
		"See platen-agent(8), platen-agent.conf(5).\n");
}

/* An agent of these settings; where that cannot be, one of those before. As agent_run(). */
static int run(struct agent_config *config, struct agent_config *before)
{
	PLATEN_CLEANUP(agent_freep) struct agent *agent = NULL;
	int r = agent_new(config, &agent);

	if (r < 0 && memcmp(config, before, sizeof(*config)) != 0) {
		log_event(LOG_ID_AGENT_SETTINGS, LOG_ERR, NULL,
			"the settings cannot be used, those before are in force again");
		*config = *before;
		r = agent_new(config, &agent);
	}
	*before = *config;
	return r < 0 ? r : agent_run(agent, config);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"debug", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *path = NULL;
	struct agent_config config, before;
	int priority = LOG_INFO, option, r;
	bool check = false;
	char why[512];

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'k': check = true; break;
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
	if (agent_config_read(path, &config, why) < 0) {
		log_line(LOG_ERR, NULL, "%s", why);
		return 2;
	}
	if (check) {
		printf("%s: in order\n", path ? path : AGENT_CONFIG_PATH);
		return 0;
	}
	before = config;
	do {
		r = run(&config, &before);
	} while (r > 0);
	return r < 0 ? 1 : 0;
}
