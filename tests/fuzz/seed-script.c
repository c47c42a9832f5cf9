/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeds that are scripts of a daemon and the world around it: a day as it should go, and the
 * turns that it takes, so that a fuzzer begins where the deeper states are.
 */
#include <stdint.h>
#include <string.h>

#include "host/channel/channel.h"
#include "host/spool/spool.h"
#include "host/virt/virt.h"
#include "proto/base/fetch.h"
#include "proto/message.h"
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

	used = 0;
	say(WORKER_VIRT, VIRT_UP, 0);
	say(WORKER_VIRT, VIRT_DOMAIN, 0);
	say(WORKER_VIRT, VIRT_LISTED, 0);
	say(WORKER_VIRT, VIRT_RESULT, 2);
	say(WORKER_CHANNEL, CHANNEL_SYNCED, 0);
	say(WORKER_VIRT, VIRT_PONG, 0);
	say(WORKER_VIRT, VIRT_GONE, 0);
	say(WORKER_VIRT, VIRT_DOWN, 0);
	leave(WORKER_VIRT, 9);
	step(WORKERS_TIME, 20, NULL, 0);
	save("workers", "libvirt", script, used);
}

void seed_script(seed_save_fn *save)
{
	workers(save);
}
