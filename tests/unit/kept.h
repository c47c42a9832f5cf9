/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For what keeps its knowledge in one file of the agent's state folder: a folder of the test's own,
 * and jobs to keep something of.
 */
#ifndef PLATEN_TESTS_KEPT_H
#define PLATEN_TESTS_KEPT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/cancels.h"

static char dir[] = "/tmp/platen-kept-XXXXXX";
static char file[64]; /* the one in it */

static inline void kept_begin(const char *name)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
}

static inline void kept_end(void)
{
	(void)unlink(file);
	(void)rmdir(dir);
}

/* The n-th job's file of this number. */
static inline struct cancel kept_job(uint32_t n, uint32_t of)
{
	struct cancel c = {.file = of};

	memcpy(c.job.bytes, &n, sizeof(n));
	c.job.bytes[15] = 1;
	return c;
}

#endif
