/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl explain PRINTER WORKSPACE`: why a printer is in a workspace, or is not.
 *
 * The steps that a printer takes on its way there, up to the first that it did not, and then what
 * would change that. The exit code is that of the question "is it there".
 */
#include "host/ctl/ctl.h"

#include <string.h>

static void print(const struct ctl *ctl, const json_t *data)
{
	bool offered = ctl_true(data, "offered");
	json_t *row;
	size_t i;

	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "printer"));
	fputs(offered ? " is offered to " : " is not offered to ", stdout);
	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "workspace"));
	putchar('\n');
	json_array_foreach(json_object_get(data, "steps"), i, row)
	{
		const char *state = ctl_string(row, "state");

		fputs("  ", stdout);
		tone_print_escaped(stdout, ctl->colour,
			strcmp(state, "no") == 0 ? TONE_BAD : ctl_tone(state), state);
		fputs("  ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(row, "text"));
		putchar('\n');
	}
	if (ctl_string(data, "fix")[0]) {
		fputs("What to do: ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "fix"));
		putchar('\n');
	}
}

/* Whether every step was taken: it is offered, and it is there. */
static bool is_there(const json_t *data)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(data, "steps"), i, row)
	{
		if (strcmp(ctl_string(row, "state"), "ok") != 0)
			return false;
	}
	return ctl_true(data, "offered");
}

int ctl_explain(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *data = NULL;
	int code;

	if (!ctl_operands(ctl, argc, argv, 2, 2))
		return CTL_USAGE;
	code = ctl_ask(ctl,
		json_pack("{s:s, s:s, s:s}", "verb", "explain", "printer", argv[optind],
			"workspace", argv[optind + 1]),
		&data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		(void)ctl_print_json(data);
	else
		print(ctl, data);
	return is_there(data) ? CTL_OK : CTL_NO;
}
