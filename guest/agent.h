/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-agent as a whole, and the few calls between its parts:
 *
 *   channel.c    the link to the host: its transport, its turns in the loop
 *   peer.c       the conversation over it: who gets which message
 *   offer.c      what the host says about printers, into printers.c
 *   kept.c       the same, over a restart of the agent
 *   printers.c   all that is known of printers and queues, by name
 *   reconcile.c  what is to be done about one of them (pure)
 *   queues.c     having it done (queues-ask.c, queues-answer.c); requests.c by platen-queues
 *   drivers.c    the drivers that this guest holds
 *   rendering.c  whether this guest renders by itself; packages.c what that needs
 *   backends.c   the spooler's backends at our socket
 *   jobs.c       their jobs, each a job.c, its document a transfer.c
 *   outcome.c    what the host's word about one means (pure)
 *   held.c       jobs of which nobody knows whether they were printed
 *   identity.c   which workspace this is, and whether it is a copy
 *   handed.c     what the host was given, and what it said
 *   ended.c      jobs that the spooler takes for printed, and nobody said so
 *   cancels.c    jobs that were cancelled while the host was away
 *   needs.c      what a restart is needed for
 *   system.c     what this system itself says about it
 *   respool.c    the restart of this spooler, when it is idle
 *   activity.c   what people do here
 *   processes.c  which of them are a session's own (pure, but for its reading /proc)
 *   asks.c       the question in their sessions, by platen-ask
 */
#ifndef PLATEN_AGENT_H
#define PLATEN_AGENT_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "guest/config.h"
#include "guest/printers.h"
#include "guest/reconcile.h"

struct activity;
struct asks;
struct backends;
struct cancels;
struct channel;
struct drivers;
struct ended;
struct handed;
struct held;
struct identity;
struct kept;
struct packages;
struct job;
struct needs;
struct queues;
struct respool;
struct system;

TAILQ_HEAD(job_list, job);

struct agent {
	sd_event *event;
	struct agent_config config;
	int lock; /* on the state folder */
	sd_event_source *term, *interrupt, *hup;
	struct agent_config next; /* what agent_run() is to return, with `renewed` */
	bool renewed;
	struct channel *channel;
	/* peer.c */
	bool open; /* WELCOME was received, nothing has ended it yet */
	enum presence presence;
	struct uuid ledger; /* the host's, see proto/message.h; null: it did not say */
	uint32_t quarrels;  /* sessions in a row that the host ended soon */
	uint64_t opened;    /* usec of CLOCK_MONOTONIC */
	sd_event_source *away, *again, *status;
	/* offer.c */
	struct printers printers;
	bool whole; /* OFFER_END was seen in this session */
	struct kept *kept;
	struct queues *queues;
	struct drivers *drivers;
	struct packages *packages;
	struct backends *backends;
	struct needs *needs;
	struct respool *respool;
	struct system *system;
	struct activity *activity;
	struct asks *asks;
	/* jobs.c */
	struct job_list jobs;
	struct cancels *cancels;
	struct held *held;
	struct identity *identity;
	struct handed *handed;
	struct ended *ended;
	sd_event_source *jobs_turn;
	uint32_t jobs_open, last_ref;
	uint32_t closing[JOBS_OPEN_MAX], closing_count; /* refs that could not be closed yet */
};

int agent_new(const struct agent_config *config, struct agent **ret_agent);
struct agent *agent_free(struct agent *agent);

/*
 * Runs until SIGTERM or SIGINT: 0; or -errno; or 1: by SIGHUP other settings were read, ret_next,
 * and the caller has an agent of these take its place. Settings that are wrong, or that say the
 * same, end nothing.
 */
int agent_run(struct agent *agent, struct agent_config *ret_next);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t agent_now(void);

#endif
