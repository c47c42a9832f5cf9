/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that were cancelled here while the host was away, and that it may have: STATE/cancels.
 * Leaf code.
 */
#ifndef PLATEN_AGENT_CANCELS_H
#define PLATEN_AGENT_CANCELS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/uuid.h"

#define CANCELS_MOST 1024 /* the oldest go first */

struct cancel {
	struct uuid job;
	uint32_t file;
};

struct cancels;

/* Reads the file, if there is one; lines that are none are left out. 0 or -errno. */
int cancels_new(const char *state_dir, struct cancels **ret_cancels);
struct cancels *cancels_free(struct cancels *cancels);

/* Changes are written at once; 0 or -errno, the change then holds for this run, until one is
 * written. */
int cancels_add(struct cancels *cancels, const struct cancel *cancel);
int cancels_remove(struct cancels *cancels, const struct cancel *cancel);

size_t cancels_count(const struct cancels *cancels);
const struct cancel *cancels_at(const struct cancels *cancels, size_t i);

#endif
