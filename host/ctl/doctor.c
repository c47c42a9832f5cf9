/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl doctor [WORKSPACE]`: where the chain from libvirt to a queue in a workspace is broken.
 *
 * A line per link, and under each fault what to do about it. The exit code says whether there is
 * one, so that a monitor can run it.
 */
#include "host/ctl/ctl.h"

#include <string.h>

static size_t add_all(struct table *table, json_t *checks)
{
	size_t i, faults = 0;
	json_t *row;

	json_array_foreach(checks, i, row)
	{
		const char *state = ctl_string(row, "state");

		faults += strcmp(state, "fault") == 0;
		table_cell(table, ctl_tone(state), state);
		table_cell(table, TONE_PLAIN, ctl_string(row, "link"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "workspace"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "text"));
		table_note(table, ctl_string(row, "fix"));
	}
	return faults;
}

int ctl_doctor(struct ctl *ctl, int argc, char **argv)
{
	static const char *const heads[] = {"STATE", "LINK", "WORKSPACE", "FOUND", NULL};
	json_auto_t *data = NULL;
	struct table *table;
	size_t faults;
	int code;

	if (!ctl_operands(ctl, argc, argv, 0, 1))
		return CTL_USAGE;
	code = ctl_ask(
		ctl, json_pack("{s:s, s:s*}", "verb", "doctor", "workspace", argv[optind]), &data);
	if (code != CTL_OK)
		return code;
	table = table_new(heads);
	faults = add_all(table, json_object_get(data, "checks"));
	if (ctl->json) {
		(void)table_free(table);
		(void)ctl_print_json(data);
	} else {
		code = ctl_print_table(ctl, table, "nothing was checked");
		if (faults)
			printf("\n%zu fault%s\n", faults, faults == 1 ? "" : "s");
		else
			puts("\nno faults");
	}
	return code == CTL_OK && faults ? CTL_NO : code;
}
