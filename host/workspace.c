/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace's identity and its channel.
 *
 * Who a workspace is comes from libvirt or the settings, never from the channel. Its channel is a
 * platen-channel of its own that is started with one descriptor and heard through fixed messages;
 * those are checked again here, for that process has read what a guest wrote.
 */
#include "host/workspace.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/arrivals.h"
#include "host/channel/channel.h"
#include "host/decide.h"
#include "host/domains.h"
#include "host/job.h"
#include "host/origin.h"
#include "host/restarts.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"
#include "proto/transport.h"

#define REOPEN_FIRST 200000ULL		 /* usec */
#define REOPEN_MOST  10000000ULL	 /* usec */
#define LISTENING    (EPOLLIN | EPOLLET) /* at the edge, see proto/base/worker.c */
#define CHANNEL_CPU  60000000ULL	 /* usec of processor time between two answers */
/* usec of it that are left when it is asked for one. A tick can take 30 s: there is a second time
 * to ask also when the first question, or its answer, found no room. */
#define CHANNEL_CPU_ASK (CHANNEL_CPU - 1000000)

int workspace_new(struct host *host, const struct uuid *uuid, struct workspace **ret_workspace)
{
	struct workspace *ws = calloc(1, sizeof(*ws));
	int r;

	if (!ws)
		return -ENOMEM;
	ws->host = host;
	ws->uuid = *uuid;
	r = restarts_new(ws, &ws->restarts);
	if (r < 0) {
		free(ws);
		return r;
	}
	ws->listener = ws->arrived = -1;
	quota_init(&ws->quota, &host->config);
	TAILQ_INSERT_TAIL(&host->workspaces, ws, link);
	*ret_workspace = ws;
	return 0;
}

struct workspace *workspace_free(struct workspace *ws)
{
	if (!ws)
		return NULL;
	job_workspace_lost(ws, true);
	ws->restarts = restarts_free(ws->restarts);
	arrivals_drop(ws);
	ws->channel = worker_free(ws->channel);
	ws->reopen = sd_event_source_disable_unref(ws->reopen);
	ws->listener_io = sd_event_source_disable_unref(ws->listener_io);
	ws->listener = close_fd(ws->listener);
	offer_deinit(ws);
	TAILQ_REMOVE(&ws->host->workspaces, ws, link);
	free(ws);
	return NULL;
}

struct workspace *workspace_find(struct host *host, const struct uuid *uuid)
{
	struct workspace *ws;

	TAILQ_FOREACH(ws, &host->workspaces, link)
	if (uuid_equal(&ws->uuid, uuid))
		return ws;
	return NULL;
}

struct workspace *workspace_named(struct host *host, const char *name)
{
	struct workspace *ws;
	struct uuid uuid;

	if (uuid_parse(name, &uuid) == 0)
		return workspace_find(host, &uuid);
	TAILQ_FOREACH(ws, &host->workspaces, link)
	if (strcmp(ws->name, name) == 0)
		return ws;
	return NULL;
}

enum mode workspace_mode(const struct workspace *ws)
{
	return ws->own_mode != MODE_UNSET ? ws->own_mode : ws->host->mode;
}

const char *workspace_owner(const struct workspace *ws, char buf[static USER_SIZE])
{
	if (ws->owner[0]) {
		(void)text_copy(buf, USER_SIZE, ws->owner);
		return buf;
	}
	(void)text_copy(buf, USER_SIZE, ws->name);
	for (char *c = buf; *c; c++)
		if (!isascii((unsigned char)*c) ||
			(!isalnum((unsigned char)*c) && !strchr("._-", *c)))
			*c = '_';
	if (!text_is_user(buf))
		(void)text_copy(buf, USER_SIZE, "platen");
	return buf;
}

const char *workspace_link_name(const struct workspace *ws)
{
	if (ws->greeted)
		return workspace_mode(ws) == MODE_OFF ? "off" : "connected";
	if (ws->by_libvirt && !ws->domain.running)
		return "down";
	if (ws->by_libvirt && !ws->domain.devices)
		return "no-channel";
	return "waiting";
}

int workspace_send(struct workspace *ws, const void *msg, int fd)
{
	return ws->channel ? worker_send(ws->channel, msg, fd) : -ENOTCONN;
}

/* The session is over, the channel may go on. */
static void session_lost(struct workspace *ws, const char *why)
{
	struct log_about about = {.workspace = ws->name};

	if (ws->greeted && quota_line(ws))
		log_event(LOG_ID_WORKSPACE_LOST, LOG_NOTICE, &about, "session over: %s", why);
	text_copy_line(ws->text, sizeof(ws->text), why);
	ws->synced = ws->greeted = false;
	ws->handing.count = 0;
	memset(&ws->guest, 0, sizeof(ws->guest));
	job_workspace_lost(ws, false);
	offer_deinit(ws);
	restarts_session(ws->restarts);
}

static void send_bye(struct workspace *ws, enum bye_code code, const char *text)
{
	struct message m;

	message_init(&m, MESSAGE_BYE);
	m.bye.code = code;
	text_copy_line(m.bye.text, sizeof(m.bye.text), text);
	(void)workspace_send(ws, &m, -1); /* it goes with or without the word */
}

static void on_hello(struct workspace *ws, const struct message_hello *hello)
{
	struct log_about about = {.workspace = ws->name};
	struct message m;
	char text[MESSAGE_SIZE];

	if (hello->version_min > PROTOCOL_VERSION_MAX ||
		hello->version_max < PROTOCOL_VERSION_MIN) {
		(void)text_printf(text, sizeof(text),
			"the agent (%s) speaks protocol %u to %u, this host %d to %d: "
			"install the same version of Platen on both",
			hello->agent, hello->version_min, hello->version_max, PROTOCOL_VERSION_MIN,
			PROTOCOL_VERSION_MAX);
		if (quota_line(ws))
			log_line(LOG_ERR, &about, "%s", text);
		send_bye(ws, BYE_VERSION, text);
		session_lost(ws, text);
		text_copy_line(ws->refusal, sizeof(ws->refusal), text);
		return;
	}
	message_init(&m, MESSAGE_WELCOME);
	m.welcome.version = hello->version_max < PROTOCOL_VERSION_MAX ? hello->version_max
								      : PROTOCOL_VERSION_MAX;
	m.welcome.keepalive_msec = ws->host->config.keepalive_msec;
	text_copy_line(m.welcome.host, sizeof(m.welcome.host), ws->host->name);
	text_copy_line(m.welcome.workspace, sizeof(m.welcome.workspace), ws->name);
	m.welcome.identity = ws->uuid;
	origin_name(ws->host->ledger, &ws->uuid, &m.welcome.ledger);
	(void)workspace_send(ws, &m, -1);
	text_copy_line(ws->agent, sizeof(ws->agent), hello->agent);
	ws->greeted = true;
	ws->version = m.welcome.version;
	ws->text[0] = ws->refusal[0] = '\0';
	ws->open_failures = 0;
	if (quota_line(ws))
		log_event(LOG_ID_WORKSPACE_CONNECTED, LOG_INFO, &about, "connected: %s", ws->agent);
	memcpy(ws->offer_held, hello->offer, SHA256_SIZE);
	offer_restart(ws);
	restarts_session(ws->restarts);
	decide_pump(ws);
}

/* The guest broke the protocol in a way that only we can see. It may begin a new session. */
static void violation(struct workspace *ws, const char *why)
{
	send_bye(ws, BYE_VIOLATION, why);
	session_lost(ws, why);
}

static void reopen_later(struct workspace *ws);

static void channel_lost(struct workspace *ws, const char *why)
{
	ws->transport = TRANSPORT_NONE;
	session_lost(ws, why);
	reopen_later(ws);
}

/* A platen-channel that sends what it should not is not believed any more. */
static void distrust(struct workspace *ws, const char *why)
{
	struct log_about about = {.workspace = ws->name};

	log_event(LOG_ID_WORKSPACE_VIOLATION, LOG_ERR, &about,
		"channel ended, it sent what it may not: %s", why);
	ws->channel = worker_free(ws->channel); /* without another word */
	channel_lost(ws, why);
}

static void on_channel_text(struct workspace *ws, const struct ipc_head *head)
{
	const struct channel_text *t = (const struct channel_text *)head;

	if (head->size != sizeof(*t) || !text_terminated(t->text, sizeof(t->text)))
		return distrust(ws, "a text of the wrong size");
	if (ws->synced || head->type == CHANNEL_LOST)
		session_lost(ws, head->type == CHANNEL_LOST ? t->text : "the guest began anew");
	ws->synced = head->type == CHANNEL_SYNCED;
}

static void on_get(struct workspace *ws, const uint8_t sha256[static SHA256_SIZE], bool is_package)
{
	if (!handing_asked(ws, sha256, is_package))
		distrust(ws, "more questions for drivers than it may have open");
}

static void on_channel_message(
	struct worker *worker, const struct ipc_head *head, int *fd, void *userdata)
{
	struct workspace *ws = userdata;
	const struct message *m = (const struct message *)head;
	char why[128];

	(void)fd;
	if (head->type == CHANNEL_SYNCED || head->type == CHANNEL_LOST)
		return on_channel_text(ws, head);
	if (head->type == CHANNEL_PONG && head->size == sizeof(*head))
		return worker_allow_cpu(worker, CHANNEL_CPU);
	if (message_check(m, head->size, why) < 0)
		return distrust(ws, why);
	if (head->type == MESSAGE_HELLO && ws->synced && !ws->greeted)
		return on_hello(ws, &m->hello);
	if (head->type == MESSAGE_BYE)
		return session_lost(ws, m->bye.text[0] ? m->bye.text : "the agent said goodbye");
	if (!ws->greeted)
		return; /* of a session that is over */
	switch (head->type) {
	case MESSAGE_PRINTER_REPORT: return offer_report(ws, &m->printer_report);
	case MESSAGE_DRIVER_GET: return on_get(ws, m->driver_get.driver, false);
	case MESSAGE_PACKAGE_GET: return on_get(ws, m->package_get.package, true);
	case MESSAGE_GUEST_STATUS: ws->guest = m->guest_status; return;
	case MESSAGE_RESTART_NEED: return restarts_need(ws->restarts, &m->restart_need);
	case MESSAGE_ACTIVITY: return restarts_activity(ws->restarts, &m->activity);
	case MESSAGE_RESTART_ANSWER: return restarts_answer(ws->restarts, &m->restart_answer);
	case MESSAGE_JOB_OPEN:
		if (m->job_open.printer >= ws->offer_count)
			return violation(ws, "JobOpen: a printer that was never offered");
		return job_open(ws, &m->job_open);
	case MESSAGE_JOB_SEAL: return job_seal(ws, &m->job_seal);
	case MESSAGE_JOB_CANCEL: return job_cancel(ws, m->job_cancel.ref);
	case MESSAGE_JOB_CLOSE: return job_close(ws, m->job_close.ref);
	default: return distrust(ws, message_name(head->type));
	}
}

static int on_reopen(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct workspace *ws = userdata;

	(void)source;
	(void)usec;
	ws->reopen = sd_event_source_unref(ws->reopen);
	workspace_domain(ws, &ws->domain);
	return 0;
}

/* Tries the domain's channel again after a while that grows. */
static void reopen_later(struct workspace *ws)
{
	uint64_t wait = REOPEN_FIRST << (ws->open_failures < 6 ? ws->open_failures : 6);
	uint64_t now;

	if (!ws->by_libvirt || ws->reopen || !ws->domain.running || ws->host->ending)
		return;
	ws->open_failures++;
	if (sd_event_now(ws->host->event, CLOCK_MONOTONIC, &now) < 0)
		return;
	(void)sd_event_add_time(ws->host->event, &ws->reopen, CLOCK_MONOTONIC,
		now + (wait < REOPEN_MOST ? wait : REOPEN_MOST), 100000, on_reopen, ws);
}

static void tell_end(const struct workspace *ws, int status, bool timed_out)
{
	struct log_about about = {.workspace = ws->name};
	char why[160];

	if (status != 0)
		log_line(LOG_ERR, &about, "platen-channel ended (%s)",
			worker_end_text(status, timed_out, why));
}

static void on_channel_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct workspace *ws = userdata;

	tell_end(ws, status, timed_out);
	ws->channel = worker_free(worker);
	channel_lost(ws, "the channel was closed by the other side");
}

static struct channel_limits limits_of(const struct workspace *ws, uint32_t type)
{
	return (struct channel_limits){
		.head = {.type = type, .size = sizeof(struct channel_limits)},
		.keepalive_msec = ws->host->config.keepalive_msec,
		.bytes_per_minute = ws->host->config.mib_per_minute * 1024ULL * 1024};
}

void workspace_limits(struct workspace *ws)
{
	struct channel_limits limits = limits_of(ws, CHANNEL_LIMITS);

	ws->limits_due = workspace_send(ws, &limits, -1) == -EAGAIN;
}

static void on_channel_room(struct worker *worker, void *userdata)
{
	struct workspace *ws = userdata;

	(void)worker;
	if (ws->limits_due)
		workspace_limits(ws);
	handing_pump(ws);
	offer_pump(ws);
	job_pump(ws);
	if (ws->decisions_due)
		decide_pump(ws);
}

int workspace_connect(struct workspace *ws, enum transport transport, int fd)
{
	_cleanup_close_ int owned = fd;
	struct channel_limits limits = limits_of(ws, CHANNEL_START);
	char program[256];
	const char *argv[] = {host_program(ws->host, "platen-channel", program), NULL};
	struct worker_setup setup = {
		.argv = argv,
		.user = host_worker_user(ws->host),
		.hidden = host_hidden(ws->host),
		.on_message = on_channel_message,
		.on_exit = on_channel_exit,
		.on_room = on_channel_room,
		.userdata = ws,
	};
	struct log_about about = {.workspace = ws->name};
	int status, r;

	if (ws->host->ending)
		return -ESHUTDOWN;
	if (!quota_connection(ws))
		return -EDQUOT; /* it tries again */
	if (ws->channel) {
		if (worker_has_ended(ws->channel, &status)) /* its guest was quicker */
			tell_end(ws, status, false);
		ws->channel = worker_free(ws->channel);
		session_lost(ws, "a new connection took its place");
	}
	r = worker_new(ws->host->event, &setup, &ws->channel);
	if (r < 0) {
		log_line(LOG_ERR, &about, "cannot start %s: %s", argv[0], strerror(-r));
		return r;
	}
	worker_allow_cpu(ws->channel, CHANNEL_CPU);
	ws->transport = transport;
	text_copy_line(ws->text, sizeof(ws->text),
		"waiting for the agent: is platen-agent installed and running in the workspace?");
	ws->limits_due = false;
	r = worker_send(ws->channel, &limits, owned);
	if (r < 0) /* it would wait for ever */
		ws->channel = worker_free(ws->channel);
	return r;
}

void workspace_not_connected(struct workspace *ws)
{
	if (!ws->channel)
		reopen_later(ws);
}

void workspace_tick(struct workspace *ws)
{
	struct ipc_head ping = {.type = CHANNEL_PING, .size = sizeof(ping)};

	/* One that sleeps has used nothing, and is let sleep. */
	if (ws->channel && worker_cpu_left(ws->channel) < CHANNEL_CPU_ASK)
		(void)workspace_send(ws, &ping, -1);
}

void workspace_disconnect(struct workspace *ws, const char *why)
{
	arrivals_drop(ws);
	if (!ws->channel)
		return;
	if (ws->greeted)
		send_bye(ws, BYE_CLOSING, why);
	ws->channel = worker_dismiss(ws->channel, &ws->host->left);
	channel_lost(ws, why);
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct workspace *ws = userdata;
	int connection = transport_unix_accept(fd);
	struct log_about about = {.workspace = ws->name};

	(void)revents;
	if (loop_accepted(source, connection))
		log_line(LOG_ERR, &about,
			"its connection cannot be taken: %s; tried again each second",
			strerror(-connection));
	(void)sd_event_source_set_io_events(source, LISTENING); /* there may be another */
	if (connection >= 0)
		arrivals_add(ws, TRANSPORT_UNIX, connection);
	return 0;
}

void workspace_adopt(
	struct workspace *ws, const struct config_workspace *was, const struct config_workspace *is)
{
	enum mode before = workspace_mode(ws);

	(void)text_copy(ws->name, sizeof(ws->name), is->name);
	(void)text_copy(ws->owner, sizeof(ws->owner), is->owner);
	if (!was || was->mode != is->mode)
		ws->own_mode = is->mode;
	if (!was || was->restart != is->restart)
		ws->own_restart = is->restart;
	if (before != workspace_mode(ws))
		offer_update(ws);
}

int workspace_listen(struct workspace *ws, const struct config_workspace *config)
{
	workspace_adopt(ws, NULL, config);
	ws->listener = transport_unix_listen(config->socket);
	if (ws->listener < 0)
		return ws->listener;
	return sd_event_add_io(
		ws->host->event, &ws->listener_io, ws->listener, LISTENING, on_listener, ws);
}

void workspace_opened(struct workspace *ws, int error, const char *text, int *fd)
{
	ws->opening = false;
	if (error == 0 && *fd >= 0 && !ws->channel && ws->arrived < 0) {
		arrivals_add(ws, TRANSPORT_VIRTIO, steal_fd(fd));
		return;
	}
	if (error == 0 && *fd >= 0) /* another was quicker */
		return;
	text_copy_line(ws->text, sizeof(ws->text),
		error == 0 ? "the host has no descriptor left for its channel" : text);
	reopen_later(ws);
}

void workspace_domain(struct workspace *ws, const struct virt_domain *domain)
{
	enum mode before = workspace_mode(ws);
	bool restarted = ws->domain.id != domain->id;
	bool started = ws->by_libvirt && domain->running && restarted;

	ws->by_libvirt = true;
	ws->domain = *domain;
	text_copy_line(ws->name, sizeof(ws->name), domain->name);
	text_copy_line(
		ws->owner, sizeof(ws->owner), text_is_user(domain->owner) ? domain->owner : "");
	ws->own_mode = domain->mode <= MODE_ALL ? (enum mode)domain->mode : MODE_UNSET;
	ws->own_restart = domain->restart < RESTART_POLICY_COUNT
				  ? (enum restart_policy)domain->restart
				  : RESTART_UNSET;
	if (!domain->running || restarted)
		workspace_disconnect(ws, "the workspace was shut down");
	if (restarted) {
		ws->open_failures = 0;
		ws->agent[0] = ws->refusal[0] = '\0';
	}
	if (started)
		restarts_rebooted(ws->restarts);
	if (before != workspace_mode(ws))
		offer_update(ws);
	restarts_look(ws->restarts);
	/* One that is paused hears nothing; one that comes by migration is not even here yet, and
	 * what was said to it now would be lost with its device's state. */
	if (!domain->running || domain->paused || !(domain->devices & VIRT_DEVICE_VIRTIO) ||
		ws->channel || ws->opening || ws->arrived >= 0 || ws->reopen || ws->host->ending)
		return;
	if (domains_open(ws->host->domains, ws) == 0)
		ws->opening = true;
	else
		reopen_later(ws);
}
