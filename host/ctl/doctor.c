/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl doctor [WORKSPACE]`: where the chain from libvirt to a queue in a workspace is broken.
 *
 * A line per link, and under each fault what to do about it. The exit code says whether there is
 * one, so that a monitor can run it. platend tells what it knows; what it cannot see from within
 * its sandbox is looked at here, unless the platend that was asked is not this machine's.
 */
#include "host/ctl/ctl.h"

#include <string.h>

#include "host/ctl/machine.h"

static size_t count_faults(const json_t *checks)
{
	size_t i, faults = 0;
	json_t *row;

	json_array_foreach(checks, i, row)
	{
		faults += strcmp(ctl_string(row, "state"), "fault") == 0;
	}
	return faults;
}

/* Returns CTL_OK, CTL_NO where there is a fault, or what went wrong in showing. */
static int show(const struct ctl *ctl, const json_t *checks)
{
	static const char *const heads[] = {"STATE", "LINK", "WORKSPACE", "FOUND", NULL};
	struct table *table = table_new(heads);
	size_t i, faults = count_faults(checks);
	json_t *row;
	int code;

	json_array_foreach(checks, i, row)
	{
		const char *state = ctl_string(row, "state");

		table_cell(table, ctl_tone(state), state);
		table_cell(table, TONE_PLAIN, ctl_string(row, "link"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "workspace"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "text"));
		table_note(table, ctl_string(row, "fix"));
	}
	code = ctl_print_table(ctl, table, "nothing was checked");
	if (faults)
		printf("\n%zu fault%s\n", faults, faults == 1 ? "" : "s");
	else
		puts("\nno faults");
	return code == CTL_OK && faults ? CTL_NO : code;
}

int ctl_doctor(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *data = NULL, *own = json_array();
	bool ours;
	json_t *checks;
	int code;

	if (!ctl_operands(ctl, argc, argv, 0, 1))
		return CTL_USAGE;
	ours = strcmp(ctl->socket, CTL_SOCKET) == 0;
	code = ctl_ask(
		ctl, json_pack("{s:s, s:s*}", "verb", "doctor", "workspace", argv[optind]), &data);
	if (ours && (code == CTL_OK || code == CTL_NOT_RUNNING || code == CTL_UNAVAILABLE))
		machine_checks(data, own);
	if (code != CTL_OK && json_array_size(own)) {
		json_auto_t *only = json_pack("{s:O}", "checks", own);

		(void)(ctl->json ? ctl_print_json(only) : show(ctl, own));
	}
	if (code != CTL_OK)
		return code;
	checks = json_object_get(data, "checks");
	if (json_is_array(checks))
		(void)json_array_extend(checks, own);
	if (!ctl->json)
		return show(ctl, checks);
	(void)ctl_print_json(data);
	return count_faults(checks) ? CTL_NO : CTL_OK;
}
