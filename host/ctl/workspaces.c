/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl workspaces`: which domains are workspaces, and how far each has got.
 *
 * PRINTERS is "ready/offered". A mode of the workspace's own is marked, for the host's default does
 * not change it. NOTE says why there is no session where there is none.
 */
#include "host/ctl/ctl.h"

#include <string.h>

static void add(struct table *table, const json_t *row)
{
	const char *state = ctl_string(row, "state"), *link = ctl_string(row, "link");
	const char *mode = ctl_string(row, "mode");
	bool own = strcmp(ctl_string(row, "mode_from"), "workspace") == 0;
	long long ready = ctl_number(row, "ready"), offered = ctl_number(row, "offered");

	table_cell(table, TONE_PLAIN, ctl_string(row, "name"));
	table_cell(table, ctl_tone(state), state);
	table_cell_printf(table, ctl_tone(mode), "%s%s", mode, own ? " (own)" : "");
	table_cell(table, TONE_PLAIN, ctl_string(row, "channel"));
	table_cell(table, ctl_tone(link), link);
	table_cell_printf(
		table, ready < offered ? TONE_WARN : TONE_PLAIN, "%lld/%lld", ready, offered);
	table_cell_printf(table, TONE_PLAIN, "%lld", ctl_number(row, "jobs"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "owner"));
	table_cell(table, TONE_PLAIN,
		ctl_string(row, "text")[0] ? ctl_string(row, "text") : ctl_string(row, "agent"));
	table_note(table, ctl_string(row, "restart"));
}

int ctl_workspaces(struct ctl *ctl, int argc, char **argv)
{
	static const char *const heads[] = {"NAME", "STATE", "MODE", "CHANNEL", "LINK", "PRINTERS",
		"JOBS", "OWNER", "NOTE", NULL};
	json_auto_t *data = NULL;
	struct table *table;
	json_t *row;
	size_t i;
	int code;

	if (!ctl_operands(ctl, argc, argv, 0, 0))
		return CTL_USAGE;
	code = ctl_ask(ctl, json_pack("{s:s}", "verb", "workspaces"), &data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	table = table_new(heads);
	json_array_foreach(json_object_get(data, "workspaces"), i, row) add(table, row);
	return ctl_print_table(
		ctl, table, "no workspaces: `platenctl attach DOMAIN` makes one of a domain");
}
