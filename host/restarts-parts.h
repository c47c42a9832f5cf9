/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of restarts.h, for each other: restarts.c hears and decides, restarts-run.c carries
 * out, restarts-show.c tells people.
 */
#ifndef PLATEN_RESTARTS_PARTS_H
#define PLATEN_RESTARTS_PARTS_H

#include "host/restart-state.h"
#include "host/restarts.h"
#include "proto/base/log.h"

struct restarts {
	struct workspace *ws;
	struct restart_state state;
	struct message_activity activity; /* state 0: not told in this session */
	bool asked, nobody, fresh, gentle;
	bool requested;	 /* libvirt was asked to restart it, by this platend */
	bool booting;	 /* it has gone down since, and boots */
	int64_t entered; /* its phase, sec of the monotonic clock */
	bool boot_heard; /* a session has one boot */
	uint32_t ask;	 /* the last question's number */
	uint32_t news;
	const char *why; /* the last decision's */
	sd_event_source *timer;
};

/* restarts.c */
struct log_about restarts_about(const struct restarts *r);
void restarts_keep(struct restarts *r);
void restarts_look_in(struct restarts *r, uint64_t usec);
void restarts_end_question(struct restarts *r, const char *why);

/* restarts-run.c: begins one that was decided, and goes on with it. */
void restarts_begin(struct restarts *r, const char *why);
void restarts_go_on(struct restarts *r);
void restarts_set_phase(struct restarts *r, uint32_t phase);
/* Whether every printer is there; names those that are not. */
bool restarts_printers_there(
	const struct restarts *r, char missing[static MESSAGE_SIZE], int *ret_count);
int64_t restarts_monotonic(void); /* seconds of a clock that nobody sets */

#endif
