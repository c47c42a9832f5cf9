/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a daemon that has workers (proto/base/worker.h). */
#ifndef PLATEN_BASE_LOOP_H
#define PLATEN_BASE_LOOP_H

#include <stdbool.h>
#include <systemd/sd-event.h>

/* Blocks `count` signals (for sd_event_add_signal(3)) and SIGCHLD, ignores SIGPIPE, and makes the
 * loop, which answers systemd's watchdog where there is one. To be called before any thread is
 * made. 0 or -errno. */
int loop_new(const int *signals, int count, sd_event **ret_event);

/* What came of accept(2) at a listening socket: a descriptor, or -errno. One that cannot be taken
 * (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM; -EACCES of a security module) waits on, and would be told
 * of again at once: the source rests for up to a second, then tries. True: it has begun to rest,
 * which is to be said. The loop has had a timer of CLOCK_MONOTONIC before, as every daemon's has:
 * to make one wants a descriptor. */
bool loop_accepted(sd_event_source *listener, int result);

#endif
