/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl jobs [WORKSPACE] [--all]`: which documents are on their way, and how far they are;
 * with
 * --all, what became of those that were.
 *
 * A job is named by the beginning of its UUID and the file's number; --json has it whole. USER is
 * whom the workspace names, OWNER whose job it is on the host.
 */
#include "host/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base/text.h"

#define UUID_SHOWN 8 /* characters: enough to tell the jobs of a screen apart */

static void format_size(char *buf, size_t size, long long bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)text_printf(buf, size, "%lld B", bytes);
		return;
	}
	while (n >= 1023.95 && unit < 3) {
		n /= 1024;
		unit++;
	}
	(void)text_printf(buf, size, n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

/* The time of today, the date and time of earlier days, in local time. */
static void format_time(char *buf, size_t size, long long seconds)
{
	time_t then = (time_t)seconds, now = time(NULL);
	struct tm t, today;

	buf[0] = '\0';
	if (seconds <= 0 || !localtime_r(&then, &t) || !localtime_r(&now, &today))
		return;
	if (t.tm_year == today.tm_year && t.tm_yday == today.tm_yday)
		(void)strftime(buf, size, "%H:%M:%S", &t);
	else
		(void)strftime(buf, size, "%Y-%m-%d %H:%M", &t);
}

static void add(struct table *table, const json_t *row, bool all)
{
	const char *phase = ctl_string(row, "phase");
	long long bytes = ctl_number(row, "bytes"), size = ctl_number(row, "size");
	char opened[32], ended[32], amount[32];

	format_time(opened, sizeof(opened), ctl_number(row, "opened"));
	format_size(amount, sizeof(amount), size);
	table_cell_printf(table, TONE_PLAIN, "%.*s/%lld", UUID_SHOWN, ctl_string(row, "uuid"),
		ctl_number(row, "file"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "workspace"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "printer"));
	if (strcmp(phase, "transfer") == 0 && size > 0 && bytes >= 0 && bytes <= size)
		table_cell_printf(table, ctl_tone(phase), "%s %.0f%%", phase,
			100.0 * (double)bytes / (double)size);
	else
		table_cell(table, ctl_tone(phase), phase);
	if (ctl_number(row, "host_job") > 0)
		table_cell_printf(table, TONE_PLAIN, "%lld", ctl_number(row, "host_job"));
	else
		table_cell(table, TONE_PLAIN, NULL);
	table_cell(table, TONE_PLAIN, amount);
	table_cell_printf(table, TONE_PLAIN, "%lld", ctl_number(row, "pages"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "user"));
	table_cell(table, TONE_PLAIN, ctl_string(row, "owner"));
	table_cell(table, TONE_PLAIN, opened);
	if (all) {
		format_time(ended, sizeof(ended), ctl_number(row, "ended"));
		table_cell(table, TONE_PLAIN, ended);
	}
	table_cell(table, TONE_PLAIN, ctl_string(row, "title"));
	table_note(table, ctl_string(row, "text"));
}

/* A number of jobs, or 0. */
static long long parse_limit(const char *word)
{
	char *end;
	long long n = strtoll(word, &end, 10);

	return end == word || *end || n < 1 ? 0 : n;
}

static int show(struct ctl *ctl, const json_t *data, bool all)
{
	static const char *const heads[] = {"JOB", "WORKSPACE", "PRINTER", "PHASE", "HOST JOB",
		"SIZE", "PAGES", "USER", "OWNER", "OPENED", "TITLE", NULL};
	static const char *const all_heads[] = {"JOB", "WORKSPACE", "PRINTER", "PHASE", "HOST JOB",
		"SIZE", "PAGES", "USER", "OWNER", "OPENED", "ENDED", "TITLE", NULL};
	struct table *table = table_new(all ? all_heads : heads);
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(data, "jobs"), i, row) add(table, row, all);
	return ctl_print_table(ctl, table, all ? "no jobs" : "no jobs on their way");
}

int ctl_jobs(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {
		{"all", no_argument, NULL, 'a'}, {"limit", required_argument, NULL, 'l'}, {0}};
	json_auto_t *data = NULL;
	json_t *request;
	long long limit = 0;
	bool all = false;
	int code, option;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		all |= option == 'a';
		if (option != 'l')
			continue;
		limit = parse_limit(optarg);
		if (!limit)
			return ctl_usage(ctl, "--limit wants a number of jobs");
	}
	if (argc - optind > 1)
		return ctl_usage(ctl, "jobs wants %s", ctl->verb->arguments);
	request = json_pack("{s:s, s:b, s:s*}", "verb", "jobs", "all", all, "workspace",
		optind < argc ? argv[optind] : NULL);
	if (limit)
		(void)json_object_set_new(request, "limit", json_integer(limit));
	code = ctl_ask(ctl, request, &data);
	if (code != CTL_OK)
		return code;
	return ctl->json ? ctl_print_json(data) : show(ctl, data, all);
}
