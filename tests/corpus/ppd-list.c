/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ppd-list FILE...: what a spooler makes of PPDs, as `lpoptions -l` shows it: a line for each
 * option with its choices, "*" before the default, and then the page sizes and constraints.
 *
 * lpoptions asks cupsd for a queue's PPD; a queue for each of thousands of files would take hours.
 * So this opens the files with the same library calls (libcups 2, ppdOpenFile(), cups/ppd.h).
 */
#include <cups/ppd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void list_group(const ppd_group_t *group)
{
	for (int i = 0; i < group->num_options; i++) {
		const ppd_option_t *option = group->options + i;

		if (strcasecmp(option->keyword, "PageRegion") == 0)
			continue;
		printf("%s\t", option->keyword);
		for (const char *c = option->text; *c; c++)
			putchar(*c < ' ' && *c > 0 ? ' ' : *c);
		printf("\t");
		for (int j = 0; j < option->num_choices; j++)
			printf(" %s%s", option->choices[j].marked ? "*" : "",
				option->choices[j].choice);
		printf("\n");
	}
	for (int i = 0; i < group->num_subgroups; i++)
		list_group(group->subgroups + i);
}

static int list(const char *path)
{
	ppd_file_t *ppd = ppdOpenFile(path);
	ppd_status_t status;
	int line = 0;

	printf("= %s\n", path);
	if (!ppd) {
		status = ppdLastError(&line);
		printf("! %s on line %d\n", ppdErrorString(status), line);
		return 1;
	}
	ppdMarkDefaults(ppd);
	for (int i = 0; i < ppd->num_groups; i++)
		list_group(ppd->groups + i);
	for (int i = 0; i < ppd->num_sizes; i++)
		printf("size %s %g %g %g %g %g %g\n", ppd->sizes[i].name, ppd->sizes[i].width,
			ppd->sizes[i].length, ppd->sizes[i].left, ppd->sizes[i].bottom,
			ppd->sizes[i].right, ppd->sizes[i].top);
	printf("constraints %d custom %d\n", ppd->num_consts, ppd->variable_sizes);
	ppdClose(ppd);
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= list(argv[i]);
	return bad;
}
