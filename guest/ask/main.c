/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-ask: asks the person whether the workspace may restart, or takes the answer.
 *
 * Two lives: the agent starts it with --worker in the person's session; the person calls it with
 * the answer.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "guest/ask/ask.h"
#include "proto/base/confine.h"

#define MEMORY_MAX (256UL * 1024 * 1024) /* bytes of address space */

static int usage(FILE *out, int status)
{
	fprintf(out, "Usage: platen-ask --now | --later TIME | --session-end\n"
		     "Says when this workspace may restart.\n\n"
		     "      --now          at once\n"
		     "      --later TIME   after 30m, 1h, 4h, 1d; or `tonight`\n"
		     "      --session-end  when nobody is logged in any more\n"
		     "      --socket PATH  where platen-agent listens (default " ASK_SOCKET ")\n"
		     "  -h, --help         this text\n"
		     "      --version      the version\n\n"
		     "See platen-ask(1).\n");
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"now", no_argument, NULL, 'n'},
		{"later", required_argument, NULL, 'l'}, {"session-end", no_argument, NULL, 'e'},
		{"socket", required_argument, NULL, 's'}, {"worker", no_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	const char *socket = ASK_SOCKET;
	uint32_t after = 0, choice = 0;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (option) {
		case 'n': choice = ANSWER_NOW; break;
		case 'e': choice = ANSWER_SESSION_END; break;
		case 'l':
			choice = ANSWER_LATER;
			after = ask_parse_time(optarg);
			if (!after)
				return usage(stderr, 2);
			break;
		case 's': socket = optarg; break;
		case 'w':
			if (confine(&(struct confine){.memory = MEMORY_MAX}) < 0)
				return 1;
			return ask_serve();
		case 'h': return usage(stdout, 0);
		case 'V': printf("platen-ask %s\n", PLATEN_VERSION); return 0;
		default: return usage(stderr, 2);
		}
	}
	if (optind < argc || !choice)
		return usage(stderr, 2);
	return ask_answer_send(socket, (enum answer_choice)choice, after);
}
