/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl driver`: which driver each printer has, and drivers that an admin adds by hand.
 *
 * A file is opened here, with the rights of whoever asks, and passed on as a descriptor. What was
 * left out of a driver stands in the store beside it, in a file that everyone may read; it is text
 * from elsewhere, and printed escaped.
 */
#include "host/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define POLL_NSEC 100000000L
#define POLL_MOST 1800 /* three minutes */

enum { OPTION_PRINTER = 1, OPTION_MODEL, OPTION_DIFF };

struct arguments {
	const char *operand, *printer, *model;
	bool diff;
};

/* Whom it is for, in a request. */
static json_t *request_for(const char *verb, const struct arguments *a)
{
	return json_pack(
		"{s:s, s:s*, s:s*}", "verb", verb, "printer", a->printer, "model", a->model);
}

static int add(struct ctl *ctl, const struct arguments *a)
{
	_cleanup_close_ int fd = open(a->operand, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	json_auto_t *data = NULL;
	int code;

	if (fd < 0)
		return ctl_usage(ctl, "%s: %s", a->operand, strerror(errno));
	code = ctl_ask_with(ctl, request_for("driver-add", a), fd, &data);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	tone_print_escaped(stdout, ctl->colour, TONE_HEAD, a->printer ? a->printer : a->model);
	fputs(": ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "make_model"));
	fputs(", ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "text"));
	putchar('\n');
	return CTL_OK;
}

static int remove_one(struct ctl *ctl, const struct arguments *a)
{
	json_auto_t *data = NULL;
	int code = ctl_ask(ctl, request_for("driver-remove", a), &data);

	if (code == CTL_OK && ctl->json)
		return ctl_print_json(data);
	return code;
}

static int list(struct ctl *ctl)
{
	static const char *const heads[] = {
		"PRINTER", "DRIVER", "MAKE AND MODEL", "BYTES", "SHA256", "SOURCE", NULL};
	json_auto_t *data = NULL;
	struct table *table;
	json_t *row;
	size_t i;
	int code = ctl_ask(ctl, json_pack("{s:s}", "verb", "driver-list"), &data);

	if (code != CTL_OK)
		return code;
	if (ctl->json)
		return ctl_print_json(data);
	table = table_new(heads);
	json_array_foreach(json_object_get(data, "drivers"), i, row)
	{
		const char *driver = ctl_string(row, "driver");
		char sha[13];

		text_copy_line(sha, sizeof(sha), ctl_string(row, "sha256"));
		table_cell(table, TONE_PLAIN, ctl_string(row, "printer"));
		table_cell(table, ctl_tone(driver), driver);
		table_cell(table, TONE_PLAIN, ctl_string(row, "make_model"));
		table_cell_printf(table, TONE_PLAIN, "%lld", ctl_number(row, "size"));
		table_cell(table, TONE_DIM, sha);
		table_cell(table, TONE_PLAIN, ctl_string(row, sha[0] ? "source" : "text"));
	}
	code = ctl_print_table(ctl, table, "no printers");
	json_array_foreach(json_object_get(data, "manual"), i, row)
	{
		const char *model = ctl_string(row, "model");

		if (!model[0])
			continue;
		fputs("by hand, for each ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, model);
		fputs(": ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(row, "make_model"));
		putchar('\n');
	}
	return code;
}

/* The store's record of a driver. NULL: there is none; `name` is what it is called. */
static json_t *record_of(const char *path, char *name, size_t size)
{
	size_t n = strlen(path);

	name[0] = '\0';
	if (n < strlen(".ppd.gz") || n >= size)
		return NULL;
	(void)snprintf(name, size, "%.*s.json", (int)(n - strlen(".ppd.gz")), path);
	return json_load_file(name, JSON_REJECT_DUPLICATES, NULL);
}

/* Where a driver is from, and when each source was last heard of. */
static void show_sources(const char *path)
{
	char name[512], when[32];
	json_auto_t *data = record_of(path, name, sizeof(name));
	const char *url;
	json_t *row;

	json_object_foreach(json_object_get(data, "sources"), url, row)
	{
		time_t t = (time_t)ctl_number(row, "checked");
		struct tm tm;

		if (!localtime_r(&t, &tm) || !strftime(when, sizeof(when), "%F %H:%M", &tm))
			continue;
		printf("%-11s %s from ", "checked", when);
		tone_print_escaped(stdout, false, TONE_PLAIN, url);
		putchar('\n');
	}
}

/* What was left out of a driver, from the store's record of it. */
static int show_diff(const char *path)
{
	char record[512];
	json_auto_t *data = record_of(path, record, sizeof(record));
	json_t *row;
	size_t i;

	if (!data) {
		fprintf(stderr, "platenctl: %s cannot be read\n", record);
		return CTL_FAILED;
	}
	printf("left out: %lld statements\n", ctl_number(data, "dropped"));
	json_array_foreach(json_object_get(data, "left_out"), i, row)
	{
		printf("  line %lld: *", ctl_number(row, "line"));
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(row, "keyword"));
		fputs(": ", stdout);
		tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(row, "reason"));
		putchar('\n');
	}
	return CTL_OK;
}

static int show(struct ctl *ctl, const struct arguments *a)
{
	static const char *const keys[] = {
		"printer", "driver", "make_model", "source", "text", "sha256", "path"};
	json_auto_t *data = NULL;
	json_t *row;
	size_t i;
	int code = ctl_ask(ctl, json_pack("{s:s}", "verb", "driver-list"), &data);

	if (code != CTL_OK)
		return code;
	json_array_foreach(json_object_get(data, "drivers"), i, row)
	{
		if (strcmp(ctl_string(row, "printer"), a->operand) != 0)
			continue;
		if (ctl->json)
			return ctl_print_json(row);
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			printf("%-11s ", keys[k]);
			tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(row, keys[k]));
			putchar('\n');
		}
		show_sources(ctl_string(row, "path"));
		return a->diff ? show_diff(ctl_string(row, "path")) : CTL_OK;
	}
	fputs("platenctl: the host's spooler has no printer ", stderr);
	tone_print_escaped(stderr, false, TONE_PLAIN, a->operand);
	fputs("; `platenctl printers` lists them\n", stderr);
	return CTL_NOT_FOUND;
}

/* Of `looked`: what is no driver is a failure to whoever asked for one. */
static bool is_failure(const char *looked)
{
	return strcmp(looked, "fetched") != 0 && strcmp(looked, "unchanged") != 0;
}

/* "p: fetched (server), …", "p: failed: …", and for a script. */
static void tell(const json_t *row, json_t *results)
{
	const char *name = ctl_string(row, "printer"), *looked = ctl_string(row, "looked"),
		   *driver = ctl_string(row, "driver"), *text = ctl_string(row, "looked_text");
	bool fetching = ctl_true(row, "fetching"), failed = fetching || is_failure(looked);
	bool kept = failed && strcmp(driver, looked) != 0 && ctl_string(row, "sha256")[0];

	if (fetching)
		text = "still looked for";
	if (results) {
		(void)json_array_append_new(results,
			json_pack("{s:s, s:s, s:s, s:s}", "printer", name, "result",
				failed ? "failed" : looked, "driver", driver, "text", text));
		return;
	}
	tone_print_escaped(stdout, false, TONE_PLAIN, name);
	if (!failed)
		printf(": %s (%s), ", looked, driver);
	else if (kept)
		printf(": failed, the driver it has (%s) is kept: ", driver);
	else if (strcmp(looked, "missing") == 0)
		fputs(": failed, driver-missing: ", stdout);
	else
		fputs(strcmp(looked, "refused") == 0 ? ": failed, driver refused: " : ": failed: ",
			stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, text);
	putchar('\n');
	(void)fflush(stdout);
}

struct progress {
	const char *only; /* NULL: all printers */
	json_t *results;  /* NULL: they are told to people */
	bool *told;
	size_t most, failed;
};

/* Tells the printers that are through, and returns how many are not. */
static size_t progress(struct progress *p, json_t *data, bool last)
{
	size_t left = 0, i;
	json_t *row;

	json_array_foreach(json_object_get(data, "drivers"), i, row)
	{
		bool fetching = ctl_true(row, "fetching");

		if (i >= p->most || (p->only && strcmp(ctl_string(row, "printer"), p->only) != 0))
			continue;
		left += fetching;
		if (p->told[i] || (fetching && !last))
			continue;
		p->told[i] = true;
		p->failed += fetching || is_failure(ctl_string(row, "looked"));
		tell(row, p->results);
	}
	return left;
}

/* Follows what is looked for to its end. */
static int follow(struct ctl *ctl, struct progress *p)
{
	const struct timespec pause = {.tv_nsec = POLL_NSEC};

	for (int i = 0; i <= POLL_MOST; i++) {
		json_auto_t *now = NULL;
		int code = ctl_ask(ctl, json_pack("{s:s}", "verb", "driver-list"), &now);

		if (code != CTL_OK)
			return code;
		if (progress(p, now, i == POLL_MOST) == 0)
			return p->failed ? CTL_FAILED : CTL_OK;
		(void)nanosleep(&pause, NULL);
	}
	return CTL_UNAVAILABLE;
}

static int refresh(struct ctl *ctl, const struct arguments *a)
{
	static bool told[65536];
	json_auto_t *data = NULL, *printed = ctl->json ? json_pack("{s:[]}", "printers") : NULL;
	struct progress p = {.only = a->operand,
		.results = json_object_get(printed, "printers"),
		.told = told,
		.most = sizeof(told) / sizeof(told[0])};
	int code = ctl_ask(ctl,
		json_pack("{s:s, s:s*}", "verb", "driver-refresh", "printer", a->operand), &data);

	if (code != CTL_OK)
		return code;
	code = follow(ctl, &p);
	if (printed && (code == CTL_OK || code == CTL_FAILED || code == CTL_UNAVAILABLE))
		(void)ctl_print_json(printed);
	return code;
}

int ctl_driver(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {{"printer", required_argument, NULL, OPTION_PRINTER},
		{"model", required_argument, NULL, OPTION_MODEL},
		{"diff", no_argument, NULL, OPTION_DIFF}, {0}};
	struct arguments a = {0};
	const char *action;
	int option, operands;

	if (argc > 1 && strcmp(argv[1], "package") == 0)
		return ctl_package(ctl, argc, argv);
	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		switch (option) {
		case OPTION_PRINTER: a.printer = optarg; break;
		case OPTION_MODEL: a.model = optarg; break;
		case OPTION_DIFF: a.diff = true; break;
		default: return CTL_USAGE;
		}
	}
	operands = argc - optind;
	action = operands > 0 ? argv[optind] : "";
	a.operand = operands > 1 ? argv[optind + 1] : NULL;
	if (strcmp(action, "add") == 0 && operands == 2 && !a.printer != !a.model)
		return add(ctl, &a);
	if (strcmp(action, "remove") == 0 && operands == 1 && !a.printer != !a.model)
		return remove_one(ctl, &a);
	if (strcmp(action, "list") == 0 && operands == 1)
		return list(ctl);
	if (strcmp(action, "show") == 0 && operands == 2)
		return show(ctl, &a);
	if (strcmp(action, "refresh") == 0 && operands <= 2)
		return refresh(ctl, &a);
	return ctl_usage(ctl,
		"driver wants add FILE {--printer PRINTER | --model MODEL}, list, show PRINTER "
		"[--diff], remove {--printer PRINTER | --model MODEL}, refresh [PRINTER], or "
		"package …");
}
