/* SPDX-License-Identifier: Apache-2.0 */
/* What cupsd tells a backend, by backend(7), as one fixed message. */
#ifndef PLATEN_BACKEND_ARGS_H
#define PLATEN_BACKEND_ARGS_H

#include "guest/backend/backend.h"

#define ARGS_WHY_SIZE 256 /* bytes of one line about what is wrong */

/*
 * Reads argv (6 or 7 of them) and the environment's DEVICE_URI and CONTENT_TYPE. Returns
 * BACKEND_EXIT_OK, or with one line in ret_why BACKEND_EXIT_STOP (the queue is wrong) or
 * BACKEND_EXIT_HOLD (only this job is). A title or user that is too long is cut at a character's
 * border, never the printer's name or the job's UUID. What was left out of the options is counted
 * in ret_left_out.
 */
enum backend_exit args_read(int argc, char *const *argv, struct backend_open *ret_open,
	int *ret_left_out, char ret_why[static ARGS_WHY_SIZE]);

/*
 * Reads options as cupsd writes them into argv[5] (get_options() of its scheduler): name=value with
 * a backslash before blanks, quotes and backslashes; a lone name is true, "noname" false. A value
 * that is whole in quotes or braces is taken as such, as a person's command line may have it; a
 * lone quote or brace is itself, so that no value can swallow the options after it. Returns how
 * many were left out: what is no name, no line of text, or beyond the channel's bounds. Platen's
 * own marks (platen-…, JOB_PATIENCE) are left out uncounted.
 */
int args_options(const char *text, char *options, size_t capacity, uint32_t *ret_size);

/* The mark BACKEND_ASKED among the same options, or 0. */
uint32_t args_answer(const char *text);

/* When the job was made (time-at-creation, RFC 8011 5.3.14.1), seconds since 1970, or 0. */
uint64_t args_created(const char *text);

/* The queue's name of "platen:/NAME", percent-decoded. 0 or -EINVAL. */
int args_queue(const char *uri, char *name, size_t size);

#endif
