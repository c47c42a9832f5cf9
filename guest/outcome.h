/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's word about a job means for the job here (contract 1: printed, or kept). */
#ifndef PLATEN_AGENT_OUTCOME_H
#define PLATEN_AGENT_OUTCOME_H

#include <stdbool.h>

#include "guest/backend/backend.h"
#include "proto/message.h"

enum outcome_kind {
	OUTCOME_ON = 0, /* the host has it and goes on with it */
	OUTCOME_END,	/* the backend ends */
	OUTCOME_LATER,	/* not taken now: asked again after a while */
	OUTCOME_ANEW,	/* likewise, and the document is read anew */
};

struct outcome {
	enum outcome_kind kind;
	enum backend_exit exit; /* with OUTCOME_END */
	const char *text;	/* for people, one line: the host's, or ours */
};

struct outcome outcome_of(const struct message_job_state *state, bool cancelled);

#endif
