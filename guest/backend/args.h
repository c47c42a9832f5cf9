/* SPDX-License-Identifier: Apache-2.0 */
/* What cupsd tells a backend, by backend(7), as one fixed message. */
#ifndef PLATEN_BACKEND_ARGS_H
#define PLATEN_BACKEND_ARGS_H

#include "guest/backend/backend.h"

/*
 * Reads argv (6 or 7 of them) and the environment's DEVICE_URI and CONTENT_TYPE. 0; -EINVAL with
 * one line in ret_why. A title or user that is too long is cut; an option that is no option is
 * left out and counted in ret_left_out.
 */
int args_read(int argc, char *const *argv, struct backend_open *ret_open, int *ret_left_out,
	char ret_why[static 256]);

/*
 * Reads options in the form that cupsd writes in argv[5] (scheduler's get_options(): name=value
 * with a backslash before blanks, quotes and backslashes; lone names are booleans, "noname" is
 * false; a value may be in quotes or braces) into a packed list. Returns how many were left out.
 */
int args_options(const char *text, char *options, size_t capacity, uint32_t *ret_size);

/* The queue's name of "platen:/NAME", percent-decoded. 0 or -EINVAL. */
int args_queue(const char *uri, char *name, size_t size);

#endif
