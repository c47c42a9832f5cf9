/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend and its workers, any of which may have been taken over by what it parses: whatever they
 * say, in whatever order, at whatever time, platend stays, and what it passes on to a guest is
 * sound.
 *
 * The bytes are a script (fuzz-workers.h): messages as they should be with bytes changed, messages
 * of any bytes, endings, time that passes, channels that begin, modes that are set.
 */
#include "tests/fuzz/fuzz-workers.h"

#include "host/channel/channel.h"
#include "host/job.h"
#include "host/spool/spool.h"
#include "host/virt/virt.h"
#include "proto/message.h"
#include "tests/fuzz/actors.h"
#include "tests/fuzz/platend.h"
#include "tests/unit/sample.h"

/* Room for the largest message of any worker. */
union said {
	struct ipc_head head;
	struct message message;
	struct channel_text channel_text;
	struct spool_printer printer;
	struct spool_printer_gone gone;
	struct spool_job job;
	struct spool_text spool_text;
	struct submit_progress progress;
	struct submit_failed failed;
	struct fetch_result result;
	struct virt_domain domain;
	struct virt_result virt_result;
	struct virt_text virt_text;
};

static const char *const names[] = {[WORKER_CHANNEL] = "platen-channel",
	[WORKER_WATCH] = "platen-spool watch",
	[WORKER_SUBMIT] = "platen-spool submit",
	[WORKER_FETCH] = "platen-fetch",
	[WORKER_VIRT] = "platen-virt"};

/* To a guest goes only what the rules of the channel allow. */
static void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	char why[128];

	if (strcmp(worker->name, names[WORKER_CHANNEL]) == 0 && msg->type < MESSAGE_TYPE_COUNT)
		PROMISE(message_check((const struct message *)msg, msg->size, why) == 0);
}

static void text(char *buf, size_t size)
{
	(void)text_copy(buf, size, "a text");
}

static size_t spool_message(uint32_t type, union said *s)
{
	switch (type) {
	case SPOOL_PRINTER:
		s->printer.kind = PRINTER_NETWORK;
		s->printer.accepting = 1;
		s->printer.state = 3;
		(void)text_copy(s->printer.name, sizeof(s->printer.name), "laser");
		text(s->printer.info, sizeof(s->printer.info));
		return sizeof(s->printer);
	case SPOOL_PRINTER_GONE:
		(void)text_copy(s->gone.name, sizeof(s->gone.name), "laser");
		return sizeof(s->gone);
	case SPOOL_JOB:
		s->job.host_job = 7;
		s->job.state = 9;
		s->job.file = 1;
		memset(s->job.job.bytes, 0x0B, UUID_SIZE); /* as sample() has it */
		(void)uuid_parse(OFFICE, &s->job.workspace);
		(void)text_copy(s->job.printer, sizeof(s->job.printer), "laser");
		return sizeof(s->job);
	case SPOOL_UP:
	case SPOOL_DOWN:
	case SPOOL_EVENTS: text(s->spool_text.text, sizeof(s->spool_text.text)); break;
	case SUBMIT_OPENED:
	case SUBMIT_OFFSET:
	case SUBMIT_SEALED:
	case SUBMIT_RELEASED: s->progress.host_job = 7; return sizeof(s->progress);
	case SUBMIT_FAILED:
		s->failed.refusal = REFUSAL_FAILED;
		text(s->failed.text, sizeof(s->failed.text));
		return sizeof(s->failed);
	default: return sizeof(s->head);
	}
	return sizeof(s->spool_text);
}

static size_t virt_message(uint32_t type, const struct worker *worker, union said *s)
{
	switch (type) {
	case VIRT_DOMAIN:
	case VIRT_GONE:
	case VIRT_REBOOTED:
		(void)uuid_parse(DOMAIN, &s->domain.uuid);
		s->domain.running = 1;
		s->domain.devices = VIRT_DEVICE_VIRTIO;
		(void)text_copy(s->domain.name, sizeof(s->domain.name), "domain");
		return sizeof(s->domain);
	case VIRT_RESULT: s->virt_result.serial = worker->serial; return sizeof(s->virt_result);
	case VIRT_UP:
	case VIRT_DOWN: return sizeof(s->virt_text);
	default: return sizeof(s->head);
	}
}

/* A message as its worker should send it. Returns its size. */
static size_t right_message(enum fuzz_worker who, uint32_t type, bool largest,
	const struct worker *worker, union said *s)
{
	*s = (union said){0};
	s->head.type = type;
	switch (who) {
	case WORKER_CHANNEL:
		if (type == CHANNEL_SYNCED || type == CHANNEL_LOST)
			return sizeof(s->channel_text);
		if (type == 0 || type >= MESSAGE_TYPE_COUNT)
			return sizeof(s->head);
		sample(&s->message, type, largest);
		if (type == MESSAGE_JOB_OPEN) { /* of a printer that there is */
			s->message.job_open.printer = s->message.job_open.rendered = 0;
			s->message.job_open.size = 10;
		}
		return s->message.head.size;
	case WORKER_WATCH:
	case WORKER_SUBMIT: return spool_message(type, s);
	case WORKER_FETCH:
		s->result.code = FETCH_OK;
		s->result.provenance = FETCH_DEVICE;
		s->result.size = 100;
		return sizeof(s->result);
	case WORKER_VIRT: return virt_message(type, worker, s);
	}
	return sizeof(s->head);
}

/* data: who, type, how, patches. */
static void say(const uint8_t *data, size_t size, unsigned int place)
{
	static union said s;
	enum fuzz_worker who;
	struct worker *worker;
	uint32_t type;
	size_t n;

	if (size < 3)
		return;
	who = data[0] % (sizeof(names) / sizeof(names[0]));
	worker = worker_find(names[who], place);
	if (!worker)
		return;
	type = data[1] >= 200 ? 1000u + data[1] - 200 : data[1];
	n = right_message(who, type, data[2] & SAY_LARGEST, worker, &s);
	patch(&s, n, data + 3, size - 3);
	worker_say(worker, &s, n, data[2] & SAY_DESCRIPTOR);
}

static void say_raw(const uint8_t *data, size_t size, unsigned int place)
{
	struct worker *worker;

	if (size < 1 + sizeof(struct ipc_head) || size > IPC_SIZE_MAX)
		return;
	worker = worker_find(names[data[0] % (sizeof(names) / sizeof(names[0]))], place);
	if (worker)
		worker_say(worker, data + 1, size - 1, place & 1);
}

static void connect_guest(struct host *host, bool office)
{
	struct uuid uuid;
	struct workspace *ws;

	PROMISE(uuid_parse(office ? OFFICE : DOMAIN, &uuid) == 0);
	ws = workspace_find(host, &uuid);
	if (ws)
		(void)workspace_connect(ws, TRANSPORT_UNIX, memfd_create("guest", MFD_CLOEXEC));
}

static void act(struct host *host, uint8_t op, uint8_t arg, const uint8_t *data, size_t size)
{
	const char *name = size ? names[data[0] % (sizeof(names) / sizeof(names[0]))] : NULL;
	struct worker *worker = name ? worker_find(name, arg) : NULL;

	switch ((enum workers_operation)op) {
	case WORKERS_SAY: say(data, size, arg); break;
	case WORKERS_RAW: say_raw(data, size, arg); break;
	case WORKERS_LEAVE:
		if (worker)
			worker_leave(worker, size > 1 ? data[1] : 0);
		break;
	case WORKERS_FULL:
		if (worker)
			worker->full = true;
		break;
	case WORKERS_ROOM:
		if (worker)
			worker_room(worker);
		break;
	case WORKERS_TIME: clock_ahead += (uint64_t)arg * arg; break;
	case WORKERS_CONNECT: connect_guest(host, arg & 1); break;
	case WORKERS_MODE: (void)host_set_mode(host, (enum mode)(arg % 4)); break;
	}
}

static void look_at(struct host *host)
{
	struct job *job;
	unsigned int open = 0;

	TAILQ_FOREACH(job, &host->jobs, link)
	open += job->stage != JOB_ENDED;
	PROMISE(open <= 2 * JOBS_OPEN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host *host;

	host = platend_begin("fuzz-workers");
	while (size >= 4) { /* operation, argument, length (little-endian), that many bytes */
		size_t len = (size_t)data[2] | (size_t)data[3] << 8;

		len = len < size - 4 ? len : size - 4;
		act(host, data[0], data[1], data + 4, len);
		for (int i = 0; i < 4; i++)
			PROMISE(sd_event_run(host->event, 0) >= 0);
		look_at(host);
		data += 4 + len;
		size -= 4 + len;
	}
	platend_end(host);
	clock_ahead = 0;
	PROMISE(worker_count == 0);
	return 0;
}
