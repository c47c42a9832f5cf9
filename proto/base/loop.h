/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a daemon that has workers (proto/base/worker.h). */
#ifndef PLATEN_BASE_LOOP_H
#define PLATEN_BASE_LOOP_H

#include <systemd/sd-event.h>

/* Blocks `count` signals (for sd_event_add_signal(3)) and SIGCHLD, ignores SIGPIPE, and makes the
 * loop, which answers systemd's watchdog where there is one. To be called before any thread is
 * made. 0 or -errno. */
int loop_new(const int *signals, int count, sd_event **ret_event);

#endif
