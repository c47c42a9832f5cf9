/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon's loop.
 *
 * Signals arrive as events, so that nothing happens between two lines of code. SIGCHLD has to be
 * blocked before the first worker is started, and a peer that went away must be an error of write,
 * not the end of the program. A connection that cannot be taken stays in its queue, and the loop
 * would turn for nothing else.
 */
#include "proto/base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

#define REST_USEC 1000000ULL

int loop_new(const int *signals, int count, sd_event **ret_event)
{
	sigset_t mask;
	int r;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	for (int i = 0; i < count; i++)
		(void)sigaddset(&mask, signals[i]);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	r = sd_event_default(ret_event);
	if (r < 0)
		return r;
	(void)sd_event_set_watchdog(*ret_event, true);
	return 0;
}

bool loop_accepted(sd_event_source *listener, int result)
{
	bool rests = sd_event_source_get_ratelimit(listener, NULL, NULL) >= 0;

	switch (result) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
	case -EACCES: return !rests && sd_event_source_set_ratelimit(listener, REST_USEC, 1) >= 0;
	default:
		if (rests && result >= 0)
			(void)sd_event_source_set_ratelimit(listener, 0, 0);
		return false;
	}
}
