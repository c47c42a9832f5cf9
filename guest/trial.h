/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the host can be reached by vsock, tried while the agent is connected another way. */
#ifndef PLATEN_AGENT_TRIAL_H
#define PLATEN_AGENT_TRIAL_H

#include <stdint.h>
#include <systemd/sd-event.h>

struct trial;

/* The connection, which is the called one's own from here. */
typedef void trial_fn(int fd, void *userdata);

/* 0 or -errno. */
int trial_new(sd_event *event, uint32_t port, trial_fn *on_connected, void *userdata,
	struct trial **ret_trial);
struct trial *trial_free(struct trial *trial);

/* Begins, unless it rests: then as soon as that is over. Nothing when one is under way. */
void trial_begin(struct trial *trial);
/* Begins at once, for the device has only just come. */
void trial_now(struct trial *trial);
void trial_end(struct trial *trial);

/* What came of a connection that was handed over: the host greeted, or it did not. */
void trial_good(struct trial *trial);
void trial_useless(struct trial *trial);

#endif
