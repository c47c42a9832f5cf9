/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One channel is started at a time, and between two of them everything else has its turn.
 *
 * When platend starts, hundreds of guests connect in the same moment. A process for each at once
 * would let those that came first wait for all the others, and when that takes longer than an agent
 * waits for its greeting, they begin anew: the more there are, the more was done in vain.
 *
 * sd-event(3) dispatches what became pending first, and of what did so in the same iteration
 * either. So each turn is a source of its own, made in an iteration after the one before: what was
 * pending then goes before it, and what comes later behind it; neither can starve the other.
 */
#include "host/arrivals.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"

struct arrivals {
	sd_event *event;
	TAILQ_HEAD(, workspace) waiting;
	sd_event_source *turn;
};

int arrivals_new(struct host *host, struct arrivals **ret_arrivals)
{
	struct arrivals *arrivals = calloc(1, sizeof(*arrivals));

	if (!arrivals)
		return -ENOMEM;
	arrivals->event = sd_event_ref(host->event);
	TAILQ_INIT(&arrivals->waiting);
	*ret_arrivals = arrivals;
	return 0;
}

struct arrivals *arrivals_free(struct arrivals *arrivals)
{
	if (!arrivals)
		return NULL;
	arrivals->turn = sd_event_source_disable_unref(arrivals->turn);
	arrivals->event = sd_event_unref(arrivals->event);
	free(arrivals);
	return NULL;
}

static int on_turn(sd_event_source *source, void *userdata);

/* Returns whether there will be a turn. */
static bool next_turn(struct arrivals *arrivals)
{
	if (arrivals->turn || TAILQ_EMPTY(&arrivals->waiting))
		return true;
	return sd_event_add_defer(arrivals->event, &arrivals->turn, on_turn, arrivals) >= 0;
}

static void take_out(struct workspace *ws)
{
	TAILQ_REMOVE(&ws->host->arrivals->waiting, ws, arrival);
}

static void give_up(struct workspace *ws)
{
	arrivals_drop(ws);
	workspace_not_connected(ws);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct arrivals *arrivals = userdata;
	struct workspace *ws = TAILQ_FIRST(&arrivals->waiting);

	(void)source;
	arrivals->turn = sd_event_source_unref(arrivals->turn);
	if (ws) {
		take_out(ws);
		if (workspace_connect(ws, ws->arrived_by, steal_fd(&ws->arrived)) < 0)
			workspace_not_connected(ws); /* it logs */
	}
	return 0;
}

void arrivals_look(struct arrivals *arrivals)
{
	while (!next_turn(arrivals)) /* no memory: those that come again have better luck */
		give_up(TAILQ_FIRST(&arrivals->waiting));
}

void arrivals_add(struct workspace *ws, enum transport transport, int fd)
{
	struct arrivals *arrivals = ws->host->arrivals;

	if (ws->arrived >= 0)
		(void)close_fd(ws->arrived);
	else
		TAILQ_INSERT_TAIL(&arrivals->waiting, ws, arrival);
	ws->arrived = fd;
	ws->arrived_by = transport;
	if (!next_turn(arrivals))
		give_up(ws);
}

void arrivals_drop(struct workspace *ws)
{
	if (ws->arrived < 0)
		return;
	take_out(ws);
	ws->arrived = close_fd(ws->arrived);
}
