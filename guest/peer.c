/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with the host.
 *
 *   synced ─► HELLO ─► WELCOME ─► the offer, states, drivers, jobs ─► over ─► synced ─► …
 *
 * What it leaves behind is kept: printers stay known, jobs wait. Only when the host has been away
 * for a moment do the queues say so, for a host that restarts is back before anybody has looked,
 * and a thousand queues are not to be written twice for it.
 */
#include "guest/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "guest/activity.h"
#include "guest/asks.h"
#include "guest/channel.h"
#include "guest/drivers.h"
#include "guest/held.h"
#include "guest/identity.h"
#include "guest/jobs.h"
#include "guest/needs.h"
#include "guest/offer.h"
#include "guest/packages.h"
#include "guest/queues.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define START_USEC    5000000ULL  /* from our start until the host is called away */
#define AWAY_USEC     1000000ULL  /* the same from a session's end */
#define QUARREL_USEC  5000000ULL  /* after the host ended a session; doubles with each */
#define QUARREL_MOST  4		  /* doublings */
#define PEACE_USEC    60000000ULL /* a session that lasted so long was none */
#define STATUS_USEC   200000ULL
#define ACCURACY_USEC 50000ULL

static void presence_set(struct agent *agent, enum presence presence)
{
	if (agent->presence == presence)
		return;
	agent->presence = presence;
	printers_all_due(&agent->printers);
	queues_kick(agent->queues);
}

static int on_away(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	presence_set(userdata, PRESENCE_AWAY);
	return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)usec;
	channel_restart(agent->channel);
	return 0;
}

static void send_status(struct agent *agent)
{
	struct message m;

	message_init(&m, MESSAGE_GUEST_STATUS);
	queues_status(agent->queues, &m.guest_status);
	m.guest_status.jobs = jobs_count(agent);
	(void)peer_send(agent, &m); /* told anyway when a session begins */
}

static int on_status(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	send_status(userdata);
	return 0;
}

static void start_timer(sd_event_source *timer, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(timer, usec);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void stop_timer(sd_event_source *timer)
{
	(void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

int peer_init(struct agent *agent)
{
	sd_event *event = agent->event;
	uint64_t now = agent_now();
	int r = sd_event_add_time(event, &agent->away, CLOCK_MONOTONIC, now + START_USEC,
		ACCURACY_USEC, on_away, agent);

	if (r >= 0)
		r = sd_event_add_time(
			event, &agent->again, CLOCK_MONOTONIC, now, ACCURACY_USEC, on_again, agent);
	if (r >= 0)
		r = sd_event_add_time(event, &agent->status, CLOCK_MONOTONIC, now, ACCURACY_USEC,
			on_status, agent);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot make a timer: %s", strerror(-r));
		return r;
	}
	stop_timer(agent->again);
	stop_timer(agent->status);
	(void)sd_notify(0, "STATUS=Waiting for the host");
	return 0;
}

void peer_deinit(struct agent *agent)
{
	agent->away = sd_event_source_disable_unref(agent->away);
	agent->again = sd_event_source_disable_unref(agent->again);
	agent->status = sd_event_source_disable_unref(agent->status);
}

int peer_send(struct agent *agent, const struct message *m)
{
	return agent->open ? channel_send(agent->channel, m) : -ENOTCONN;
}

int peer_ask_driver(const uint8_t sha256[static SHA256_SIZE], void *userdata)
{
	struct message m;

	message_init(&m, MESSAGE_DRIVER_GET);
	memcpy(m.driver_get.driver, sha256, SHA256_SIZE);
	return peer_send(userdata, &m);
}

int peer_ask_package(struct agent *agent, const uint8_t sha256[static SHA256_SIZE])
{
	struct message m;

	message_init(&m, MESSAGE_PACKAGE_GET);
	memcpy(m.package_get.package, sha256, SHA256_SIZE);
	return peer_send(agent, &m);
}

void peer_status_changed(struct agent *agent)
{
	int enabled;

	if (agent->open && sd_event_source_get_enabled(agent->status, &enabled) == 0)
		start_timer(agent->status, STATUS_USEC);
}

int peer_report(struct agent *agent, struct printer *p, enum report_code code, const char *text)
{
	struct log_about about = {.printer = p->name};
	struct message m;
	int r;

	if (!p->told || (p->reported == (uint32_t)code && p->reported_whole == p->whole))
		return 0;
	message_init(&m, MESSAGE_PRINTER_REPORT);
	m.printer_report.index = p->offer->index;
	m.printer_report.code = code;
	m.printer_report.rendering =
		code == REPORT_READY && p->whole ? RENDERING_GUEST : RENDERING_HOST;
	text_copy_line(m.printer_report.text, sizeof(m.printer_report.text), text);
	r = peer_send(agent, &m);
	if (r < 0)
		return r;
	p->reported = code;
	p->reported_whole = p->whole;
	if (code == REPORT_READY && text[0])
		log_event(LOG_ID_PRINTER_READY, LOG_NOTICE, &about, "ready; %s", text);
	else if (code == REPORT_READY || code == REPORT_GONE)
		log_event(code == REPORT_GONE ? LOG_ID_PRINTER_GONE : LOG_ID_PRINTER_READY,
			LOG_INFO, &about,
			code == REPORT_GONE ? "removed"
			: p->whole	    ? "ready, rendered here"
					    : "ready");
	else
		log_event(LOG_ID_PRINTER_FAULT, LOG_WARNING, &about, "%s", text);
	return 0;
}

/* The machine's UUID as its firmware tells it: for people, the host knows better. */
static void read_machine(struct uuid *uuid)
{
	_cleanup_close_ int fd = open("/sys/class/dmi/id/product_uuid", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (n <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	(void)uuid_parse(text, uuid);
}

void peer_synced(struct agent *agent)
{
	struct message m;

	peer_over(agent, "the host began anew");
	stop_timer(agent->again);
	message_init(&m, MESSAGE_HELLO);
	m.hello.version_min = PROTOCOL_VERSION_MIN;
	m.hello.version_max = PROTOCOL_VERSION_MAX;
	(void)text_copy(m.hello.agent, sizeof(m.hello.agent), "platen-agent " PLATEN_VERSION);
	read_machine(&m.hello.machine);
	offer_held(agent, m.hello.offer);
	(void)channel_send(agent->channel, &m); /* it fails only with the session */
}

void peer_over(struct agent *agent, const char *why)
{
	if (!agent->open)
		return;
	log_event(LOG_ID_AGENT_LOST, LOG_NOTICE, NULL, "session over: %s", why);
	(void)sd_notifyf(0, "STATUS=Waiting for the host: %s", why);
	agent->open = agent->whole = false;
	if (agent_now() - agent->opened > PEACE_USEC)
		agent->quarrels = 0;
	presence_set(agent, PRESENCE_UNKNOWN);
	start_timer(agent->away, AWAY_USEC);
	stop_timer(agent->status);
	drivers_session_over(agent->drivers);
	packages_session_over(agent->packages);
	printers_session_over(&agent->printers);
	jobs_session_over(agent);
	held_session_over(agent->held);
	asks_session_over(agent->asks);
}

/* On a copy of another workspace's disk, what the spooler had then is that one's. */
static void learn_identity(struct agent *agent, const struct uuid *workspace)
{
	bool copied;
	int r = identity_learn(agent->identity, workspace, needs_boot(), &copied);

	if (r < 0)
		log_line(LOG_ERR, NULL, "which workspace this is cannot be written down: %s",
			strerror(-r));
	if (!copied)
		return;
	log_line(LOG_NOTICE, NULL,
		"this workspace is a copy of another one: jobs from before the copy are that "
		"one's, and are held here");
	jobs_forget_cancels(agent);
}

static void on_welcome(struct agent *agent, const struct message_welcome *w)
{
	log_event(LOG_ID_AGENT_CONNECTED, LOG_INFO, NULL, "connected to %s as workspace %s",
		w->host, w->workspace);
	(void)sd_notifyf(0, "STATUS=Connected to %s", w->host);
	agent->open = true;
	agent->ledger = w->ledger;
	agent->opened = agent_now();
	learn_identity(agent, &w->identity);
	channel_greeted(agent->channel, w->keepalive_msec);
	stop_timer(agent->away);
	presence_set(agent, PRESENCE_HERE);
	send_status(agent);
	needs_tell(agent->needs);
	activity_tell(agent->activity);
	jobs_kick(agent);
}

static void on_bye(struct agent *agent, const struct message_bye *bye)
{
	const char *text = bye->text[0] ? bye->text : "it did not say why";

	peer_over(agent, text);
	switch ((enum bye_code)bye->code) {
	case BYE_CLOSING: return; /* it comes back, and synchronises then */
	case BYE_VERSION:	  /* until one of us is another one */
		log_line(LOG_ERR, NULL, "the host does not understand this agent: %s", text);
		(void)sd_notifyf(0, "STATUS=The host does not understand this agent: %s", text);
		return;
	case BYE_VIOLATION:
	case BYE_OFF:
	case BYE_BUSY:
	case BYE_CODE_COUNT: break;
	}
	if (agent->quarrels == 0)
		log_line(LOG_ERR, NULL, "the host ended the session: %s", text);
	start_timer(agent->again, QUARREL_USEC << agent->quarrels);
	if (agent->quarrels < QUARREL_MOST)
		agent->quarrels++;
}

static void on_driver_data(struct agent *agent, const struct message_driver_data *data)
{
	char why[MESSAGE_SIZE];

	switch (drivers_take(agent->drivers, data, why)) {
	case DRIVERS_MORE: return;
	case DRIVERS_CAME: queues_driver_came(agent->queues, data->driver, NULL); return;
	case DRIVERS_FAILED: queues_driver_came(agent->queues, data->driver, why); return;
	}
}

void peer_message(struct agent *agent, const struct message *m)
{
	switch (m->head.type) {
	case MESSAGE_WELCOME: return on_welcome(agent, &m->welcome);
	case MESSAGE_BYE: return on_bye(agent, &m->bye);
	case MESSAGE_OFFER_BEGIN: return offer_begin(agent, &m->offer_begin);
	case MESSAGE_PRINTER: return offer_printer(agent, &m->printer);
	case MESSAGE_PRINTER_GONE: return offer_gone(agent, m->printer_gone.index);
	case MESSAGE_OFFER_END: return offer_end(agent);
	case MESSAGE_PRINTER_STATE: return offer_state(agent, &m->printer_state);
	case MESSAGE_DRIVER_DATA: return on_driver_data(agent, &m->driver_data);
	case MESSAGE_PACKAGE_DATA: return packages_take(agent->packages, &m->package_data);
	case MESSAGE_ACTIVITY_GET: return activity_tell(agent->activity);
	case MESSAGE_RESTART_ASK: return asks_put(agent->asks, &m->restart_ask);
	case MESSAGE_RESTART_ASK_END: return asks_end(agent->asks, &m->restart_ask_end);
	case MESSAGE_JOB_RELEASE: return held_release(agent->held, &m->job_release);
	case MESSAGE_JOB_ACCEPT:
	case MESSAGE_JOB_CREDIT:
	case MESSAGE_JOB_STATE: return jobs_message(agent, m);
	default: return; /* the link lets nothing else through */
	}
}
