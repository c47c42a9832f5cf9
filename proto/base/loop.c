/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon's loop.
 *
 * Signals arrive as events, so that nothing happens between two lines of code. SIGCHLD has to be
 * blocked before the first worker is started, and a peer that went away must be an error of write,
 * not the end of the program.
 */
#include "proto/base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

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
