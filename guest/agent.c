/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent put together: its parts are made in the order in which they need each other, and taken
 * down the other way round. Queues stay when it ends: people's printers do not vanish because a
 * daemon restarts, and its backends wait for the next one.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "guest/activity.h"
#include "guest/asks.h"
#include "guest/backends.h"
#include "guest/cancels.h"
#include "guest/channel.h"
#include "guest/drivers.h"
#include "guest/ended.h"
#include "guest/handed.h"
#include "guest/held.h"
#include "guest/identity.h"
#include "guest/jobs.h"
#include "guest/kept.h"
#include "guest/packages.h"
#include "guest/needs.h"
#include "guest/offer.h"
#include "guest/queues.h"
#include "guest/peer.h"
#include "guest/respool.h"
#include "guest/system.h"
#include "guest/without.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"

uint64_t agent_now(void)
{
	return clock_usec();
}

/* Other settings are those of another agent: each part has its own from its beginning. */
static int on_hup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct agent *agent = userdata;
	char why[512];

	(void)source;
	(void)si;
	if (agent_config_read(agent->config.file, &agent->next, why) < 0) {
		log_event(LOG_ID_AGENT_SETTINGS, LOG_ERR, NULL,
			"the settings are wrong, those before stay in force: %s", why);
		return 0;
	}
	agent->renewed = memcmp(&agent->next, &agent->config, sizeof(agent->next)) != 0;
	log_event(LOG_ID_AGENT_SETTINGS, LOG_INFO, NULL, "settings read again, %s",
		agent->renewed ? "others are in force now" : "they are the same");
	return agent->renewed ? sd_event_exit(agent->event, 0) : 0;
}

static int set_up_events(struct agent *agent)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int r;

	r = loop_new(signals, 3, &agent->event);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, &agent->term, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, &agent->interrupt, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(agent->event, &agent->hup, SIGHUP, on_hup, agent);
	if (r < 0)
		log_line(LOG_ERR, NULL, "cannot make an event loop: %s", strerror(-r));
	return r < 0 ? r : 0;
}

/* One agent at a time: two would take each other's queues and backends. */
static int lock_state(struct agent *agent)
{
	const char *dir = agent->config.state_dir;
	int r = 0;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0) {
		agent->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (agent->lock < 0 || flock(agent->lock, LOCK_EX | LOCK_NB) < 0)
			r = -errno;
	}
	if (r == -EWOULDBLOCK)
		log_line(LOG_ERR, NULL, "another platen-agent runs with %s: end it first", dir);
	else if (r < 0)
		log_line(LOG_ERR, NULL, "%s cannot be used: %s", dir, strerror(-r));
	return r;
}

static int set_up_state(struct agent *agent)
{
	const char *dir = agent->config.state_dir;
	int r = lock_state(agent);

	if (r < 0)
		return r;
	r = drivers_new(dir, peer_ask_driver, agent, &agent->drivers);
	if (r == 0)
		r = packages_new(agent, &agent->packages);
	if (r == 0)
		r = cancels_new(dir, &agent->cancels);
	if (r == 0)
		r = identity_new(dir, &agent->identity);
	if (r == 0)
		r = handed_new(dir, &agent->handed);
	if (r < 0)
		log_line(LOG_ERR, NULL, "%s cannot be used: %s", dir, strerror(-r));
	return r;
}

int agent_new(const struct agent_config *config, struct agent **ret_agent)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int r;

	if (!agent)
		return -ENOMEM;
	agent->config = *config;
	agent->lock = -1;
	printers_init(&agent->printers);
	TAILQ_INIT(&agent->jobs);
	r = set_up_events(agent);
	if (r == 0)
		r = set_up_state(agent);
	if (r == 0)
		r = peer_init(agent);
	if (r == 0)
		r = jobs_init(agent);
	if (r == 0)
		r = held_new(agent, &agent->held);
	if (r == 0)
		r = ended_new(agent, &agent->ended);
	if (r == 0)
		r = queues_new(agent, &agent->queues);
	if (r == 0)
		r = backends_new(agent, &agent->backends);
	if (r == 0)
		r = asks_new(agent, &agent->asks);
	if (r == 0)
		r = activity_new(agent, &agent->activity);
	if (r == 0)
		r = respool_new(agent, &agent->respool);
	if (r == 0)
		r = needs_new(agent, &agent->needs);
	if (r == 0)
		r = system_new(agent, &agent->system);
	if (r == 0)
		r = offer_recall(agent); /* while platen-queues begins */
	if (r == 0)
		r = channel_new(agent, &agent->channel);
	if (r < 0) {
		(void)agent_free(agent);
		return r;
	}
	*ret_agent = agent;
	return 0;
}

struct agent *agent_free(struct agent *agent)
{
	if (!agent)
		return NULL;
	offer_keep(agent);
	agent->channel = channel_free(agent->channel);
	agent->kept = kept_free(agent->kept);
	agent->system = system_free(agent->system);
	agent->needs = needs_free(agent->needs);
	agent->respool = respool_free(agent->respool);
	agent->activity = activity_free(agent->activity);
	agent->asks = asks_free(agent->asks);
	jobs_deinit(agent);
	agent->backends = backends_free(agent->backends);
	agent->queues = queues_free(agent->queues);
	agent->ended = ended_free(agent->ended);
	agent->held = held_free(agent->held);
	peer_deinit(agent);
	agent->identity = identity_free(agent->identity);
	agent->handed = handed_free(agent->handed);
	agent->cancels = cancels_free(agent->cancels);
	agent->packages = packages_free(agent->packages);
	agent->drivers = drivers_free(agent->drivers);
	printers_deinit(&agent->printers);
	agent->term = sd_event_source_disable_unref(agent->term);
	agent->interrupt = sd_event_source_disable_unref(agent->interrupt);
	agent->hup = sd_event_source_disable_unref(agent->hup);
	agent->event = sd_event_unref(agent->event);
	agent->lock = close_fd(agent->lock);
	free(agent);
	return NULL;
}

int agent_run(struct agent *agent, struct agent_config *ret_next)
{
	int r;

	(void)sd_notify(0, "READY=1");
	log_journal();
	log_event(LOG_ID_AGENT_READY, LOG_INFO, NULL, "ready");
	without_say();
	r = sd_event_loop(agent->event);
	if (r >= 0 && agent->renewed) {
		(void)sd_notifyf(
			0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)agent_now());
		*ret_next = agent->next;
		return 1;
	}
	(void)sd_notify(0, "STOPPING=1");
	if (r < 0)
		log_line(LOG_ERR, NULL, "the event loop ended: %s", strerror(-r));
	return r < 0 ? r : 0;
}
