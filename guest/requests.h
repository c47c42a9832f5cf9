/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to platen-queues, one at a time, and its answers. */
#ifndef PLATEN_AGENT_REQUESTS_H
#define PLATEN_AGENT_REQUESTS_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "guest/queues/queues.h"

struct requests;

struct requests_setup {
	const char *libexec_dir, *cups_socket; /* kept, not copied */
	/* One queue of a QUEUES_LIST. */
	void (*on_queue)(const struct queues_queue *queue, void *userdata);
	/* One job of a QUEUES_ENDED. */
	void (*on_ended)(const struct queues_ended *job, void *userdata);
	/* The request under way is done. `done`: NULL when the worker ended over it. */
	void (*on_done)(const struct queues_done *done, void *userdata);
	/* This spooler answers, maybe another than before, or does not; `text` is a line. */
	void (*on_spooler)(bool up, const char *text, void *userdata);
	void *userdata;
};

/* Starts the worker, again and again should it end. 0 or -errno. */
int requests_new(
	sd_event *event, const struct requests_setup *setup, struct requests **ret_requests);
struct requests *requests_free(struct requests *requests);

/* Whether one can be sent now. */
bool requests_are_free(const struct requests *requests);

/* Sends one: a struct queues_request, queues_put, queues_state or queues_job, which all begin
 * alike; its serial is set here. on_done() follows, never from within this call. */
void requests_send(struct requests *requests, struct queues_request *request, int fd);

#endif
