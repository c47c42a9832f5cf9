/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world around platend or the agent, played by a fuzzer: workers that are no processes and say
 * what a script has them say, and a clock that a script can turn on.
 *
 * These functions stand in for those of proto/base/worker.c and for the C library's clock, so that
 * all that is behind them is the production's.
 */
#ifndef PLATEN_TESTS_FUZZ_ACTORS_H
#define PLATEN_TESTS_FUZZ_ACTORS_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/worker.h"
#include "tests/fuzz/fuzz.h"

#ifndef WORKERS_MAX
#define WORKERS_MAX 128
#endif

struct worker {
	struct worker_setup setup;
	char name[64];	      /* of its program, and what it does: "platen-spool watch" */
	struct ipc_head last; /* what it was sent last, */
	uint32_t serial;      /* and the four bytes behind that head */
	bool calling, doomed, full;
	uint64_t deadline; /* usec, as it was set; 0: none */
};

static struct worker *workers[WORKERS_MAX];
static unsigned int worker_count, abandoned_count;
static bool workers_fail __attribute__((unused)); /* the machine has no more processes */
static uint64_t clock_ahead;			  /* seconds */
static uint64_t cpu_left;			  /* usec of processor time, of every worker */

/* The fuzzer's: judges what a worker is sent. */
static void look_at_sent(const struct worker *worker, const struct ipc_head *msg);

/* Of the clocks, those that the programs go by; the fuzzer's own is CLOCK_REALTIME. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret);

	if (r == 0 && id != CLOCK_REALTIME)
		ret->tv_sec += (time_t)clock_ahead;
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;

	(void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	now.tv_sec += (time_t)clock_ahead;
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int worker_new(sd_event *event, const struct worker_setup *setup, struct worker **ret_worker)
{
	const char *slash = strrchr(setup->argv[0], '/');
	struct worker *worker;

	(void)event;
	if (worker_count == WORKERS_MAX || workers_fail)
		return -EAGAIN;
	worker = calloc(1, sizeof(*worker));
	PROMISE(worker && slash);
	worker->setup = *setup;
	(void)snprintf(worker->name, sizeof(worker->name), "%s", slash + 1);
	if (setup->argv[1])
		(void)snprintf(
			worker->name, sizeof(worker->name), "%s %.40s", slash + 1, setup->argv[1]);
	workers[worker_count++] = worker;
	*ret_worker = worker;
	return 0;
}

struct worker *worker_free(struct worker *worker)
{
	for (unsigned int i = 0; worker && i < worker_count; i++)
		if (workers[i] == worker)
			workers[i] = workers[--worker_count];
	if (worker && worker->calling)
		worker->doomed = true;
	else
		free(worker);
	return NULL;
}

struct worker *worker_abandon(struct worker *worker)
{
	abandoned_count += worker != NULL;
	return worker_free(worker);
}

struct worker *worker_dismiss(struct worker *worker, unsigned int *left)
{
	(void)left; /* it has ended at once */
	return worker_free(worker);
}

bool worker_has_ended(const struct worker *worker, int *ret_status)
{
	(void)worker; /* its end is told at once */
	(void)ret_status;
	return false;
}

pid_t worker_pid(const struct worker *worker)
{
	(void)worker;
	return 1;
}

uint64_t worker_cpu_left(const struct worker *worker)
{
	(void)worker;
	return cpu_left;
}

void worker_allow_cpu(struct worker *worker, uint64_t usec)
{
	(void)worker;
	(void)usec;
}

const char *worker_end_text(int status, bool timed_out, char buf[static 160])
{
	(void)snprintf(buf, 160, "status %d%s", status, timed_out ? ", in time" : "");
	return buf;
}

int worker_send(struct worker *worker, const void *msg, int fd)
{
	const struct ipc_head *head = msg;

	(void)fd;
	PROMISE(head->size >= sizeof(*head) && head->size <= IPC_SIZE_MAX);
	if (worker->full)
		return -EAGAIN;
	look_at_sent(worker, head);
	worker->last = *head;
	if (head->size >= sizeof(*head) + sizeof(worker->serial))
		memcpy(&worker->serial, head + 1, sizeof(worker->serial));
	return 0;
}

int worker_deadline(struct worker *worker, uint64_t usec)
{
	worker->deadline = usec;
	return 0;
}

static void worker_called(struct worker *worker)
{
	worker->calling = false;
	if (worker->doomed)
		free(worker);
}

/* It says the message, of which only the size is known to be right, with a descriptor or none. */
static inline void worker_say(struct worker *worker, const void *bytes, size_t size, bool with_fd)
{
	struct ipc_head *msg = malloc(size); /* exactly so much: reading beyond it is seen */
	int fd = with_fd ? memfd_create("passed", MFD_CLOEXEC) : -1;

	PROMISE(msg && size >= sizeof(*msg));
	memcpy(msg, bytes, size);
	msg->size = (uint32_t)size;
	worker->calling = true;
	worker->setup.on_message(worker, msg, &fd, worker->setup.userdata);
	worker_called(worker);
	(void)close_fd(fd);
	free(msg);
}

static inline void worker_leave(struct worker *worker, int status)
{
	worker->calling = true;
	worker->setup.on_exit(worker, status << 8, status == 1, worker->setup.userdata);
	worker_called(worker);
}

static inline void worker_room(struct worker *worker)
{
	worker->full = false;
	worker->calling = true;
	if (worker->setup.on_room)
		worker->setup.on_room(worker, worker->setup.userdata);
	worker_called(worker);
}

/* The one at a place among those whose name begins so; NULL: there is none. */
static inline struct worker *worker_find(const char *name, unsigned int place)
{
	struct worker *found[WORKERS_MAX];
	unsigned int count = 0;

	for (unsigned int i = 0; i < worker_count; i++)
		if (strncmp(workers[i]->name, name, strlen(name)) == 0)
			found[count++] = workers[i];
	return count ? found[place % count] : NULL;
}

/* Changes `object`: each patch is a place (two bytes, little-endian), a length, and its bytes. */
static inline void patch(void *object, size_t object_size, const uint8_t *data, size_t size)
{
	while (object_size && size >= 3) {
		size_t at = ((size_t)data[0] | (size_t)data[1] << 8) % object_size, n = data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (n > object_size - at)
			n = object_size - at;
		memcpy((char *)object + at, data, n);
		data += n;
		size -= n;
	}
}

#endif
