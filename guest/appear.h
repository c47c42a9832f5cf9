/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a file that is not there yet: a device's port, a socket. */
#ifndef PLATEN_AGENT_APPEAR_H
#define PLATEN_AGENT_APPEAR_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct appear;
typedef void appear_fn(void *userdata);

/* `path` is kept, not copied. `on_appear` is called whenever the file may have come, while armed.
 * 0 or -errno. */
int appear_new(sd_event *event, const char *path, appear_fn *on_appear, void *userdata,
	struct appear **ret_appear);
struct appear *appear_free(struct appear *appear);

/* Watches the file's folder, or the folder above it as long as that is not there; to be called
 * again after each try. False: it cannot be watched. */
bool appear_arm(struct appear *appear);
void appear_disarm(struct appear *appear);

#endif
