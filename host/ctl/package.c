/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl driver package add|list|remove`: the packages that bring a printer's filters into
 * workspaces.
 *
 * The file is opened here, with the rights of whoever asks, and passed on as a descriptor: platend
 * reads no path that somebody names.
 */
#include "host/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

enum { OPTION_PRINTER = 1, OPTION_RESTART };

struct arguments {
	const char *action, *file, *printer, *restart;
};

static int add(struct ctl *ctl, const struct arguments *a)
{
	const char *slash = strrchr(a->file, '/');
	_cleanup_close_ int fd = open(a->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	json_auto_t *data = NULL;
	int code;

	if (fd < 0)
		return ctl_usage(ctl, "%s: %s", a->file, strerror(errno));
	code = ctl_ask_with(ctl,
		json_pack("{s:s, s:s, s:s, s:s*}", "verb", "package-add", "printer", a->printer,
			"name", slash ? slash + 1 : a->file, "restart", a->restart),
		fd, &data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, a->printer);
	fputs(": package ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "name"));
	printf(", %lld bytes, restart ", ctl_number(data, "size"));
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "restart"));
	putchar('\n');
	return CTL_OK;
}

static int list(struct ctl *ctl)
{
	static const char *const heads[] = {
		"PRINTER", "RENDERING", "PACKAGE", "BYTES", "RESTART", "SHA256", NULL};
	json_auto_t *data = NULL;
	struct table *table;
	json_t *row;
	size_t i;
	int code = ctl_ask(ctl, json_pack("{s:s}", "verb", "package-list"), &data);

	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	table = table_new(heads);
	json_array_foreach(json_object_get(data, "packages"), i, row)
	{
		table_cell(table, TONE_PLAIN, ctl_string(row, "printer"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "rendering"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "name"));
		table_cell_printf(table, TONE_PLAIN, "%lld", ctl_number(row, "size"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "restart"));
		table_cell(table, TONE_DIM, ctl_string(row, "sha256"));
	}
	return ctl_print_table(ctl, table, "no packages");
}

static int remove_one(struct ctl *ctl, const struct arguments *a)
{
	json_auto_t *data = NULL;
	int code = ctl_ask(ctl,
		json_pack("{s:s, s:s}", "verb", "package-remove", "printer", a->printer), &data);

	if (code == CTL_OK && ctl->json)
		return ctl_print_json(data);
	return code;
}

int ctl_package(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {{"printer", required_argument, NULL, OPTION_PRINTER},
		{"restart", required_argument, NULL, OPTION_RESTART}, {0}};
	struct arguments a = {0};
	int option, operands;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		if (option == OPTION_PRINTER)
			a.printer = optarg;
		else
			a.restart = optarg;
	}
	operands = argc - optind;
	if (operands < 2 || strcmp(argv[optind], "package") != 0)
		return ctl_usage(ctl, "driver wants %s", ctl->verb->arguments);
	a.action = argv[optind + 1];
	a.file = argv[optind + 2];
	if (strcmp(a.action, "add") == 0 && operands == 3 && a.printer)
		return add(ctl, &a);
	if (strcmp(a.action, "list") == 0 && operands == 2 && !a.printer && !a.restart)
		return list(ctl);
	if (strcmp(a.action, "remove") == 0 && operands == 2 && a.printer && !a.restart)
		return remove_one(ctl, &a);
	return ctl_usage(ctl,
		"driver package wants add FILE --printer PRINTER [--restart LEVEL], list, or "
		"remove --printer PRINTER");
}
