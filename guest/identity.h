/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workspace this guest is, by the host's word: STATE/identity. A guest whose disk was copied
 * is another workspace than before, and jobs that were on the disk are the first one's. Leaf code.
 */
#ifndef PLATEN_AGENT_IDENTITY_H
#define PLATEN_AGENT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/uuid.h"

/* A job of before the copy is held with this mark (BACKEND_ASKED) until a person releases it. */
#define IDENTITY_MARK 1

struct identity;

/* What an earlier run learnt; a file that cannot be read as one counts as none. 0 or -errno. */
int identity_new(const char *state_dir, struct identity **ret_identity);
struct identity *identity_free(struct identity *identity);

/* The host's word, with the kernel's boot id; a null UUID says nothing. ret_copied: this guest was
 * another workspace until now. 0, or -errno: it could not be written, and holds for this run. */
int identity_learn(struct identity *identity, const struct uuid *workspace, const struct uuid *boot,
	bool *ret_copied);

/* Whether a job of this time (seconds since 1970, 0: unknown) was there before the copy. */
bool identity_is_of_another(const struct identity *identity, uint64_t created);

#endif
