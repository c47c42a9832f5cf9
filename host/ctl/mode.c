/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl mode`: what a workspace is offered, or the host's default.
 *
 * A workspace's own mode is kept with its domain; "unset" takes it away, and the host's default
 * holds again, which "unset" in turn sets back to that of platen.conf. Without a word it only
 * shows. A lone "off" could be meant for either, and switching off the wrong one is worse than
 * asking, so it is refused.
 */
#include "host/ctl/ctl.h"

#include <string.h>

static bool is_mode(const char *word)
{
	return strcmp(word, "off") == 0 || strcmp(word, "network") == 0 ||
	       strcmp(word, "all") == 0 || strcmp(word, "unset") == 0;
}

static void print(const struct ctl *ctl, const json_t *data)
{
	const char *workspace = ctl_string(data, "workspace"), *mode = ctl_string(data, "mode");
	bool inherits = workspace[0] && strcmp(ctl_string(data, "mode_from"), "host") == 0;

	if (workspace[0])
		tone_print_escaped(stdout, ctl->colour, TONE_HEAD, workspace);
	else
		fputs("host's default", stdout);
	fputs(": ", stdout);
	tone_print_escaped(stdout, ctl->colour, ctl_tone(mode), mode);
	puts(inherits ? " (the host's default)" : "");
}

static int ask(struct ctl *ctl, const char *workspace, const char *mode)
{
	json_auto_t *data = NULL;
	int code;

	code = ctl_ask(ctl,
		json_pack(
			"{s:s, s:s?, s:s?}", "verb", "mode", "workspace", workspace, "mode", mode),
		&data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	print(ctl, data);
	return CTL_OK;
}

int ctl_mode(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {{"default", no_argument, NULL, 'd'}, {0}};
	const char *workspace = NULL, *mode = NULL;
	bool host = false;
	int option;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		host = true;
	}
	if (!host && optind < argc)
		workspace = argv[optind++];
	if (optind < argc)
		mode = argv[optind++];
	if (optind < argc)
		return ctl_usage(ctl, "mode wants nothing more than %s", ctl->verb->arguments);
	if (workspace && !mode && is_mode(workspace))
		return ctl_usage(ctl,
			"whose mode? `platenctl mode WORKSPACE %s` or `platenctl mode --default "
			"%s`",
			workspace, workspace);
	if (mode && !is_mode(mode))
		return ctl_usage(ctl, "the mode is one of off, network, all and unset");
	return ask(ctl, workspace, mode);
}
