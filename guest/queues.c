/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing the guest's queues in line with the offer, one action at a time.
 *
 * platen-queues does what blocks. Here is what it is asked for next: the list of queues first,
 * then whatever reconcile_next() says, then the states that are not shown yet. One request is
 * under way at a time; when it is done the decision is made anew, from what is then so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/job.h"
#include "guest/reconcile.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define REQUEST_USEC 60000000ULL /* the longest that one request may take */
#define RESTART_USEC 1000000ULL
#define BUSY_USEC    2000000ULL /* between two looks at queues that have jobs */
#define RETRY_USEC   5000000ULL /* after a request that failed */

struct queues {
	struct agent *agent;
	struct worker *worker;
	sd_event_source *restart, *retry, *defer;
	bool up;		  /* the guest's cupsd answers */
	bool look;		  /* the list is to be read */
	bool listing;		  /* it is being read */
	uint32_t serial, waiting; /* the request under way, 0: none */
	enum action_kind action;
	bool is_state;	      /* the request is a QUEUES_STATE */
	char name[NAME_SIZE]; /* whom the request is about */
	char spooler[VERSION_SIZE];
	struct known_queue *known;
	size_t count, size;
	struct queues_state state; /* that is being set */
};

static void next(struct queues *queues);
static void start(struct queues *queues);

static struct known_queue *known_find(struct queues *queues, const char *name)
{
	for (size_t i = 0; i < queues->count; i++)
		if (strcasecmp(queues->known[i].is.name, name) == 0)
			return &queues->known[i];
	return NULL;
}

static struct known_queue *known_add(struct queues *queues)
{
	if (queues->count == queues->size) {
		size_t size = queues->size ? queues->size * 2 : 16;
		struct known_queue *grown = reallocarray(queues->known, size, sizeof(*grown));

		if (!grown)
			return NULL;
		queues->known = grown;
		queues->size = size;
	}
	memset(&queues->known[queues->count], 0, sizeof(*queues->known));
	return &queues->known[queues->count++];
}

static void send(struct queues *queues, const void *msg, int fd)
{
	queues->waiting = queues->serial;
	if (worker_send(queues->worker, msg, fd) == 0)
		(void)worker_deadline(queues->worker, REQUEST_USEC);
	else
		queues->waiting = 0; /* it is gone: its end starts everything anew */
}

static void request(struct queues *queues, enum queues_message type, const char *name)
{
	struct queues_request m = {
		.head = {.type = type, .size = sizeof(m)}, .serial = ++queues->serial};

	(void)text_copy(m.name, sizeof(m.name), name);
	(void)text_copy(queues->name, sizeof(queues->name), name);
	send(queues, &m, -1);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct queues *queues = userdata;

	(void)source;
	(void)usec;
	queues->retry = sd_event_source_unref(queues->retry);
	if (queues->waiting == UINT32_MAX)
		queues->waiting = 0;
	queues->look = true;
	next(queues);
	return 0;
}

static void retry_later(struct queues *queues, uint64_t wait)
{
	if (!queues->retry)
		(void)sd_event_add_time_relative(queues->agent->event, &queues->retry,
			CLOCK_MONOTONIC, wait, 100000, on_retry, queues);
}

static bool has_driver(const struct offered *offered, void *userdata)
{
	struct queues *queues = userdata;
	int fd = drivers_open(queues->agent->drivers, offered->printer.driver);

	(void)close_fd(fd);
	return fd >= 0;
}

static void put(struct queues *queues, const struct offered *o)
{
	struct queues_put m = {.head = {.type = QUEUES_PUT, .size = sizeof(m)},
		.serial = ++queues->serial,
		.accepting = o->printer.accepting,
		.defaults_size = o->printer.defaults_size};
	_cleanup_close_ int fd = drivers_open(queues->agent->drivers, o->printer.driver);

	if (fd < 0)
		return;
	memcpy(m.name, o->printer.name, sizeof(m.name));
	memcpy(m.info, o->printer.info, sizeof(m.info));
	memcpy(m.location, o->printer.location, sizeof(m.location));
	memcpy(m.fingerprint, o->fingerprint, sizeof(m.fingerprint));
	memcpy(m.defaults, o->printer.defaults, sizeof(m.defaults));
	(void)text_copy(queues->name, sizeof(queues->name), m.name);
	send(queues, &m, fd);
}

/* Sends the first state that a queue does not show yet. Whether there was one. */
static bool send_state(struct queues *queues)
{
	bool connected = channel_is_open(queues->agent->channel);

	for (uint32_t i = 0; i < queues->agent->offer_count; i++) {
		struct offered *o = &queues->agent->offers[i];
		struct known_queue *queue = known_find(queues, o->printer.name);
		struct queues_state state;

		if (!queue || !queue->is.ours || (connected && !o->has_state && !o->gone))
			continue;
		reconcile_state(o, connected, &state);
		if (queue->state_sent && memcmp(&queue->sent, &state, sizeof(state)) == 0)
			continue;
		queue->sent = state;
		queue->state_sent = true;
		queues->is_state = true;
		state.serial = ++queues->serial;
		(void)text_copy(queues->name, sizeof(queues->name), state.name);
		send(queues, &state, -1);
		return true;
	}
	return false;
}

/* Says what became of each printer as far as it is known. */
static void report_all(struct queues *queues)
{
	struct agent *agent = queues->agent;
	char text[MESSAGE_SIZE];
	bool busy = false;

	for (uint32_t i = 0; i < agent->offer_count; i++) {
		struct offered *o = &agent->offers[i];
		struct known_queue *queue = known_find(queues, o->printer.name), *taken;
		enum report_code conflict =
			reconcile_conflict(o, queues->known, queues->count, &taken);

		if (o->gone) {
			bool there = queue && queue->is.ours;

			busy |= there;
			offer_report(agent, o, there ? REPORT_REMOVING : REPORT_GONE,
				there ? "withdrawn; its jobs are still to be settled" : "");
		} else if (conflict == REPORT_NAME_TAKEN) {
			offer_report(agent, o, conflict,
				"a queue of this name was made by hand and is left alone");
		} else if (conflict == REPORT_DEVICE_TAKEN) {
			(void)text_printf(text, sizeof(text),
				"the queue %s was made by hand for the same device and is left "
				"alone",
				taken->is.name);
			offer_report(agent, o, conflict, text);
		} else if (queue && strcmp(queue->is.fingerprint, o->fingerprint) == 0) {
			offer_report(agent, o, REPORT_READY, "");
		}
	}
	for (size_t i = 0; i < queues->count; i++) {
		busy |= queues->known[i].busy;
		queues->known[i].busy = false;
	}
	if (busy)
		retry_later(queues, BUSY_USEC);
}

static void act(struct queues *queues)
{
	struct agent *agent = queues->agent;
	struct action action = reconcile_next(agent->offers, agent->offer_count,
		agent->offer_whole && channel_is_open(agent->channel), queues->known, queues->count,
		has_driver, queues);

	queues->action = action.kind;
	switch (action.kind) {
	case ACTION_PUT: put(queues, action.offered); return;
	case ACTION_DEFAULT: request(queues, QUEUES_DEFAULT, action.offered->printer.name); return;
	case ACTION_REMOVE: request(queues, QUEUES_REMOVE, action.queue->is.name); return;
	case ACTION_NONE: break;
	}
	if (!send_state(queues))
		report_all(queues);
}

static void next(struct queues *queues)
{
	if (!queues->worker || !queues->up || queues->waiting)
		return;
	queues->is_state = false;
	if (queues->look) {
		queues->look = false;
		queues->listing = true;
		for (size_t i = 0; i < queues->count; i++)
			queues->known[i].seen = false;
		request(queues, QUEUES_LIST, "");
		return;
	}
	act(queues);
}

static int on_defer(sd_event_source *source, void *userdata)
{
	struct queues *queues = userdata;

	(void)source;
	queues->defer = sd_event_source_unref(queues->defer);
	next(queues);
	return 0;
}

void queues_changed(struct queues *queues)
{
	if (!queues->defer)
		(void)sd_event_add_defer(queues->agent->event, &queues->defer, on_defer, queues);
}

void queues_look_again(struct queues *queues)
{
	queues->look = true;
	queues_changed(queues);
}

void queues_show_again(struct queues *queues, const char *name)
{
	struct known_queue *known = known_find(queues, name);

	if (known)
		known->state_sent = false;
	queues_changed(queues);
}

static void on_queue(struct queues *queues, const struct queues_queue *q)
{
	struct known_queue *known;

	if (!text_terminated(q->name, sizeof(q->name)) ||
		!text_terminated(q->device_uri, sizeof(q->device_uri)) ||
		!text_terminated(q->fingerprint, sizeof(q->fingerprint)))
		return;
	known = known_find(queues, q->name);
	if (!known)
		known = known_add(queues);
	if (!known)
		return;
	known->is = *q;
	known->seen = true;
}

static void listed(struct queues *queues)
{
	queues->listing = false;
	for (size_t i = 0; i < queues->count;) {
		if (queues->known[i].seen)
			i++;
		else
			queues->known[i] = queues->known[--queues->count];
	}
	agent_report_status(queues->agent);
}

static void failed(struct queues *queues, const struct queues_done *done)
{
	struct offered *o = offer_by_name(queues->agent, queues->name);
	struct known_queue *queue = known_find(queues, queues->name);
	struct log_about about = {.printer = queues->name};
	char text[MESSAGE_SIZE];

	if (queues->is_state) {
		if (queue)
			queue->state_sent = false;
		log_line(LOG_WARNING, &about, "its state could not be shown: %s", done->text);
	} else if (queues->action == ACTION_REMOVE && done->error == -EBUSY) {
		if (queue)
			queue->busy = true;
		return;
	} else if (queues->action == ACTION_PUT && o) {
		(void)text_printf(
			text, sizeof(text), "the queue could not be made: %.400s", done->text);
		o->driver_refused = done->error == -EINVAL;
		offer_report(queues->agent, o,
			o->driver_refused ? REPORT_DRIVER_REFUSED : REPORT_FAILED, text);
		if (o->driver_refused)
			return;
	} else {
		log_line(LOG_WARNING, &about, "a queue could not be changed: %s", done->text);
	}
	queues->waiting = UINT32_MAX; /* nothing goes on until the retry */
	retry_later(queues, RETRY_USEC);
}

static void succeeded(struct queues *queues)
{
	struct offered *o = offer_by_name(queues->agent, queues->name);
	struct known_queue *queue = known_find(queues, queues->name);

	if (queues->is_state)
		return;
	switch (queues->action) {
	case ACTION_PUT:
		if (!queue)
			queue = known_add(queues);
		if (!queue || !o)
			return;
		memcpy(queue->is.name, o->printer.name, sizeof(queue->is.name));
		memcpy(queue->is.fingerprint, o->fingerprint, sizeof(queue->is.fingerprint));
		queue->is.ours = true;
		queue->state_sent = false; /* a new driver clears it */
		return;
	case ACTION_REMOVE:
		if (queue)
			*queue = queues->known[--queues->count];
		return;
	case ACTION_DEFAULT:
		for (size_t i = 0; i < queues->count; i++)
			queues->known[i].is.is_default = &queues->known[i] == queue;
		return;
	case ACTION_NONE: return;
	}
}

static void on_done(struct queues *queues, const struct queues_done *done)
{
	if (!text_terminated(done->text, sizeof(done->text)) || done->serial != queues->waiting)
		return;
	queues->waiting = 0;
	(void)worker_deadline(queues->worker, 0);
	if (queues->listing && done->error == 0)
		listed(queues);
	else if (queues->listing)
		queues->listing = false, queues->look = true;
	else if (done->error < 0)
		failed(queues, done);
	else
		succeeded(queues);
	if (done->error == -ECONNREFUSED || done->error == -ECONNRESET) {
		queues->waiting = 0;
		queues->up = false; /* QUEUES_UP tells when it is back */
	}
	next(queues);
}

static void on_message(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct queues *queues = userdata;
	const struct queues_done *done = (const struct queues_done *)m;
	size_t expected = m->type == QUEUES_QUEUE ? sizeof(struct queues_queue) : sizeof(*done);

	(void)worker;
	(void)fd;
	if (m->size != expected)
		return;
	switch (m->type) {
	case QUEUES_QUEUE: on_queue(queues, (const struct queues_queue *)m); return;
	case QUEUES_DONE: on_done(queues, done); return;
	case QUEUES_UP:
	case QUEUES_DOWN:
		queues->up = m->type == QUEUES_UP;
		text_copy_line(
			queues->spooler, sizeof(queues->spooler), queues->up ? done->text : "");
		log_line(queues->up ? LOG_INFO : LOG_WARNING, NULL, "this machine's spooler %s: %s",
			queues->up ? "answers" : "does not answer", done->text);
		for (size_t i = 0; i < queues->count; i++)
			queues->known[i].state_sent = false;
		queues->look = true;
		agent_report_status(queues->agent);
		next(queues);
		return;
	default: return;
	}
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct queues *queues = userdata;

	(void)source;
	(void)usec;
	queues->restart = sd_event_source_unref(queues->restart);
	start(queues);
	return 0;
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct queues *queues = userdata;

	log_line(LOG_WARNING, NULL, "platen-queues ended (%s, status 0x%x), started again",
		timed_out ? "cupsd did not answer it" : "by itself", (unsigned)status);
	queues->worker = worker_free(worker);
	queues->waiting = 0;
	queues->up = queues->listing = false;
	(void)sd_event_add_time_relative(queues->agent->event, &queues->restart, CLOCK_MONOTONIC,
		RESTART_USEC, 0, on_restart, queues);
}

static void start(struct queues *queues)
{
	char program[AGENT_PATH_SIZE + 32];
	const char *argv[] = {program, queues->agent->config.cups_socket, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = queues,
	};
	struct queues_request watch = {.head = {.type = QUEUES_WATCH, .size = sizeof(watch)}};
	int r;

	(void)snprintf(
		program, sizeof(program), "%s/platen-queues", queues->agent->config.libexec_dir);
	r = worker_new(queues->agent->event, &setup, &queues->worker);
	if (r == 0)
		r = worker_send(queues->worker, &watch, -1);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot start %s: %s", program, strerror(-r));
		(void)sd_event_add_time_relative(queues->agent->event, &queues->restart,
			CLOCK_MONOTONIC, RESTART_USEC * 10, 0, on_restart, queues);
	}
	queues->look = true;
}

int queues_new(struct agent *agent, struct queues **ret_queues)
{
	struct queues *queues = calloc(1, sizeof(*queues));

	if (!queues)
		return -ENOMEM;
	queues->agent = agent;
	*ret_queues = queues;
	start(queues);
	return 0;
}

struct queues *queues_free(struct queues *queues)
{
	if (!queues)
		return NULL;
	queues->worker = worker_free(queues->worker);
	queues->restart = sd_event_source_disable_unref(queues->restart);
	queues->retry = sd_event_source_disable_unref(queues->retry);
	queues->defer = sd_event_source_disable_unref(queues->defer);
	free(queues->known);
	free(queues);
	return NULL;
}

void queues_status(struct queues *queues, struct message_guest_status *status)
{
	status->spooler_up = queues->up;
	for (size_t i = 0; i < queues->count; i++)
		status->queues += queues->known[i].is.ours;
	(void)text_copy(status->spooler, sizeof(status->spooler), queues->spooler);
}
