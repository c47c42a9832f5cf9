/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl workspaces`: which domains are workspaces, and how far each has got.
 *
 * PRINTERS is "ready/offered". A mode of the workspace's own is marked, for the host's default does
 * not change it. NOTE says why there is no session where there is none. Below a workspace stands
 * what it is to restart for, and what was kept from it since platend began.
 */
#include "host/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

/* "kept from it: 12 options that are not a workspace's to set, 3 tries of jobs beyond a quota". */
static void add_notes(struct table *table, const json_t *row)
{
	static const struct {
		const char *name, *what;
	} counts[] = {
		{"options", "options that are not a workspace's to set"},
		{"jobs", "tries of jobs beyond a quota"},
		{"connections", "connections beyond a quota"},
		{"lines", "lines of the log beyond a quota"},
	};
	const json_t *kept = json_object_get(row, "kept");
	const char *restart = ctl_string(row, "restart");
	const char *before = restart[0] ? "; kept from it:" : "kept from it:";
	char note[1024];
	size_t used = (size_t)snprintf(note, sizeof(note), "%.600s", restart);

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		long long n = ctl_number(kept, counts[i].name);

		if (n <= 0)
			continue;
		used += (size_t)snprintf(
			note + used, sizeof(note) - used, "%s %lld %s", before, n, counts[i].what);
		before = ",";
	}
	table_note(table, note);
}

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
	add_notes(table, row);
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
