/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger's name towards a workspace.
 *
 * Each ledger has a random number, which one that is begun anew has not. Its digest with the
 * workspace's UUID is what the agent hears in Welcome, keeps with each job that it seals, and says
 * again with a job of which it has heard nothing since. An agent that says none is an older one,
 * and is believed as it always was.
 */
#include "host/origin.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/random.h>

int origin_begin(struct ledger *ledger)
{
	int64_t number = ledger_note(ledger, LEDGER_NUMBER);
	int r;

	if (number)
		return 0;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	number = number ? number : 1;
	r = ledger_note_put(ledger, LEDGER_NUMBER, number);
	return r < 0 ? r : ledger_commit(ledger);
}

void origin_name(struct ledger *ledger, const struct uuid *workspace, struct uuid *ret_name)
{
	int64_t number = ledger_note(ledger, LEDGER_NUMBER);
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, sizeof(number), (const uint8_t *)&number);
	sha256_update(&sha, sizeof(workspace->bytes), workspace->bytes);
	sha256_digest(&sha, sizeof(ret_name->bytes), ret_name->bytes);
}

bool origin_is_other(
	struct ledger *ledger, const struct uuid *workspace, const struct message_job_open *open)
{
	struct uuid ours;

	if (!open->sealed || uuid_is_null(&open->sealed_by))
		return false;
	origin_name(ledger, workspace, &ours);
	return !uuid_equal(&ours, &open->sealed_by);
}
