/* SPDX-License-Identifier: Apache-2.0 */
/* Which queue we made the spooler's default last: STATE/default. */
#ifndef PLATEN_AGENT_DEFAULT_H
#define PLATEN_AGENT_DEFAULT_H

#include "proto/limits.h"

/* Empty: none, or not known any more. */
void default_read(const char *state_dir, char ret_name[static NAME_SIZE]);

/* 0 or -errno. */
int default_write(const char *state_dir, const char *name);

#endif
