/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl restart WORKSPACE`: does it need one, who deferred it, until when; and what is to be
 * done about it.
 *
 * Without an option it only shows. A time is a number with s, m, h or d, minutes without.
 */
#include "host/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print_time(const char *what, long long seconds)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (seconds && localtime_r(&t, &tm) && strftime(text, sizeof(text), "%F %H:%M", &tm))
		printf("  %-9s %s\n", what, text);
}

static void print(const struct ctl *ctl, const json_t *data)
{
	json_t *need;
	size_t i;

	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, ctl_string(data, "workspace"));
	fputs(": restart ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "state"));
	printf(", policy %s%s, activity %s\n", ctl_string(data, "policy"),
		strcmp(ctl_string(data, "policy_from"), "host") == 0 ? " (the host's default)" : "",
		ctl_string(data, "activity"));
	json_array_foreach(json_object_get(data, "needs"), i, need)
	{
		printf("  need      %s, %s: ", ctl_string(need, "level"),
			ctl_string(need, "state"));
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(need, "reason"));
		putchar('\n');
	}
	if (ctl_string(data, "activity_text")[0]) {
		fputs("  runs      ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "activity_text"));
		putchar('\n');
	}
	if (ctl_string(data, "who")[0]) {
		fputs("  by        ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "who"));
		putchar('\n');
	}
	print_time("until", ctl_number(data, "until"));
	print_time("limit", ctl_number(data, "limit"));
	print_time("last", ctl_number(data, "last"));
	if (ctl_string(data, "text")[0]) {
		fputs("  ", stdout);
		tone_print_escaped(stdout, ctl->colour,
			ctl_true(data, "fault") ? TONE_BAD : TONE_PLAIN, ctl_string(data, "text"));
		putchar('\n');
	}
}

/* Seconds of "90", "90m", "2h", "1d", "30s"; 0 for what is none. */
static long long parse_time(const char *word)
{
	static const struct {
		char unit;
		long long seconds;
	} units[] = {{'\0', 60}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	long long n = strtoll(word, &end, 10);

	if (end == word || n <= 0 || n > 1000000 || (*end && end[1]))
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return n * units[i].seconds;
	return 0;
}

int ctl_restart(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {{"now", no_argument, NULL, 'n'},
		{"ask", no_argument, NULL, 'a'}, {"defer", required_argument, NULL, 'd'},
		{"cancel", no_argument, NULL, 'x'}, {"policy", required_argument, NULL, 'p'}, {0}};
	const char *action = NULL, *policy = NULL;
	json_auto_t *data = NULL;
	long long seconds = 0;
	int option, code, given = 0;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		given++;
		switch (option) {
		case 'n': action = "now"; break;
		case 'a': action = "ask"; break;
		case 'x': action = "cancel"; break;
		case 'p': policy = optarg; break;
		case 'd':
			action = "defer";
			seconds = parse_time(optarg);
			if (!seconds)
				return ctl_usage(ctl, "--defer wants a time such as 90m, 2h or 1d");
			break;
		default: return CTL_USAGE;
		}
	}
	if (given > 1 || argc - optind != 1)
		return ctl_usage(ctl, "restart wants %s", ctl->verb->arguments);
	code = ctl_ask(ctl,
		json_pack("{s:s, s:s, s:s?, s:s?, s:I}", "verb", "restart", "workspace",
			argv[optind], "action", action, "policy", policy, "seconds",
			(json_int_t)seconds),
		&data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	print(ctl, data);
	return CTL_OK;
}
