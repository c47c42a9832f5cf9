/* SPDX-License-Identifier: Apache-2.0 */
/* Which of its job's files a document is, and whether others follow it. */
#ifndef PLATEN_BACKEND_FILES_H
#define PLATEN_BACKEND_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/backend/backend.h"

/* How many files the spooler has of a job, as far as it lets us see; 0: none. */
uint32_t files_count(uint32_t job);

/* For a document that came by standard input from a job of `count` files, unfiltered: sets its
 * file, those that are the same, and whether more follow. False: it is none of them. */
bool files_find(int document, uint32_t count, struct backend_open *open);

#endif
