/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one workspace may cost the host, so that others do not notice it. What it may say on its
 * channel in a second is platen-channel's to bound; here are connections, jobs, bytes that wait on
 * the host, and lines in the log.
 */
#ifndef PLATEN_QUOTA_H
#define PLATEN_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "host/config.h"
#include "proto/base/bucket.h"
#include "proto/limits.h"

struct job;
struct workspace;

/* What was kept from a workspace since platend's start (platenctl workspaces). */
struct quota_counts {
	uint64_t connections, jobs, lines; /* refused or left out for a quota */
	uint64_t options;		   /* of jobs, left out for they are not a guest's to set */
};

struct quota {
	struct bucket connections, jobs, lines;
	uint32_t silenced; /* lines left out since the last */
	struct quota_counts kept;
};

void quota_init(struct quota *quota, const struct config *config);

/* The settings have another number of jobs: its minute begins anew. */
void quota_jobs(struct quota *quota, const struct config *config);

/* Whether one more connection is taken. A refused one is closed, and tried again by the guest. */
bool quota_connection(struct workspace *workspace);

/* Whether a new job, its row filled, is taken; if not, ret_text is a line for its user. */
bool quota_job(const struct job *job, char ret_text[static MESSAGE_SIZE]);

/* Whether a line that a guest can cause is logged. */
bool quota_line(struct workspace *workspace);

#endif
