/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-agent as a whole. Its parts:
 *   channel.c    the link to the host, its session, who gets which message
 *   offer.c      what the host offers now
 *   drivers.c    the drivers that this guest holds
 *   reconcile.c  which action brings the queues nearer to the offer (pure)
 *   queues.c     having platen-queues do it
 *   backends.c   the spooler's backends at our socket
 *   job.c        their documents on their way to the host
 */
#ifndef PLATEN_AGENT_H
#define PLATEN_AGENT_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "guest/config.h"
#include "guest/queues/queues.h"
#include "proto/base/list.h"
#include "proto/message.h"

struct channel;
struct queues;
struct backends;
struct drivers;
struct job;

/* A printer as the host offers it. */
struct offered {
	struct message_printer printer;
	struct message_printer_state state;
	bool has_state;
	bool gone;	     /* withdrawn; its queue may still have to go */
	uint32_t report;     /* the code that was reported last, 0: none */
	bool driver_refused; /* by the guest's cupsd: not tried again with this driver */
	char fingerprint[FINGERPRINT_SIZE];
};

TAILQ_HEAD(job_list, job);

struct agent {
	sd_event *event;
	struct agent_config config;
	struct channel *channel;
	struct queues *queues;
	struct backends *backends;
	struct drivers *drivers;
	/* The offer: kept over a lost session, so that the queues can say where the host is. */
	struct offered *offers;
	uint32_t offer_count, offer_size;
	bool offer_whole; /* OFFER_END was seen in this session, and nothing is half-told */
	struct job_list jobs;
	sd_event_source *term, *interrupt;
};

int agent_new(const struct agent_config *config, struct agent **ret_agent);
struct agent *agent_free(struct agent *agent);
int agent_run(struct agent *agent);

/* channel.c */
int channel_new(struct agent *agent, struct channel **ret_channel);
struct channel *channel_free(struct channel *channel);
/* Opens the transport, again and again until it is there. */
void channel_start(struct channel *channel);
bool channel_is_open(const struct channel *channel);
/* 0; -ENOTCONN, -ENOBUFS. Goes out with the next turn of the loop. */
int channel_send(struct channel *channel, const struct message *m);
/* Has documents sent as far as the channel takes them. */
void channel_kick(struct channel *channel);

/* offer.c: messages of the host's about printers. */
void offer_begin(struct agent *agent, const struct message_offer_begin *begin);
void offer_printer(struct agent *agent, const struct message_printer *printer);
void offer_gone(struct agent *agent, uint32_t index);
void offer_end(struct agent *agent);
void offer_state(struct agent *agent, const struct message_printer_state *state);
void offer_lost(struct agent *agent); /* the session is over */
struct offered *offer_by_index(struct agent *agent, uint32_t index);
struct offered *offer_by_name(struct agent *agent, const char *name);
void offer_report(
	struct agent *agent, struct offered *offered, enum report_code code, const char *text);
void offer_deinit(struct agent *agent);

/* drivers.c */
int drivers_new(struct agent *agent, struct drivers **ret_drivers);
struct drivers *drivers_free(struct drivers *drivers);
/* The held driver, as a descriptor the caller owns; -ENOENT (it is then asked for). */
int drivers_open(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE]);
void drivers_data(struct drivers *drivers, const struct message_driver_data *data);
void drivers_session_over(struct drivers *drivers);

/* queues.c */
int queues_new(struct agent *agent, struct queues **ret_queues);
struct queues *queues_free(struct queues *queues);
/* Something that queues are made of has changed: they are brought in line. */
void queues_changed(struct queues *queues);
/* The list of queues is to be read again: a job ended, an offer came. */
void queues_look_again(struct queues *queues);
/* A job of this queue ended, by which cupsd wipes its message and some of its reasons away. */
void queues_show_again(struct queues *queues, const char *name);
void queues_status(struct queues *queues, struct message_guest_status *status);

/* backends.c */
int backends_new(struct agent *agent, struct backends **ret_backends);
struct backends *backends_free(struct backends *backends);

/* channel.c, to the others: see job.h for jobs. */
void agent_report_status(struct agent *agent);

#endif
