/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeds that are scripts of a daemon and the world around it: a day as it should go, and the
 * turns that it takes, so that a fuzzer begins where the deeper states are.
 */
#include <stdint.h>
#include <string.h>

#include "guest/ask/ask.h"
#include "guest/backend/backend.h"
#include "guest/install/install.h"
#include "guest/queues/queues.h"
#include "host/channel/channel.h"
#include "host/spool/spool.h"
#include "host/virt/virt.h"
#include "proto/base/fetch.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz-agent.h"
#include "tests/fuzz/fuzz-workers.h"
#include "tests/fuzz/seed-parts.h"

static uint8_t script[65536];
static size_t used;

static void step(uint8_t operation, uint8_t arg, const void *data, size_t size)
{
	script[used++] = operation;
	script[used++] = arg;
	script[used++] = (uint8_t)size;
	script[used++] = (uint8_t)(size >> 8);
	if (size)
		memcpy(script + used, data, size);
	used += size;
}

static void say(enum fuzz_worker who, uint32_t type, uint8_t how)
{
	uint8_t data[] = {(uint8_t)who, (uint8_t)(type >= 1000 ? type - 800 : type), how};

	step(WORKERS_SAY, 0, data, sizeof(data));
}

static void leave(enum fuzz_worker who, uint8_t status)
{
	uint8_t data[] = {(uint8_t)who, status};

	step(WORKERS_LEAVE, 0, data, sizeof(data));
}

/* Until a guest has its printers. */
static void begin(void)
{
	used = 0;
	say(WORKER_WATCH, SPOOL_UP, 0);
	say(WORKER_WATCH, SPOOL_PRINTER, 0);
	say(WORKER_FETCH, FETCH_RESULT, 0);
	leave(WORKER_FETCH, 0);
	say(WORKER_WATCH, SPOOL_LISTED, 0);
	step(WORKERS_TIME, 5, NULL, 0); /* others' drivers are waited for */
	step(WORKERS_CONNECT, 1, NULL, 0);
	say(WORKER_CHANNEL, CHANNEL_SYNCED, 0);
	say(WORKER_CHANNEL, MESSAGE_HELLO, 0);
	say(WORKER_SUBMIT, SUBMIT_READY, 0);
}

static void job(void)
{
	begin();
	say(WORKER_CHANNEL, MESSAGE_PRINTER_REPORT, 0);
	say(WORKER_CHANNEL, MESSAGE_JOB_OPEN, 0);
	say(WORKER_SUBMIT, SUBMIT_OPENED, 0);
	say(WORKER_SUBMIT, SUBMIT_OFFSET, 0);
	say(WORKER_CHANNEL, MESSAGE_JOB_SEAL, 0);
	say(WORKER_SUBMIT, SUBMIT_SEALED, 0);
	say(WORKER_SUBMIT, SUBMIT_RELEASED, 0);
}

static void workers(seed_save_fn *save)
{
	job();
	say(WORKER_WATCH, SPOOL_JOB, 0);
	say(WORKER_CHANNEL, MESSAGE_JOB_CLOSE, 0);
	say(WORKER_CHANNEL, MESSAGE_BYE, 0);
	leave(WORKER_CHANNEL, 0);
	save("workers", "printed", script, used);

	job();
	leave(WORKER_SUBMIT, 1);
	say(WORKER_CHANNEL, MESSAGE_JOB_CANCEL, 0);
	leave(WORKER_WATCH, 9);
	step(WORKERS_TIME, 8, NULL, 0);
	say(WORKER_WATCH, SPOOL_UP, 0);
	say(WORKER_WATCH, SPOOL_LISTED, 0);
	save("workers", "worker-dies", script, used);

	begin();
	say(WORKER_CHANNEL, MESSAGE_JOB_OPEN, 1);
	say(WORKER_CHANNEL, MESSAGE_JOB_OPEN, 0);
	say(WORKER_SUBMIT, SUBMIT_FAILED, 0);
	say(WORKER_CHANNEL, CHANNEL_LOST, 0);
	say(WORKER_CHANNEL, CHANNEL_SYNCED, 0);
	say(WORKER_CHANNEL, MESSAGE_HELLO, 1);
	step(WORKERS_CONNECT, 1, NULL, 0);
	save("workers", "begun-anew", script, used);

	begin();
	say(WORKER_CHANNEL, MESSAGE_GUEST_STATUS, 0);
	say(WORKER_CHANNEL, MESSAGE_DRIVER_GET, 0);
	say(WORKER_CHANNEL, MESSAGE_PACKAGE_GET, 0);
	say(WORKER_CHANNEL, MESSAGE_RESTART_NEED, 1);
	say(WORKER_CHANNEL, MESSAGE_ACTIVITY, 1);
	say(WORKER_CHANNEL, MESSAGE_RESTART_ANSWER, 1);
	step(WORKERS_TIME, 250, NULL, 0);
	step(WORKERS_MODE, 1, NULL, 0);
	step(WORKERS_MODE, 3, NULL, 0);
	say(WORKER_WATCH, SPOOL_PRINTER_GONE, 0);
	save("workers", "restart", script, used);

	begin();
	say(WORKER_VIRT, VIRT_UP, 0);
	say(WORKER_VIRT, VIRT_DOMAIN, 0);
	say(WORKER_VIRT, VIRT_LISTED, 0);
	step(WORKERS_CONNECT, 0, NULL, 0);
	for (uint8_t place = 0; place < 2; place++) { /* one of the two is the domain's */
		static const uint32_t said[] = {CHANNEL_SYNCED, MESSAGE_HELLO, MESSAGE_RESTART_NEED,
			MESSAGE_ACTIVITY, MESSAGE_RESTART_ANSWER, MESSAGE_ACTIVITY};

		for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
			uint8_t data[] = {WORKER_CHANNEL,
				(uint8_t)(said[i] >= 1000 ? said[i] - 800 : said[i]), 0,
				(uint8_t)offsetof(struct message, restart_need.level), 0, 1,
				LEVEL_WORKSPACE};

			step(WORKERS_SAY, place, data, said[i] == MESSAGE_RESTART_NEED ? 7 : 3);
			step(WORKERS_TIME, 2, NULL, 0);
		}
	}
	step(WORKERS_TIME, 60, NULL, 0);
	say(WORKER_VIRT, VIRT_RESULT, 0);
	step(WORKERS_TIME, 60, NULL, 0);
	save("workers", "domain-restarts", script, used);

	used = 0;
	say(WORKER_VIRT, VIRT_UP, 0);
	say(WORKER_VIRT, VIRT_DOMAIN, 0);
	say(WORKER_VIRT, VIRT_LISTED, 0);
	say(WORKER_VIRT, VIRT_RESULT, 2);
	say(WORKER_CHANNEL, CHANNEL_SYNCED, 0);
	say(WORKER_VIRT, VIRT_REBOOTED, 0);
	say(WORKER_VIRT, VIRT_PONG, 0);
	say(WORKER_VIRT, VIRT_GONE, 0);
	say(WORKER_VIRT, VIRT_DOWN, 0);
	leave(WORKER_VIRT, 9);
	step(WORKERS_TIME, 20, NULL, 0);
	save("workers", "libvirt", script, used);
}

static void host_says(enum message_type type, const void *patches, size_t size)
{
	uint8_t data[256] = {(uint8_t)type, 0};

	if (size)
		memcpy(data + 2, patches, size);
	step(AGENT_HOST_SAYS, 0, data, 2 + size);
}

static void agent_worker(enum agent_worker who, uint32_t type)
{
	uint8_t data[] = {(uint8_t)who, (uint8_t)type};

	step(AGENT_WORKER_SAYS, 0, data, sizeof(data));
}

/* Until the agent has a printer, and a queue for it. */
static void agent_begin(void)
{
	static const uint8_t one[] = {0, 0, 1, 1};

	used = 0;
	agent_worker(AGENT_QUEUES, QUEUES_UP);
	agent_worker(AGENT_QUEUES, QUEUES_DONE);
	host_says(MESSAGE_WELCOME, NULL, 0);
	host_says(MESSAGE_OFFER_BEGIN, one, sizeof(one));
	host_says(MESSAGE_PRINTER, NULL, 0);
	host_says(MESSAGE_OFFER_END, NULL, 0);
	host_says(MESSAGE_PRINTER_STATE, NULL, 0);
	step(AGENT_DRIVER_COMES, 0, NULL, 0);
	for (int i = 0; i < 4; i++) { /* what was asked of platen-queues is done */
		agent_worker(AGENT_QUEUES, QUEUES_DONE);
		step(AGENT_TIME, 1, NULL, 0);
	}
}

static void agent_jobs(seed_save_fn *save)
{
	static const uint8_t first[] = {0, 0, 1, 1};

	agent_begin();
	step(AGENT_JOB_COMES, 200, NULL, 0);
	host_says(MESSAGE_JOB_ACCEPT, first, sizeof(first));
	host_says(MESSAGE_JOB_CREDIT, first, sizeof(first));
	host_says(MESSAGE_JOB_STATE, first, sizeof(first));
	step(AGENT_BACKEND_LEAVES, 0, NULL, 0);
	host_says(MESSAGE_PRINTER_GONE, NULL, 0);
	step(AGENT_HOST_LEAVES, 1, NULL, 0);
	step(AGENT_TIME, 3, NULL, 0);
	save("agent", "printed", script, used);

	agent_begin();
	step(AGENT_JOB_COMES, 10, NULL, 0);
	step(AGENT_BACKEND_SAYS, 0, (uint32_t[]){BACKEND_CANCEL, 8}, 8);
	step(AGENT_JOB_COMES, 10, NULL, 0);
	step(AGENT_HOST_LEAVES, 0, NULL, 0);
	step(AGENT_TIME, 9, NULL, 0);
	step(AGENT_WORKER_LEAVES, 0, (uint8_t[]){AGENT_QUEUES, 1}, 2);
	step(AGENT_TIME, 9, NULL, 0);
	save("agent", "cancelled", script, used);
}

static void agent(seed_save_fn *save)
{
	agent_jobs(save);

	agent_begin();
	host_says(MESSAGE_ACTIVITY_GET, NULL, 0);
	host_says(MESSAGE_RESTART_ASK, NULL, 0);
	agent_worker(AGENT_ASK, ASK_PUT);
	agent_worker(AGENT_ASK, ASK_ANSWER);
	step(AGENT_PERSON_SAYS, 0, (uint32_t[]){ASK_ANSWER, 16, ANSWER_LATER, 60}, 16);
	host_says(MESSAGE_RESTART_ASK_END, NULL, 0);
	save("agent", "asked", script, used);

	agent_begin();
	agent_worker(AGENT_QUEUES, QUEUES_QUEUE);
	agent_worker(AGENT_QUEUES, QUEUES_DOWN);
	step(AGENT_BYTES_COME, 0, "not a driver", 12);
	step(AGENT_BYTES_COME, 1, "not a package", 13);
	agent_worker(AGENT_INSTALL, INSTALL_RESULT);
	step(AGENT_WORKER_LEAVES, 0, (uint8_t[]){AGENT_INSTALL, 0}, 2);
	host_says(MESSAGE_BYE, NULL, 0);
	save("agent", "drivers", script, used);

	agent_begin();
	step(AGENT_HOST_SAYS, 0, (uint8_t[]){MESSAGE_PRINTER, 1}, 2);
	step(AGENT_DRIVER_COMES, 0, NULL, 0);
	step(AGENT_PACKAGE_COMES, 0, NULL, 0);
	agent_worker(AGENT_INSTALL, INSTALL_RESULT);
	step(AGENT_WORKER_LEAVES, 0, (uint8_t[]){AGENT_INSTALL, 0}, 2);
	for (int i = 0; i < 4; i++)
		agent_worker(AGENT_QUEUES, QUEUES_DONE);
	step(AGENT_TIME, 12, NULL, 0);
	save("agent", "rendered-here", script, used);
}

/* What a device may say of itself, shown by a backend. */
static void report(seed_save_fn *save)
{
	static struct {
		struct backend_status first, second;
		char before[64];
	} r = {
		.first = {.progress = 50,
			.pages = 2,
			.text = "page 2 of 5: it's \\ \"fine\"",
			.reasons = "media-empty,toner-low-warning,paused,none",
			.marker_names = "\"Black\",\"Cy'an\\\",\"a,b\"",
			.marker_types = "toner,toner",
			.marker_colors = "#000000,#00FFFF",
			.marker_levels = "80,-1,20",
			.marker_low_levels = "10,10",
			.marker_high_levels = "100,100"},
		.second = {.progress = 100,
			.pages = 5,
			.text = "INFO: done",
			.reasons = "cover-open"},
		.before = "cover-open,offline-report",
	};

	save("report", "two", &r, sizeof(r));
}

void seed_script(seed_save_fn *save)
{
	report(save);
	workers(save);
	agent(save);
}
