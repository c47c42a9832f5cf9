/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl status`: is it in order, at a glance.
 *
 * What platend depends on and how much of everything there is, then each fault on a line. It ends
 * well whenever platend answers: `platenctl doctor` is the one whose exit code tells of faults.
 */
#include "host/ctl/ctl.h"

static void print_link(const struct ctl *ctl, const char *name, const json_t *link)
{
	const char *word = ctl_true(link, "up") ? "up" : "down";

	printf("  %-10s  ", name);
	tone_print(stdout, ctl->colour, ctl_tone(word), word);
	fputs(word[0] == 'u' ? "    " : "  ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(link, "text"));
	putchar('\n');
}

static void print(const struct ctl *ctl, const json_t *data)
{
	const json_t *counts = json_object_get(data, "counts");
	json_t *faults = json_object_get(data, "faults"), *fault;
	size_t i;

	fputs("platend ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "version"));
	fputs(" on ", stdout);
	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "host"));
	fputs(", mode ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "mode"));
	putchar('\n');
	print_link(ctl, "libvirt", json_object_get(data, "libvirt"));
	print_link(ctl, "spooler", json_object_get(data, "spooler"));
	printf("  workspaces  %lld, %lld connected\n", ctl_number(counts, "workspaces"),
		ctl_number(counts, "connected"));
	printf("  printers    %lld, %lld with a driver\n", ctl_number(counts, "printers"),
		ctl_number(counts, "drivers"));
	printf("  jobs        %lld on their way\n", ctl_number(counts, "jobs"));
	json_array_foreach(json_object_get(data, "restarts"), i, fault)
	{
		fputs("  restart     ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, json_string_value(fault));
		putchar('\n');
	}
	json_array_foreach(faults, i, fault)
	{
		tone_print(stdout, ctl->colour, TONE_BAD, "  fault       ");
		tone_print_escaped(stdout, false, TONE_PLAIN, json_string_value(fault));
		putchar('\n');
	}
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *data = NULL;
	int code;

	if (!ctl_operands(ctl, argc, argv, 0, 0))
		return CTL_USAGE;
	code = ctl_ask(ctl, json_pack("{s:s}", "verb", "status"), &data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	print(ctl, data);
	return CTL_OK;
}
