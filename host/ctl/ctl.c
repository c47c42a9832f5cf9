/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of platenctl, and what its verbs share in showing an answer.
 *
 * Options that every verb has may stand before the verb or after it. Help is printed from the
 * table of verbs, so that it cannot fall behind. An answer is JSON from platend, which may be of
 * another version: a member that is not there shows as nothing, never as a crash.
 */
#include "host/ctl/ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 16 /* of one verb, with the common ones */

enum { OPTION_JSON = 1000, OPTION_SOCKET, OPTION_HELP, OPTION_VERSION };

static const struct option common[] = {
	{"json", no_argument, NULL, OPTION_JSON},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
};
#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))

static const char common_help[] =
	"Options:\n"
	"      --json         print platend's answer as JSON\n"
	"      --socket PATH  platend's control socket (default $" CTL_SOCKET_ENV ", else\n"
	"                     " CTL_SOCKET ")\n"
	"  -h, --help         this text, or that of a verb\n"
	"      --version      the version\n";

static void help(FILE *out, const struct verb *only)
{
	if (only) {
		fprintf(out, "Usage: platenctl %s %s%s[--json] [--socket PATH]\n\n%c%s.\n\n%s",
			only->name, only->arguments, only->arguments[0] ? " " : "",
			only->description[0] & ~0x20, only->description + 1, common_help);
		return;
	}
	fprintf(out, "Usage: platenctl [OPTIONS] VERB [ARGUMENTS]\n"
		     "Shows and changes which of the host's printers workspaces have.\n\nVerbs:\n");
	for (const struct verb *verb = ctl_verbs; verb->name; verb++)
		fprintf(out, "  %s%s%s\n      %s\n", verb->name, verb->arguments[0] ? " " : "",
			verb->arguments, verb->description);
	fprintf(out,
		"\n%s\nExit codes: 0 done, 1 not so (a fault, not offered), 2 usage, 3 platend "
		"does\n"
		"not run, 4 not permitted, 5 not found, 6 something platend needs does not "
		"answer,\n"
		"7 failed. See platenctl(1).\n",
		common_help);
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list ap;

	fputs("platenctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "; see `platenctl %s%s--help`\n", ctl->verb ? ctl->verb->name : "",
		ctl->verb ? " " : "");
	return CTL_USAGE;
}

/* One option of those that every verb has. True when it was one. */
static bool is_common(struct ctl *ctl, int option)
{
	switch (option) {
	case OPTION_JSON: ctl->json = true; return true;
	case OPTION_SOCKET: ctl->socket = optarg; return true;
	case OPTION_HELP:
	case 'h': ctl->help = true; return true;
	case OPTION_VERSION: ctl->version = true; return true;
	default: return false;
	}
}

/* What getopt_long(3) refused, in words of ours, escaped as all that comes from elsewhere. */
static int refused(const struct ctl *ctl, int option, char **argv)
{
	const char *word = argv[optind - 1];
	char letter[] = {'-', (char)optopt, '\0'};

	if (optopt >= ' ' && optopt < 256)
		word = letter;
	fputs("platenctl: ", stderr);
	tone_print_escaped(stderr, false, TONE_PLAIN, word);
	fprintf(stderr, ": %s; see `platenctl %s%s--help`\n",
		option == ':' ? "wants a value" : "no such option",
		ctl->verb ? ctl->verb->name : "", ctl->verb ? " " : "");
	return '?';
}

static int next_option(
	struct ctl *ctl, int argc, char **argv, const struct option *own, const char *letters)
{
	struct option options[OPTIONS_MAX + 1] = {0};
	size_t n = COMMON_COUNT;
	int option;

	memcpy(options, common, sizeof(common));
	while (own && own->name && n < OPTIONS_MAX)
		options[n++] = *own++;
	opterr = 0;
	for (;;) {
		option = getopt_long(argc, argv, letters, options, NULL);
		if (option == '?' || option == ':')
			return refused(ctl, option, argv);
		if (!is_common(ctl, option))
			return option;
		if (ctl->help || ctl->version)
			return '?';
	}
}

int ctl_getopt(struct ctl *ctl, int argc, char **argv, const struct option *own)
{
	return next_option(ctl, argc, argv, own, ":h");
}

bool ctl_operands(struct ctl *ctl, int argc, char **argv, int least, int most)
{
	if (ctl_getopt(ctl, argc, argv, NULL) != -1)
		return false;
	if (argc - optind >= least && argc - optind <= most)
		return true;
	(void)ctl_usage(ctl, "%s wants %s%s", ctl->verb->name,
		argc - optind < least ? "" : "nothing more than ",
		ctl->verb->arguments[0] ? ctl->verb->arguments : "no argument");
	return false;
}

static bool has_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR"); /* no-color.org */

	return isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

static const struct verb *verb_named(const char *name)
{
	for (const struct verb *verb = ctl_verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

/* What was shown must have arrived: a full disk or a closed pipe is no success. */
static int written(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "platenctl: standard output cannot be written\n");
	return code == CTL_OK ? CTL_FAILED : code;
}

int ctl_main(int argc, char **argv)
{
	const char *socket = getenv(CTL_SOCKET_ENV);
	struct ctl ctl = {
		.socket = socket && socket[0] ? socket : CTL_SOCKET, .colour = has_colour()};
	int code = CTL_USAGE, option, begin;

	optind = 0; /* glibc: begin anew */
	option = next_option(&ctl, argc, argv, NULL, "+:h");
	if (option == -1 && optind == argc) {
		help(stderr, NULL);
		return CTL_USAGE;
	}
	if (option == -1) {
		begin = optind;
		ctl.verb = verb_named(argv[begin]);
		if (!ctl.verb) {
			fputs("platenctl: no verb ", stderr);
			tone_print_escaped(stderr, false, TONE_PLAIN, argv[begin]);
			fputs("; see `platenctl --help`\n", stderr);
			return CTL_USAGE;
		}
		optind = 0;
		code = ctl.verb->run(&ctl, argc - begin, argv + begin);
	}
	if (ctl.help)
		help(stdout, ctl.verb);
	else if (ctl.version)
		printf("platenctl %s\n", PLATEN_VERSION);
	else
		return written(code);
	return written(CTL_OK);
}

int ctl_print_json(const json_t *data)
{
	/* Escaped to ASCII: nothing in it can steer a terminal. */
	(void)json_dumpf(data, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	putchar('\n');
	return CTL_OK;
}

int ctl_print_change(const char *domain, const json_t *data)
{
	tone_print_escaped(stdout, false, TONE_PLAIN, domain);
	fputs(": ", stdout);
	tone_print_escaped(stdout, false, TONE_PLAIN, ctl_string(data, "text"));
	putchar('\n');
	return CTL_OK;
}

int ctl_print_table(const struct ctl *ctl, struct table *table, const char *none)
{
	size_t rows = table_rows(table);
	int r = table_print(table, stdout, ctl->colour);

	(void)table_free(table);
	if (r < 0) {
		fprintf(stderr, "platenctl: %s\n", strerror(-r));
		return CTL_FAILED;
	}
	if (rows == 0)
		printf("%s\n", none);
	return CTL_OK;
}

const char *ctl_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

long long ctl_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool ctl_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

enum tone ctl_tone(const char *word)
{
	static const struct {
		const char *word;
		enum tone tone;
	} tones[] = {
		{"ok", TONE_GOOD},
		{"up", TONE_GOOD},
		{"yes", TONE_GOOD},
		{"ready", TONE_GOOD},
		{"connected", TONE_GOOD},
		{"completed", TONE_GOOD},
		{"processing", TONE_GOOD},
		{"waiting", TONE_WARN},
		{"pending", TONE_WARN},
		{"stopped", TONE_WARN},
		{"paused", TONE_WARN},
		{"removing", TONE_WARN},
		{"canceled", TONE_WARN},
		{"generic", TONE_WARN},
		{"no-channel", TONE_WARN},
		{"fault", TONE_BAD},
		{"down", TONE_BAD},
		{"missing", TONE_BAD},
		{"refused", TONE_BAD},
		{"failed", TONE_BAD},
		{"aborted", TONE_BAD},
		{"ask", TONE_BAD},
		{"retry", TONE_WARN},
		{"name-taken", TONE_BAD},
		{"device-taken", TONE_BAD},
		{"driver-refused", TONE_BAD},
		{"spooler-down", TONE_BAD},
		{"no", TONE_DIM},
		{"off", TONE_DIM},
		{"skipped", TONE_DIM},
		{"shut-off", TONE_DIM},
		{"unknown", TONE_DIM},
	};

	for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++)
		if (strcmp(tones[i].word, word) == 0)
			return tones[i].tone;
	return TONE_PLAIN;
}
