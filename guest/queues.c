/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing this spooler's queues in line, one request at a time.
 *
 * platen-queues does what blocks. Here is what it is asked for next: the list of queues when that
 * may have changed, then whatever reconcile() says of the printers that are due. When a request is
 * done its printer is due again, and the decision is made anew from what is then so. A printer
 * that something is wrong with waits by itself, longer each time, and holds up no other.
 */
#include "guest/queues.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/default.h"
#include "guest/drivers.h"
#include "guest/ended.h"
#include "guest/held.h"
#include "guest/jobs.h"
#include "guest/rendering.h"
#include "guest/requests.h"
#include "guest/peer.h"
#include "guest/respool.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_FIRST   1000000ULL  /* usec; doubles with each failure in a row */
#define BUSY_USEC     2000000ULL  /* between two tries to remove a queue that has jobs */
#define BUSY_REST     30000000ULL /* the same after BUSY_OFTEN tries */
#define BUSY_OFTEN    30
#define RETRY_MOST    6		 /* doublings: a minute */
#define TAKEN_USEC    5000000ULL /* between two looks whether a queue made by hand has gone */
#define ACCURACY_USEC 100000ULL
#define DAY_USEC      86400000000ULL
#define QUEUE_PRINTS  4 /* printer-state "processing", RFC 8011 5.4.11 */

enum asked {
	ASKED_NOTHING = 0,
	ASKED_LIST,
	ASKED_PUT,
	ASKED_REMOVE,
	ASKED_SHOW,
	ASKED_DEFAULT,
	ASKED_JOB,
	ASKED_HELD,
	ASKED_PRINTING,
	ASKED_ENDED,
	ASKED_AGAIN,
};

struct queues {
	struct agent *agent;
	struct requests *requests;
	sd_event_source *retry, *turn;
	bool up;   /* this spooler answers */
	bool down; /* we were told that it does not */
	bool look; /* it is to be listed */
	bool check_default;
	bool ask_printing;	    /* whether any queue prints is to be asked for */
	bool printing;		    /* one that is not ours does */
	enum asked asked;	    /* the request under way */
	struct printer *about;	    /* whom it is about, pinned; NULL with LIST */
	uint32_t number;	    /* with JOB */
	uint32_t spoolers;	    /* found so far */
	uint64_t showing;	    /* digest of the state that is being set */
	uint64_t look_after;	    /* usec: a listing failed, not before then */
	uint64_t taken_look;	    /* usec: queues made by hand are looked at again; 0: none */
	uint64_t pruned;	    /* usec: unused drivers were last looked for */
	uint32_t listings;	    /* that failed, in a row */
	uint32_t count;		    /* queues of ours */
	char spooler[VERSION_SIZE]; /* "CUPS/2.4" */
	char trouble[MESSAGE_SIZE]; /* why it does not answer */
};

static uint64_t backoff(uint32_t failures)
{
	return RETRY_FIRST << (failures < RETRY_MOST ? failures : RETRY_MOST);
}

static struct circumstances circumstances_of(const struct queues *queues, const struct printer *p)
{
	const struct agent *agent = queues->agent;

	return (struct circumstances){
		.presence = agent->presence,
		.whole = agent->whole,
		.has_driver = p->offer && drivers_have(agent->drivers, printers_driver(p)),
		.taken = p->offered ? printers_on_device(&agent->printers, p->offer->device) : NULL,
	};
}

void queues_kick(struct queues *queues)
{
	if (queues)
		(void)sd_event_source_set_enabled(queues->turn, SD_EVENT_ONESHOT);
}

void queues_look_again(struct queues *queues)
{
	queues->look = true;
	queues_kick(queues);
}

static void arm_retry(struct queues *queues, uint64_t when)
{
	uint64_t armed;
	int enabled;

	if (sd_event_source_get_enabled(queues->retry, &enabled) > 0 &&
		sd_event_source_get_time(queues->retry, &armed) >= 0 && armed <= when)
		return;
	(void)sd_event_source_set_time(queues->retry, when);
	(void)sd_event_source_set_enabled(queues->retry, SD_EVENT_ONESHOT);
}

/* Nothing is tried with this printer for a while. */
static void put_off(struct queues *queues, struct printer *p)
{
	p->retry = agent_now() + backoff(p->failures++);
	arm_retry(queues, p->retry);
}

/* A queue that is to go still has jobs. Nobody tells when they end: somebody who settles them now
 * sees it go soon, and one that is left alone is hardly ever asked. */
static void put_off_removal(struct queues *queues, struct printer *p)
{
	p->busy = true;
	p->retry = agent_now() + (p->failures++ < BUSY_OFTEN ? BUSY_USEC : BUSY_REST);
	arm_retry(queues, p->retry);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct queues *queues = userdata;
	uint64_t now = agent_now(), first = UINT64_MAX;
	struct printer *p;

	(void)source;
	(void)usec;
	drivers_retry(queues->agent->drivers);
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (p->retry && p->retry <= now) {
			p->retry = 0;
			p->busy = false;
			printers_due(&queues->agent->printers, p);
		}
		if (p->retry && p->retry < first)
			first = p->retry;
	}
	if (queues->look_after > now && queues->look_after < first)
		first = queues->look_after;
	if (queues->taken_look && queues->taken_look <= now) {
		queues->taken_look = 0;
		queues->look = true;
	} else if (queues->taken_look && queues->taken_look < first) {
		first = queues->taken_look;
	}
	if (first != UINT64_MAX)
		arm_retry(queues, first);
	queues_kick(queues);
	return 0;
}

static void report(
	struct queues *queues, struct printer *p, enum report_code code, const char *text)
{
	if (peer_report(queues->agent, p, code, text) < 0 && p->told && queues->agent->open) {
		p->retry = agent_now() + RETRY_FIRST; /* the channel is full */
		arm_retry(queues, p->retry);
	}
}

static void report_down(struct queues *queues, struct printer *p)
{
	char text[MESSAGE_SIZE];

	(void)text_printf(text, sizeof(text), "the workspace's spooler does not answer: %.400s",
		queues->trouble);
	report(queues, p, REPORT_SPOOLER_DOWN, text);
}

void queues_due(struct queues *queues, struct printer *p)
{
	printers_due(&queues->agent->printers, p);
	if (queues->down && p->offered)
		report_down(queues, p);
	queues_kick(queues);
}

void queues_driver_came(
	struct queues *queues, const uint8_t sha256[static SHA256_SIZE], const char *why)
{
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (!p->offered || memcmp(printers_driver(p), sha256, SHA256_SIZE) != 0)
			continue;
		if (why) {
			report(queues, p, REPORT_FAILED, why);
			put_off(queues, p);
		} else {
			queues_due(queues, p);
		}
	}
}

void queues_job_ended(struct queues *queues, const char *printer)
{
	struct printer *p = printers_find(&queues->agent->printers, printer);

	if (!p)
		return;
	p->shown = 0; /* cupsd has wiped its message and some of its reasons away */
	if (p->busy) {
		p->busy = false;
		p->retry = 0;
		p->failures = 0;
	}
	queues_due(queues, p);
}

/* Sends a request; on_done() hears what came of it. */
static void send(
	struct queues *queues, enum asked asked, struct printer *about, void *request, int fd)
{
	queues->asked = asked;
	queues->about = about;
	if (about)
		about->pinned = true;
	requests_send(queues->requests, request, fd);
}

static void request(
	struct queues *queues, enum asked asked, enum queues_message type, struct printer *about)
{
	struct queues_request m = {.head = {.type = type, .size = sizeof(m)}};

	if (about)
		(void)text_copy(m.name, sizeof(m.name), about->name);
	send(queues, asked, about, &m, -1);
}

static void put(struct queues *queues, struct printer *p)
{
	const struct message_printer *offer = p->offer;
	struct queues_put m = {.head = {.type = QUEUES_PUT, .size = sizeof(m)},
		.accepting = offer->accepting,
		.defaults_size = offer->defaults_size};
	_cleanup_close_ int fd = drivers_open(queues->agent->drivers, printers_driver(p));

	if (fd < 0) {
		if (fd == -ENOENT) /* it was not what it seemed: asked for anew */
			printers_due(&queues->agent->printers, p);
		else
			put_off(queues, p);
		return;
	}
	memcpy(m.name, p->name, sizeof(m.name));
	memcpy(m.info, offer->info, sizeof(m.info));
	memcpy(m.location, offer->location, sizeof(m.location));
	memcpy(m.fingerprint, p->fingerprint, sizeof(m.fingerprint));
	memcpy(p->asked_of, p->fingerprint, sizeof(p->asked_of));
	memcpy(m.defaults, offer->defaults, sizeof(m.defaults));
	send(queues, ASKED_PUT, p, &m, fd);
}

static void show(struct queues *queues, struct printer *p, const struct circumstances *c)
{
	struct queues_state state;

	if (!reconcile_state(p, c, &state))
		return;
	queues->showing = reconcile_state_digest(&state);
	send(queues, ASKED_SHOW, p, &state, -1);
}

static const char *report_text(const struct printer *p, const struct circumstances *c,
	uint32_t code, char *buf, size_t size)
{
	switch (code) {
	case REPORT_NAME_TAKEN: return "a queue of this name was made by hand and is left alone";
	case REPORT_REMOVING: return "withdrawn; its jobs are still to be settled";
	case REPORT_DRIVER_REFUSED: return p->trouble;
	case REPORT_READY: return p->rendering_text;
	case REPORT_DEVICE_TAKEN:
		(void)text_printf(buf, size,
			"the queue %s was made by hand for the same device and is left alone",
			c->taken ? c->taken->name : "there");
		return buf;
	default: return "";
	}
}

/* Looks at one printer, and has done what is to be done about it. */
static void look_at(struct queues *queues, struct printer *p)
{
	struct circumstances c = circumstances_of(queues, p);
	struct decision d = reconcile(p, &c);
	char text[MESSAGE_SIZE];

	if (d.report)
		report(queues, p, d.report, report_text(p, &c, d.report, text, sizeof(text)));
	if (p->retry && !p->busy && (d.fetch || d.deed != DEED_NONE))
		return; /* its time comes */
	if (d.fetch)
		drivers_want(queues->agent->drivers, printers_driver(p));
	switch (d.deed) {
	case DEED_PUT: return put(queues, p);
	case DEED_REMOVE: return request(queues, ASKED_REMOVE, QUEUES_REMOVE, p);
	case DEED_SHOW:
		p->show_next = !p->show_next;
		if (!p->show_next)
			return show(queues, p, &c);
		/* First the others are reported and made: what a queue shows is not waited for. */
		return printers_due(&queues->agent->printers, p);
	case DEED_NONE: printers_tidy(&queues->agent->printers, p); return;
	}
}

/* Whether a default was asked for. */
static bool look_at_default(struct queues *queues)
{
	struct printer *p, *wanted = NULL, *current = NULL;
	char last[NAME_SIZE];

	queues->check_default = false;
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (p->offered && p->offer->is_default)
			wanted = p;
		if (p->is_default)
			current = p;
	}
	default_read(queues->agent->config.state_dir, last);
	if (!reconcile_default(wanted, current, last))
		return false;
	request(queues, ASKED_DEFAULT, QUEUES_DEFAULT, wanted);
	return true;
}

static bool is_used(const uint8_t sha256[static SHA256_SIZE], void *userdata)
{
	struct queues *queues = userdata;
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	if (p->offered && (memcmp(p->offer->driver, sha256, SHA256_SIZE) == 0 ||
				  memcmp(p->offer->whole, sha256, SHA256_SIZE) == 0))
		return true;
	return false;
}

/* A queue made by hand that is in the place of one of ours may be removed, of which nobody tells.
 */
static void look_at_taken(struct queues *queues, uint64_t now)
{
	struct printer *p;

	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		if (!p->offered ||
			(p->reported != REPORT_NAME_TAKEN && p->reported != REPORT_DEVICE_TAKEN))
			continue;
		if (!queues->taken_look)
			queues->taken_look = now + TAKEN_USEC;
		return arm_retry(queues, queues->taken_look);
	}
	queues->taken_look = 0;
}

/* All that is due was done. */
static void settled(struct queues *queues)
{
	uint64_t now = agent_now();

	look_at_taken(queues, now);
	if (!queues->agent->whole || (queues->pruned && now - queues->pruned < DAY_USEC))
		return;
	queues->pruned = now;
	drivers_prune(queues->agent->drivers, is_used, queues, time(NULL));
}

/* Whether a job was asked after whose backend has hung up. */
static bool look_at_job(struct queues *queues)
{
	struct queues_job m = {.head = {.type = QUEUES_JOB, .size = sizeof(m)}};

	m.number = jobs_in_doubt(queues->agent, &m.job);
	if (!m.number)
		return false;
	queues->number = m.number;
	send(queues, ASKED_JOB, NULL, &m, -1);
	return true;
}

/* Whether a held job was marked or released. */
static bool look_at_held(struct queues *queues)
{
	const struct held_deed *deed = held_next(queues->agent->held);
	struct queues_held m = {.head = {.type = QUEUES_HELD, .size = sizeof(m)}};

	if (!deed)
		return false;
	m.number = deed->number;
	m.ask = deed->ask;
	m.hold = deed->hold;
	m.job = deed->id.job;
	send(queues, ASKED_HELD, NULL, &m, -1);
	return true;
}

/* Whether a job was given back of which nobody here has said that it is done. */
static bool look_at_lost(struct queues *queues)
{
	struct queues_job m;

	if (!ended_next(queues->agent->ended, &m))
		return false;
	send(queues, ASKED_AGAIN, NULL, &m, -1);
	return true;
}

/* Whether it was asked which jobs are done. */
static bool look_at_ended(struct queues *queues)
{
	struct queues_ended m;

	if (!ended_ask(queues->agent->ended, &m))
		return false;
	send(queues, ASKED_ENDED, NULL, &m, -1);
	return true;
}

void queues_ask_printing(struct queues *queues)
{
	queues->ask_printing = true;
	queues_kick(queues);
}

/* Whether it was to be asked for what this spooler prints. */
static bool look_at_printing(struct queues *queues)
{
	if (!queues->ask_printing)
		return false;
	queues->ask_printing = queues->printing = false;
	request(queues, ASKED_PRINTING, QUEUES_LIST, NULL);
	return true;
}

static void next(struct queues *queues)
{
	struct printer *p;

	while (queues->up && requests_are_free(queues->requests)) {
		if (look_at_job(queues) || look_at_held(queues) || look_at_printing(queues) ||
			look_at_lost(queues))
			return;
		if (queues->look) {
			if (agent_now() < queues->look_after)
				return;
			queues->look = false;
			printers_list_begin(&queues->agent->printers);
			request(queues, ASKED_LIST, QUEUES_LIST, NULL);
			return;
		}
		if (queues->check_default && look_at_default(queues))
			return;
		p = printers_next_due(&queues->agent->printers);
		if (!p && look_at_ended(queues))
			return;
		if (!p)
			return settled(queues);
		look_at(queues, p);
	}
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	next(userdata);
	return 0;
}

static void listed(struct queues *queues, int error)
{
	struct printer *p;
	uint32_t count = 0;

	if (error < 0) {
		queues->look = true;
		queues->look_after = agent_now() + backoff(queues->listings++);
		arm_retry(queues, queues->look_after);
		return;
	}
	queues->listings = 0;
	printers_list_end(&queues->agent->printers);
	printers_all_due(&queues->agent->printers);
	queues->check_default = true;
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	count += p->queue == QUEUE_OURS;
	queues->count = count;
	peer_status_changed(queues->agent);
}

static void put_failed(struct queues *queues, struct printer *p, const struct queues_done *done)
{
	if (strcmp(p->asked_of, p->fingerprint) != 0)
		return; /* something else is wanted by now, and is asked for next */
	(void)text_printf(
		p->trouble, sizeof(p->trouble), "the queue could not be made: %.200s", done->text);
	if (done->error == -EINVAL && p->whole)
		return rendering_refused(queues->agent, p, p->trouble);
	p->refused = done->error == -EINVAL;
	if (!p->refused) {
		report(queues, p, REPORT_FAILED, p->trouble);
		put_off(queues, p);
	}
}

static void failed(
	struct queues *queues, enum asked asked, struct printer *p, const struct queues_done *done)
{
	struct log_about about = {.printer = p->name};

	if (done->error == -ECONNREFUSED || done->error == -ECONNRESET) {
		queues->up = false; /* QUEUES_UP tells when it is back, and lists anew */
		return;
	}
	if (done->error == -EPERM || done->error == -ENOENT)
		queues_look_again(queues); /* a person was there */
	if (asked == ASKED_REMOVE && done->error == -EBUSY) {
		put_off_removal(queues, p);
		return;
	}
	if (asked == ASKED_PUT)
		return put_failed(queues, p, done);
	if (p->failures == 0)
		log_line(LOG_WARNING, &about, "its queue could not be %s: %s",
			asked == ASKED_REMOVE	 ? "removed"
			: asked == ASKED_DEFAULT ? "made the default"
						 : "shown as it is",
			done->text);
	put_off(queues, p);
}

static void succeeded(struct queues *queues, enum asked asked, struct printer *p)
{
	struct printer *other;

	if (!p->busy || asked != ASKED_SHOW) { /* its removal goes on waiting */
		p->failures = 0;
		p->retry = 0;
	}
	switch (asked) {
	case ASKED_PUT:
		queues->count += p->queue != QUEUE_OURS;
		p->queue = QUEUE_OURS;
		memcpy(p->made_of, p->asked_of, sizeof(p->made_of));
		p->shown = 0; /* a new driver clears it */
		queues->check_default |= p->offered && p->offer->is_default;
		break;
	case ASKED_REMOVE:
		queues->count -= p->queue == QUEUE_OURS;
		p->queue = QUEUE_NONE;
		p->is_default = p->busy = false;
		p->shown = 0;
		memset(p->made_of, 0, sizeof(p->made_of));
		queues->check_default = true;
		break;
	case ASKED_SHOW: p->shown = queues->showing; break;
	case ASKED_DEFAULT:
		TAILQ_FOREACH(other, &queues->agent->printers.all, link)
		other->is_default = other == p;
		default_write(queues->agent->config.state_dir, p->name);
		break;
	case ASKED_NOTHING:
	case ASKED_JOB:
	case ASKED_HELD:
	case ASKED_PRINTING:
	case ASKED_ENDED:
	case ASKED_AGAIN:
	case ASKED_LIST: break;
	}
	if (asked != ASKED_SHOW)
		peer_status_changed(queues->agent);
}

static void on_done(const struct queues_done *done, void *userdata)
{
	struct queues *queues = userdata;
	enum asked asked = queues->asked;
	struct printer *p = queues->about;

	queues->asked = ASKED_NOTHING;
	queues->about = NULL;
	if (asked == ASKED_JOB) {
		jobs_doubt_settled(queues->agent, queues->number, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_HELD) {
		held_done(queues->agent->held, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_ENDED) {
		ended_told(queues->agent->ended, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_AGAIN) {
		ended_done(queues->agent->ended, done ? done->error : -ECONNRESET);
	} else if (asked == ASKED_PRINTING) {
		if (done && done->error == 0)
			respool_printing(queues->agent->respool, queues->printing);
	} else if (!p) {
		listed(queues, done ? done->error : -ECONNRESET);
	} else {
		p->pinned = false;
		printers_due(&queues->agent->printers, p);
		if (!done) /* maybe it was because of this one */
			put_off(queues, p);
		else if (done->error < 0)
			failed(queues, asked, p, done);
		else
			succeeded(queues, asked, p);
	}
	if (!done)
		queues->up = false; /* the next worker tells */
	next(queues);
}

static void on_queue(const struct queues_queue *queue, void *userdata)
{
	struct queues *queues = userdata;

	if (queues->asked == ASKED_LIST)
		(void)printers_list_queue(&queues->agent->printers, queue);
	else if (queues->asked == ASKED_PRINTING && !queue->ours)
		queues->printing |= queue->state == QUEUE_PRINTS;
}

static void on_ended(const struct queues_ended *job, void *userdata)
{
	struct queues *queues = userdata;

	if (queues->asked == ASKED_ENDED)
		ended_job(queues->agent->ended, job);
}

static void on_spooler(bool up, const char *text, void *userdata)
{
	struct queues *queues = userdata;
	struct printer *p;

	if (!up && queues->down)
		return;
	queues->up = up;
	queues->down = !up;
	queues->spoolers += up;
	queues->look = true;
	queues->look_after = 0;
	if (up)
		ended_spooler_up(queues->agent->ended);
	text_copy_line(queues->spooler, sizeof(queues->spooler), up ? text : "");
	text_copy_line(queues->trouble, sizeof(queues->trouble), up ? "" : text);
	log_event(LOG_ID_AGENT_SPOOLER, up ? LOG_INFO : LOG_WARNING, NULL,
		"this workspace's spooler %s: %s", up ? "answers" : "does not answer", text);
	TAILQ_FOREACH(p, &queues->agent->printers.all, link)
	{
		p->shown = 0; /* it may have forgotten what it showed */
		if (!up && p->offered)
			report_down(queues, p);
	}
	peer_status_changed(queues->agent);
	next(queues);
}

int queues_new(struct agent *agent, struct queues **ret_queues)
{
	struct queues *queues = calloc(1, sizeof(*queues));
	struct requests_setup setup = {
		.libexec_dir = agent->config.libexec_dir,
		.cups_socket = agent->config.cups_socket,
		.on_queue = on_queue,
		.on_ended = on_ended,
		.on_done = on_done,
		.on_spooler = on_spooler,
		.userdata = queues,
	};
	sd_event *event = agent->event;
	int r;

	if (!queues)
		return -ENOMEM;
	queues->agent = agent;
	r = sd_event_add_defer(event, &queues->turn, on_turn, queues);
	if (r >= 0)
		r = sd_event_source_set_enabled(queues->turn, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(
			event, &queues->retry, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_retry, queues);
	if (r >= 0)
		r = sd_event_source_set_enabled(queues->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = requests_new(event, &setup, &queues->requests);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot look after queues: %s", strerror(-r));
		(void)queues_free(queues);
		return r;
	}
	*ret_queues = queues;
	return 0;
}

struct queues *queues_free(struct queues *queues)
{
	if (!queues)
		return NULL;
	queues->requests = requests_free(queues->requests);
	queues->retry = sd_event_source_disable_unref(queues->retry);
	queues->turn = sd_event_source_disable_unref(queues->turn);
	free(queues);
	return NULL;
}

uint32_t queues_spoolers(const struct queues *queues)
{
	return queues->spoolers;
}

void queues_status(const struct queues *queues, struct message_guest_status *ret_status)
{
	ret_status->spooler_up = queues->up;
	ret_status->queues = queues->count;
	(void)text_copy(ret_status->spooler, sizeof(ret_status->spooler), queues->spooler);
}
