/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platenctl: one row per verb in verbs.c, one file per verb, and what they share.
 *
 * A verb asks platend one thing over the control socket (host/control.h), shows the answer, and
 * returns the exit code.
 */
#ifndef PLATEN_CTL_H
#define PLATEN_CTL_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "host/ctl/table.h"

#define CTL_SOCKET     "/run/platen/control"
#define CTL_SOCKET_ENV "PLATEN_CONTROL"

/* Exit codes: platenctl(1). */
enum ctl_exit {
	CTL_OK = 0,
	CTL_NO = 1,	     /* doctor found a fault; a printer that was asked about is not there */
	CTL_USAGE = 2,	     /* the command line, or a request that platend does not understand */
	CTL_NOT_RUNNING = 3, /* nobody answers at the control socket */
	CTL_NOT_PERMITTED = 4,
	CTL_NOT_FOUND = 5,   /* no workspace, printer or domain of that name */
	CTL_UNAVAILABLE = 6, /* what platend needs for it does not answer, or not in time */
	CTL_FAILED = 7,	     /* it was tried, and failed; or the answer makes no sense */
};

struct ctl;

struct verb {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *arguments;
	const char *description; /* one line */
};

struct ctl {
	const char *socket;
	const struct verb *verb;
	bool json, colour, help, version;
};

extern const struct verb ctl_verbs[]; /* ends with a NULL name */

int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_workspaces(struct ctl *ctl, int argc, char **argv);
int ctl_printers(struct ctl *ctl, int argc, char **argv);
int ctl_jobs(struct ctl *ctl, int argc, char **argv);
int ctl_job(struct ctl *ctl, int argc, char **argv);
int ctl_mode(struct ctl *ctl, int argc, char **argv);
int ctl_attach(struct ctl *ctl, int argc, char **argv);
int ctl_detach(struct ctl *ctl, int argc, char **argv);
int ctl_doctor(struct ctl *ctl, int argc, char **argv);
int ctl_explain(struct ctl *ctl, int argc, char **argv);
int ctl_rendering(struct ctl *ctl, int argc, char **argv);
int ctl_driver(struct ctl *ctl, int argc, char **argv);
int ctl_package(struct ctl *ctl, int argc, char **argv); /* argv[optind] is "package" */
int ctl_restart(struct ctl *ctl, int argc, char **argv);

/* The whole of platenctl. Returns the exit code. */
int ctl_main(int argc, char **argv);

/*
 * The next option of a verb, as getopt_long(3), with those that every verb has (--json, --socket,
 * --help) seen to. `own` ends with a row of zeros; its vals are above 0. Returns a val of `own`;
 * -1 at the end (operands are argv[optind] on); '?' after a fault that was told, or for --help: the
 * verb then returns CTL_USAGE.
 */
int ctl_getopt(struct ctl *ctl, int argc, char **argv, const struct option *own);

/* For verbs without options of their own: sees to the common ones, and that there are `least` to
 * `most` operands, which begin at argv[optind]. False: the fault was told, return CTL_USAGE. */
bool ctl_operands(struct ctl *ctl, int argc, char **argv, int least, int most);

/* Says on stderr what is wrong with the command line. Returns CTL_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Asks platend. Steals `request`. CTL_OK with the answer's data, which the caller releases; or
 * another exit code, and what is wrong and what to do was said on stderr. */
int ctl_ask(const struct ctl *ctl, json_t *request, json_t **ret_data);

/* The same with a descriptor beside it, which stays the caller's. */
int ctl_ask_with(const struct ctl *ctl, json_t *request, int fd, json_t **ret_data);

/* The answer as it came (--json). Returns CTL_OK. */
int ctl_print_json(const json_t *data);

/* What was done to a domain, in platend's words. Returns CTL_OK. */
int ctl_print_change(const char *domain, const json_t *data);

/* Prints and frees a table, or says `none` when it has no row. */
int ctl_print_table(const struct ctl *ctl, struct table *table, const char *none);

/* Members of an answer; what is not there, or not of its type, is "", 0 or false. */
const char *ctl_string(const json_t *object, const char *key);
long long ctl_number(const json_t *object, const char *key);
bool ctl_true(const json_t *object, const char *key);

/* The tone of a word that states, modes, phases, links and checks use. */
enum tone ctl_tone(const char *word);

#endif
