/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl printers [WORKSPACE]`: the host's printers, and what became of each in a workspace.
 *
 * Without a workspace the table is about the host: what each printer is, and whether there is a
 * driver for it. With one it is about the way into that workspace. NOTE is what keeps a printer
 * away, else what the printer itself says.
 */
#include "host/ctl/ctl.h"

#include <string.h>

#include "proto/base/text.h"

/* What an admin wants to read first of a row; `buf` is for the text. */
static const char *note_of(const json_t *row, char *buf, size_t size)
{
	const char *driver = ctl_string(row, "driver"), *text = ctl_string(row, "text");
	bool without = strcmp(driver, "refused") == 0 || strcmp(driver, "failed") == 0;

	if (strcmp(driver, "missing") == 0) {
		(void)text_printf(buf, size, "driver-missing: %s", ctl_string(row, "driver_text"));
		return buf;
	}
	if (without && ctl_string(row, "driver_text")[0])
		return ctl_string(row, "driver_text");
	if (strcmp(driver, "generic") == 0 && !text[0])
		return "vendor options are missing: give the queue a driver";
	return text;
}

static void add(struct table *table, const json_t *row, bool in_workspace)
{
	const char *state = ctl_string(row, "state"), *driver = ctl_string(row, "driver");
	const char *guest = ctl_string(row, "guest");
	char note[1024];
	bool offered = ctl_true(row, "offered");

	table_cell(table, TONE_PLAIN, ctl_string(row, "name"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "kind"));
	table_cell_printf(table, ctl_tone(state), "%s%s", state,
		ctl_true(row, "accepting") ? "" : ", rejecting");
	table_cell(table, ctl_tone(driver), driver);
	if (in_workspace) {
		table_cell(table, ctl_tone(offered ? "yes" : "no"), offered ? "yes" : "no");
		table_cell(table, ctl_tone(guest), guest);
	} else {
		table_cell(table, TONE_PLAIN, ctl_string(row, "make_model"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "location"));
	}
	table_cell(table, TONE_PLAIN, note_of(row, note, sizeof(note)));
}

int ctl_printers(struct ctl *ctl, int argc, char **argv)
{
	static const char *const host_heads[] = {
		"NAME", "KIND", "STATE", "DRIVER", "MODEL", "LOCATION", "NOTE", NULL};
	static const char *const workspace_heads[] = {
		"NAME", "KIND", "STATE", "DRIVER", "OFFERED", "THERE", "NOTE", NULL};
	json_auto_t *data = NULL;
	const char *workspace;
	struct table *table;
	json_t *row;
	size_t i;
	int code;

	if (!ctl_operands(ctl, argc, argv, 0, 1))
		return CTL_USAGE;
	workspace = argv[optind];
	code = ctl_ask(
		ctl, json_pack("{s:s, s:s*}", "verb", "printers", "workspace", workspace), &data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	table = table_new(workspace ? workspace_heads : host_heads);
	json_array_foreach(json_object_get(data, "printers"), i, row)
		add(table, row, workspace != NULL);
	return ctl_print_table(ctl, table, "no printers: `platenctl doctor` looks why");
}
