/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend: the host's side of Platen.
 *
 * Reads its settings, sets the host up and runs it until it is told to end.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "host/config.h"
#include "host/host.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define CONFIG_PATH "/etc/platen/platen.conf"

PLATEN_DEFINE_CLEANUP(struct host *, host_free)

static void usage(FILE *out)
{
	fprintf(out, "Usage: platend [-c FILE] [--check] [--fetch PATH] [--debug]\n"
		     "Offers the host's printers to its workspaces and takes their jobs.\n\n"
		     "  -c, --config FILE  settings (default " CONFIG_PATH ")\n"
		     "      --check        read the settings, say what is wrong, and end\n"
		     "      --fetch PATH   the socket at which platen-fetch is served, instead of\n"
		     "                     starting it\n"
		     "      --debug        log more\n"
		     "  -h, --help         this text\n"
		     "      --version      the version\n\n"
		     "See platend(8), platen.conf(5), platenctl(1).\n");
}

/* A workspace takes some descriptors, and the usual soft limit is for programs that call select(2).
 */
static void allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"debug", no_argument, NULL, 'd'},
		{"fetch", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	PLATEN_CLEANUP(host_freep) struct host *host = NULL;
	const char *path = CONFIG_PATH, *fetch = "";
	struct config config;
	int priority = LOG_INFO, option;
	bool check = false;
	char why[512];

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'k': check = true; break;
		case 'd': priority = LOG_DEBUG; break;
		case 'f': fetch = optarg; break;
		case 'h': usage(stdout); return 0;
		case 'V': printf("platend %s\n", PLATEN_VERSION); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	log_open("platend", priority);
	if (config_read(path, &config, why) < 0) {
		log_line(LOG_ERR, NULL, "%s", why);
		return 2;
	}
	if (text_copy(config.fetch_socket, sizeof(config.fetch_socket), fetch) < 0) {
		log_line(LOG_ERR, NULL, "--fetch %s: expected a path of at most 107 bytes", fetch);
		config_deinit(&config);
		return 2;
	}
	if (check) {
		config_deinit(&config);
		printf("%s: in order\n", path);
		return 0;
	}
	allow_files();
	if (host_new(&config, &host) < 0)
		return 1;
	return host_run(host) < 0 ? 1 : 0;
}
