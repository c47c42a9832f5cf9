/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's domains as workspaces, through platen-virt.
 *
 * A libvirt call may block for good, so platen-virt is pinged, killed when it does not answer, and
 * started again with growing patience; a workspace's channel outlives it, for once open a channel
 * needs no libvirt. After a restart of the worker every domain is told again, and what is not told
 * by then is gone.
 */
#include "host/domains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/arrivals.h"
#include "host/restarts.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define PONG_USEC     20000000ULL /* a libvirt call that takes longer hangs */
#define RESTART_FIRST 500000ULL	  /* usec */
#define RESTART_MOST  30000000ULL /* usec */

struct request {
	TAILQ_ENTRY(request) link;
	uint32_t serial;
	domains_done_fn *done; /* NULL: abandoned */
	void *userdata;
	struct uuid uuid; /* of an open */
	bool open;
	int vsock; /* the connection whose CID is asked for, or -1 */
};

struct domains {
	struct host *host;
	struct worker *worker;
	sd_event_source *restart;
	uint32_t failures, serial;
	bool up, listed;
	char text[MESSAGE_SIZE];
	TAILQ_HEAD(, request) requests;
};

static void start(struct domains *domains);

bool domains_up(const struct domains *domains, const char **ret_text)
{
	*ret_text = domains->text;
	return domains->up;
}

static void finish(
	struct domains *domains, struct request *request, const struct virt_result *result, int *fd)
{
	struct workspace *ws;

	TAILQ_REMOVE(&domains->requests, request, link);
	if (request->open) {
		ws = workspace_find(domains->host, &request->uuid);
		if (ws)
			workspace_opened(ws, result->error, result->text, fd);
	} else if (request->vsock >= 0) {
		ws = result->error == 0 ? workspace_find(domains->host, &result->uuid) : NULL;
		if (ws)
			arrivals_add(ws, TRANSPORT_VSOCK, steal_fd(&request->vsock));
		else
			log_line(LOG_WARNING, NULL,
				"a vsock connection was refused: no running domain has its CID");
	} else if (request->done) {
		request->done(result, request->userdata);
	}
	request->vsock = close_fd(request->vsock);
	free(request);
}

/* All requests end without an answer. */
static void fail_all(struct domains *domains, int error, const char *text)
{
	struct virt_result result = {.error = error};
	struct request *request;
	int none = -1;

	text_copy_line(result.text, sizeof(result.text), text);
	while ((request = TAILQ_FIRST(&domains->requests)))
		finish(domains, request, &result, &none);
}

static void on_domain(struct domains *domains, const struct virt_domain *d)
{
	struct workspace *ws = workspace_find(domains->host, &d->uuid);
	struct log_about about = {.workspace = d->name};

	if (!text_terminated(d->name, sizeof(d->name)) || !text_is_line(d->name) || !d->name[0] ||
		!text_terminated(d->owner, sizeof(d->owner)))
		return;
	if (!d->devices && !d->later) { /* a domain without a Platen channel is no workspace */
		if (ws && ws->by_libvirt) {
			log_line(LOG_INFO, &about, "its channel was taken away");
			(void)workspace_free(ws);
		}
		return;
	}
	if (!ws) {
		if (workspace_new(domains->host, &d->uuid, &ws) < 0)
			return;
		log_line(LOG_INFO, &about, "found, %s", d->running ? "running" : "shut off");
	}
	workspace_domain(ws, d);
}

/* Takes the workspaces of domains away: one that is gone, or with NULL none. */
static void on_gone(struct domains *domains, const struct uuid *uuid)
{
	struct workspace *ws = workspace_find(domains->host, uuid);

	if (ws && ws->by_libvirt)
		(void)workspace_free(ws);
}

static void on_rebooted(struct domains *domains, const struct uuid *uuid)
{
	struct workspace *ws = workspace_find(domains->host, uuid);

	if (ws && ws->by_libvirt)
		restarts_rebooted(ws->restarts);
}

static void on_result(struct domains *domains, const struct virt_result *result, int *fd)
{
	struct request *request;

	if (!text_terminated(result->text, sizeof(result->text)))
		return;
	TAILQ_FOREACH(request, &domains->requests, link)
	if (request->serial == result->serial)
		break;
	if (request)
		finish(domains, request, result, fd);
}

static void on_text(struct domains *domains, const struct virt_text *t, bool up)
{
	if (!text_terminated(t->text, sizeof(t->text)))
		return;
	if (up != domains->up || strcmp(domains->text, t->text) != 0)
		log_event(LOG_ID_HOST_LIBVIRT, up ? LOG_INFO : LOG_WARNING, NULL, "libvirt %s: %s",
			up ? "answers" : "does not answer", t->text);
	domains->up = up;
	domains->failures = 0;
	text_copy_line(domains->text, sizeof(domains->text), t->text);
}

static void on_message(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct domains *domains = userdata;

	switch (m->type) {
	case VIRT_PONG: (void)worker_deadline(worker, 0); return;
	case VIRT_UP:
	case VIRT_DOWN:
		if (m->size == sizeof(struct virt_text))
			on_text(domains, (const struct virt_text *)m, m->type == VIRT_UP);
		return;
	case VIRT_DOMAIN:
		if (m->size == sizeof(struct virt_domain))
			on_domain(domains, (const struct virt_domain *)m);
		return;
	case VIRT_GONE:
		if (m->size == sizeof(struct virt_domain))
			on_gone(domains, &((const struct virt_domain *)m)->uuid);
		return;
	case VIRT_REBOOTED:
		if (m->size == sizeof(struct virt_domain))
			on_rebooted(domains, &((const struct virt_domain *)m)->uuid);
		return;
	case VIRT_RESULT:
		if (m->size == sizeof(struct virt_result))
			on_result(domains, (const struct virt_result *)m, fd);
		return;
	default: return; /* VIRT_LISTED: nothing waits for it */
	}
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct domains *domains = userdata;

	(void)source;
	(void)usec;
	domains->restart = sd_event_source_unref(domains->restart);
	start(domains);
	return 0;
}

static void restart_later(struct domains *domains)
{
	uint64_t wait = RESTART_FIRST << (domains->failures < 6 ? domains->failures : 6);
	uint64_t now;

	domains->failures++;
	if (domains->restart || sd_event_now(domains->host->event, CLOCK_MONOTONIC, &now) < 0)
		return;
	(void)sd_event_add_time(domains->host->event, &domains->restart, CLOCK_MONOTONIC,
		now + (wait < RESTART_MOST ? wait : RESTART_MOST), 100000, on_restart, domains);
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct domains *domains = userdata;
	char why[160];

	log_line(LOG_WARNING, NULL, "platen-virt, which asks libvirt, ended (%s); started again",
		worker_end_text(status, timed_out, why));
	domains->worker = worker_free(worker);
	domains->up = false;
	(void)text_printf(domains->text, sizeof(domains->text), "%s",
		timed_out ? "libvirt does not answer: `systemctl status libvirtd`"
			  : "platen-virt ended; it is being started again");
	fail_all(domains, -ENOTCONN, domains->text);
	restart_later(domains);
}

static void start(struct domains *domains)
{
	struct host *host = domains->host;
	char program[256];
	const char *argv[] = {
		host_program(host, "platen-virt", program), host->config.libvirt_uri, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = domains,
	};
	int r = worker_new(host->event, &setup, &domains->worker);

	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot start %s: %s", argv[0], strerror(-r));
		restart_later(domains);
	}
}

int domains_new(struct host *host, struct domains **ret_domains)
{
	struct domains *domains = calloc(1, sizeof(*domains));

	if (!domains)
		return -ENOMEM;
	domains->host = host;
	TAILQ_INIT(&domains->requests);
	(void)text_printf(domains->text, sizeof(domains->text), "%s",
		host->config.libvirt_uri[0] ? "not connected yet"
					    : "not used (libvirt-uri is empty)");
	if (host->config.libvirt_uri[0])
		start(domains);
	*ret_domains = domains;
	return 0;
}

struct domains *domains_free(struct domains *domains)
{
	if (!domains)
		return NULL;
	domains->worker = worker_free(domains->worker);
	domains->restart = sd_event_source_disable_unref(domains->restart);
	fail_all(domains, -ECANCELED, "platend is closing");
	free(domains);
	return NULL;
}

/* Notes and sends a request. 0 or -errno (nothing is noted then). */
static int request_send(
	struct domains *domains, struct ipc_head *msg, uint32_t *serial, const struct request *like)
{
	struct request *request;
	int r;

	if (!domains->worker)
		return -ENOTCONN;
	request = malloc(sizeof(*request));
	if (!request)
		return -ENOMEM;
	*request = *like;
	request->serial = *serial = ++domains->serial;
	r = worker_send(domains->worker, msg, -1);
	if (r < 0) {
		free(request);
		return r;
	}
	TAILQ_INSERT_TAIL(&domains->requests, request, link);
	return 0;
}

int domains_open(struct domains *domains, struct workspace *ws)
{
	struct virt_request m = {.head = {.type = VIRT_OPEN, .size = sizeof(m)}, .uuid = ws->uuid};
	struct request request = {.open = true, .uuid = ws->uuid, .vsock = -1};

	return request_send(domains, &m.head, &m.serial, &request);
}

void domains_vsock(struct domains *domains, uint32_t cid, int fd)
{
	struct virt_request m = {.head = {.type = VIRT_FIND_CID, .size = sizeof(m)}, .cid = cid};
	struct request request = {.vsock = fd};

	if (request_send(domains, &m.head, &m.serial, &request) < 0) {
		log_line(LOG_WARNING, NULL, "a vsock connection was refused: %s", domains->text);
		(void)close_fd(fd);
	}
}

int domains_request(struct domains *domains, struct ipc_head *msg, uint32_t *serial,
	domains_done_fn *done, void *userdata)
{
	struct request request = {.done = done, .userdata = userdata, .vsock = -1};

	return request_send(domains, msg, serial, &request);
}

void domains_abandon(struct domains *domains, void *userdata)
{
	struct request *request;

	TAILQ_FOREACH(request, &domains->requests, link)
	if (request->done && request->userdata == userdata)
		request->done = NULL;
}

void domains_tick(struct domains *domains)
{
	struct ipc_head ping = {.type = VIRT_PING, .size = sizeof(ping)};

	if (domains->worker && worker_send(domains->worker, &ping, -1) == 0)
		(void)worker_deadline(domains->worker, PONG_USEC);
}
