/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch that is slow, or was stopped for a while, has a full queue.
 *
 * A cancel that is then thrown away is lost for good: cupsd tells of a job when it changes, and
 * nothing changes. So it is kept, in order, until there is room, and no longer than the watch and
 * its cupsd are the same. Both begin with a listing, which says anew what has to go.
 */
#include "host/owed.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/worker.h"

struct owed_cancel {
	TAILQ_ENTRY(owed_cancel) link;
	struct spool_cancel cancel;
};

void owed_init(struct owed *owed)
{
	*owed = (struct owed){.count = 0};
	TAILQ_INIT(&owed->cancels);
}

static bool is_kept(const struct owed *owed, const struct spool_cancel *cancel)
{
	const struct owed_cancel *c;

	TAILQ_FOREACH(c, &owed->cancels, link)
	if (c->cancel.host_job == cancel->host_job && c->cancel.file == cancel->file &&
		uuid_equal(&c->cancel.job, &cancel->job))
		return true;
	return false;
}

static void drop(struct owed *owed, struct owed_cancel *c)
{
	TAILQ_REMOVE(&owed->cancels, c, link);
	owed->count--;
	free(c);
}

void owed_cancel(struct owed *owed, struct worker *watch, const struct spool_cancel *cancel)
{
	struct owed_cancel *c;

	if (!owed->count && worker_send(watch, cancel, -1) != -EAGAIN)
		return;
	if (owed->count == OWED_MOST || is_kept(owed, cancel))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->cancel = *cancel;
	TAILQ_INSERT_TAIL(&owed->cancels, c, link);
	owed->count++;
}

static bool is_full(struct worker *watch, uint32_t type)
{
	struct ipc_head m = {.type = type, .size = sizeof(m)};

	return worker_send(watch, &m, -1) == -EAGAIN;
}

void owed_check(struct owed *owed, struct worker *watch)
{
	owed->check = is_full(watch, SPOOL_CHECK);
}

void owed_ping(struct owed *owed, struct worker *watch)
{
	owed->ping = is_full(watch, SPOOL_PING);
}

void owed_send(struct owed *owed, struct worker *watch)
{
	struct owed_cancel *c;

	if (owed->ping)
		owed_ping(owed, watch); /* there is a deadline for the answer */
	while ((c = TAILQ_FIRST(&owed->cancels))) {
		if (worker_send(watch, &c->cancel, -1) == -EAGAIN)
			return;
		drop(owed, c);
	}
	if (owed->check)
		owed_check(owed, watch);
}

void owed_forget(struct owed *owed)
{
	while (!TAILQ_EMPTY(&owed->cancels))
		drop(owed, TAILQ_FIRST(&owed->cancels));
	owed->check = false;
}
