/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl job retry|forget WORKSPACE JOB`: a person's word where the machine cannot know.
 *
 * Somebody has looked at the printer: no paper came out, so the document is sent again; or it did,
 * or nobody wants it any more, so the job ends. JOB is what `platenctl jobs` shows in its first
 * column.
 */
#include "host/ctl/ctl.h"

#include <string.h>

static void print(const struct ctl *ctl, const json_t *data)
{
	bool retry = strcmp(ctl_string(data, "action"), "retry") == 0;

	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "title"));
	fputs(" (", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "printer"));
	fputs(retry ? "): sent again; " : "): ended; ", stdout);
	tone_print_escaped(stdout, ctl->colour, ctl_true(data, "told") ? TONE_PLAIN : TONE_WARN,
		ctl_string(data, "text"));
	if (!ctl_true(data, "told") && ctl_number(data, "guest_job") > 0)
		printf(" (`lp -i %lld -H resume` there)", ctl_number(data, "guest_job"));
	putchar('\n');
}

int ctl_job(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {{"printed", no_argument, NULL, 'p'}, {0}};
	json_auto_t *data = NULL;
	bool printed = false;
	int option, code;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		printed = true;
	}
	if (argc - optind != 3)
		return ctl_usage(ctl, "job wants %s", ctl->verb->arguments);
	if (strcmp(argv[optind], "forget") != 0 && (strcmp(argv[optind], "retry") != 0 || printed))
		return ctl_usage(ctl, "job wants %s", ctl->verb->arguments);
	code = ctl_ask(ctl,
		json_pack("{s:s, s:s, s:s, s:s, s:b}", "verb", "job", "action", argv[optind],
			"workspace", argv[optind + 1], "job", argv[optind + 2], "printed", printed),
		&data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	print(ctl, data);
	return CTL_OK;
}
