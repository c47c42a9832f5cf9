/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent put together: its parts are made in the order in which they need each other, and taken
 * down the other way round. Queues stay when it ends: people's printers do not vanish because a
 * daemon restarts.
 */
#include "guest/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "guest/job.h"
#include "proto/base/log.h"

static int set_up_events(struct agent *agent)
{
	sigset_t mask;
	int r;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	r = sd_event_default(&agent->event);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, &agent->term, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, &agent->interrupt, SIGINT, NULL, NULL);
	(void)sd_event_set_watchdog(agent->event, true);
	return r < 0 ? r : 0;
}

int agent_new(const struct agent_config *config, struct agent **ret_agent)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int r;

	if (!agent)
		return -ENOMEM;
	agent->config = *config;
	TAILQ_INIT(&agent->jobs);
	r = set_up_events(agent);
	if (r == 0)
		r = channel_new(agent, &agent->channel);
	if (r == 0)
		r = drivers_new(agent, &agent->drivers);
	if (r == 0)
		r = queues_new(agent, &agent->queues);
	if (r == 0)
		r = backends_new(agent, &agent->backends);
	if (r < 0) {
		(void)agent_free(agent);
		return r;
	}
	channel_start(agent->channel);
	*ret_agent = agent;
	return 0;
}

struct agent *agent_free(struct agent *agent)
{
	if (!agent)
		return NULL;
	agent->channel = channel_free(agent->channel);
	job_free_all(agent);
	agent->backends = backends_free(agent->backends);
	agent->queues = queues_free(agent->queues);
	agent->drivers = drivers_free(agent->drivers);
	offer_deinit(agent);
	agent->term = sd_event_source_disable_unref(agent->term);
	agent->interrupt = sd_event_source_disable_unref(agent->interrupt);
	agent->event = sd_event_unref(agent->event);
	free(agent);
	return NULL;
}

int agent_run(struct agent *agent)
{
	int r;

	(void)sd_notify(0, "READY=1");
	log_line(LOG_INFO, NULL, "ready");
	r = sd_event_loop(agent->event);
	(void)sd_notify(0, "STOPPING=1");
	return r < 0 ? r : 0;
}
