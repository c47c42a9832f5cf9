/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl rendering PRINTER [host|guest|unset]`: who makes a printer's pages ready for it.
 *
 * Said here it holds at once, for all workspaces, and until "unset" takes it back to what
 * platen.conf says. Without a word it only shows.
 */
#include "host/ctl/ctl.h"

#include <string.h>

int ctl_rendering(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *data = NULL;
	const char *printer, *word;
	int code;

	if (!ctl_operands(ctl, argc, argv, 1, 2))
		return CTL_USAGE;
	printer = argv[optind];
	word = argv[optind + 1];
	if (word && strcmp(word, "host") != 0 && strcmp(word, "guest") != 0 &&
		strcmp(word, "unset") != 0)
		return ctl_usage(ctl, "the rendering is one of host, guest and unset");
	code = ctl_ask(ctl,
		json_pack("{s:s, s:s, s:s*}", "verb", "rendering", "printer", printer, "rendering",
			word),
		&data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "printer"));
	printf(": %s (", ctl_string(data, "rendering")[0] == 'g' ? "guest" : "host");
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "from"));
	puts(")");
	return CTL_OK;
}
