/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: as many agents as one likes, in one process, for tests/bench/scale.
 *
 * Each speaks the channel's protocol by Platen's own link, at a unix socket of its own, and does
 * what an agent does that holds every driver and has every queue: it greets, takes the offer,
 * reports each printer as ready, follows changes, and prints when it is told to. Nothing here
 * measures: a line on standard output says when the last of all has done a thing, in seconds of
 * CLOCK_MONOTONIC, and whoever reads it does the sums.
 *
 * load COUNT PATTERN: PATTERN is the path of a socket with one %d. Commands, a line each on
 * standard input: `connect`, `change` (the next update of a printer counts), `print BYTES`, `end`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "proto/base/cleanup.h"
#include "proto/link.h"
#include "proto/transport.h"

#define EVENTS_MAX 256
#define RETRY_MSEC 10

struct agent {
	struct link *link;
	char path[108];
	uint32_t printers[OFFER_PRINTERS_MAX], count; /* indexes that were offered */
	bool is_offered, is_changed, is_printed, is_waiting;
	uint32_t events; /* epoll's, that are asked for */
};

struct load {
	struct agent *agents;
	uint32_t count, offered, changed, printed, aborted;
	uint64_t first; /* usec: no link wants to be called before by itself */
	int epoll;
	uint8_t *document;
	uint32_t document_size;
	uint8_t digest[DIGEST_SIZE];
	bool is_ended;
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void say(const char *what, uint32_t count)
{
	printf("%s %u %.6f\n", what, count, (double)now_usec() / 1e6);
	(void)fflush(stdout);
}

/* One more of all; the first and the last are told. */
static void tell(const struct load *load, const char *what, bool *is, uint32_t *done)
{
	if (*is)
		return;
	*is = true;
	(*done)++;
	if (*done == 1 || *done == load->count)
		say(what, *done);
}

static void greet(struct agent *agent)
{
	struct message m;

	message_init(&m, MESSAGE_HELLO);
	m.hello.version_min = PROTOCOL_VERSION_MIN;
	m.hello.version_max = PROTOCOL_VERSION_MAX;
	(void)snprintf(m.hello.agent, sizeof(m.hello.agent), "load");
	(void)link_send(agent->link, &m);
}

static void report(struct agent *agent, uint32_t index)
{
	struct message m;

	message_init(&m, MESSAGE_PRINTER_REPORT);
	m.printer_report.index = index;
	m.printer_report.code = REPORT_READY;
	(void)link_send(agent->link, &m);
}

static void print(struct load *load, struct agent *agent, uint32_t number)
{
	struct message m;

	message_init(&m, MESSAGE_JOB_OPEN);
	m.job_open.ref = 1;
	m.job_open.printer = agent->printers[number % agent->count];
	for (size_t i = 0; i < UUID_SIZE; i++)
		m.job_open.job.bytes[i] = (uint8_t)rand();
	m.job_open.file = m.job_open.copies = m.job_open.guest_job = 1;
	m.job_open.size = load->document_size;
	(void)snprintf(m.job_open.title, sizeof(m.job_open.title), "page of %u", number);
	(void)snprintf(m.job_open.user, sizeof(m.job_open.user), "person");
	(void)snprintf(m.job_open.format, sizeof(m.job_open.format), "application/pdf");
	(void)link_send(agent->link, &m);
}

static void send_document(struct load *load, struct agent *agent)
{
	struct message m;

	message_init(&m, MESSAGE_JOB_DATA);
	m.job_data.ref = 1;
	m.job_data.data = load->document;
	m.job_data.data_size = load->document_size;
	(void)link_send(agent->link, &m);
	message_init(&m, MESSAGE_JOB_SEAL);
	m.job_seal.ref = 1;
	m.job_seal.size = load->document_size;
	memcpy(m.job_seal.digest, load->digest, DIGEST_SIZE);
	(void)link_send(agent->link, &m);
}

static void on_job_state(struct load *load, struct agent *agent, const struct message *m)
{
	struct message close;

	if (m->job_state.phase == JOB_PHASE_REFUSED) {
		fprintf(stderr, "load: refused: %s\n", m->job_state.text);
		agent->is_waiting =
			true; /* as an agent does, at the host's next word: asked again */
	}
	if (!m->job_state.final)
		return;
	message_init(&close, MESSAGE_JOB_CLOSE);
	close.job_close.ref = 1;
	(void)link_send(agent->link, &close);
	if (m->job_state.phase != JOB_PHASE_COMPLETED)
		load->aborted++;
	tell(load, "printed", &agent->is_printed, &load->printed);
}

static void on_message(struct load *load, struct agent *agent, const struct message *m)
{
	switch (m->head.type) {
	case MESSAGE_WELCOME: link_keepalive(agent->link, m->welcome.keepalive_msec); return;
	case MESSAGE_PRINTER:
		if (agent->is_offered)
			return tell(load, "changed", &agent->is_changed, &load->changed);
		agent->printers[agent->count++ % OFFER_PRINTERS_MAX] = m->printer.index;
		return;
	case MESSAGE_OFFER_END:
		for (uint32_t i = 0; i < agent->count; i++)
			report(agent, agent->printers[i]);
		return tell(load, "connected", &agent->is_offered, &load->offered);
	case MESSAGE_JOB_ACCEPT: return send_document(load, agent);
	case MESSAGE_JOB_STATE: return on_job_state(load, agent, m);
	default: return;
	}
}

static void drive(struct load *load, struct agent *agent)
{
	struct message m;
	enum link_event event;
	int r;

	do {
		r = link_step(agent->link, now_usec());
		while ((event = link_next(agent->link, &m)) != LINK_NONE) {
			if (event == LINK_SYNCED)
				greet(agent);
			else if (event == LINK_MESSAGE)
				on_message(load, agent, &m);
			else
				fprintf(stderr, "load: lost: %s\n", link_reason(agent->link));
		}
	} while (r == 0 && link_again(agent->link));
	if (r < 0) {
		fprintf(stderr, "load: %s: %s\n", agent->path, strerror(-r));
		agent->link = link_free(agent->link); /* closes its descriptor */
		return;
	}
	if (link_deadline(agent->link) < load->first)
		load->first = link_deadline(agent->link);
	if ((uint32_t)link_events(agent->link) != agent->events) {
		struct epoll_event e = {.data.ptr = agent};

		e.events = agent->events = (uint32_t)link_events(agent->link);
		(void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, link_fd(agent->link), &e);
	}
}

static bool join(struct load *load, struct agent *agent)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = agent};
	int fd = transport_unix_connect(agent->path);

	if (fd < 0)
		return false;
	if (link_new(LINK_GUEST, fd, false, &agent->link) < 0) {
		(void)close(fd);
		return false;
	}
	agent->events = EPOLLIN;
	(void)epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &e);
	drive(load, agent);
	return true;
}

/* Each as soon as the host listens for it, as agents do that were there before the host. */
static void connect_all(struct load *load)
{
	for (uint32_t i = 0; i < load->count; i++)
		while (!load->agents[i].link && !join(load, &load->agents[i]))
			(void)usleep(RETRY_MSEC * 1000);
}

static void print_all(struct load *load, uint32_t size)
{
	XXH128_canonical_t digest;

	load->document_size = size < FRAME_DATA_MAX ? size : FRAME_DATA_MAX;
	load->document = calloc(1, FRAME_DATA_MAX);
	if (!load->document)
		abort();
	(void)snprintf((char *)load->document, FRAME_DATA_MAX, "%%PDF-1.4\n%%one page\n");
	XXH128_canonicalFromHash(&digest, XXH3_128bits(load->document, load->document_size));
	memcpy(load->digest, &digest, DIGEST_SIZE);
	say("submitted", load->count);
	for (uint32_t i = 0; i < load->count; i++) {
		if (load->agents[i].link && load->agents[i].count) {
			print(load, &load->agents[i], i);
			drive(load, &load->agents[i]);
		}
	}
}

static void on_command(struct load *load)
{
	char line[100];
	ssize_t n = read(0, line, sizeof(line) - 1);
	unsigned int size;

	line[n > 0 ? n : 0] = '\0';
	if (strncmp(line, "connect", 7) == 0) {
		connect_all(load);
	} else if (strncmp(line, "change", 6) == 0) {
		for (uint32_t i = 0; i < load->count; i++)
			load->agents[i].is_changed = false;
		load->changed = 0;
		say("ready", load->count);
	} else if (sscanf(line, "print %u", &size) == 1) {
		print_all(load, size);
	} else {
		load->is_ended = true;
	}
}

/* Milliseconds until the first link wants to be called, and calls those that are due. All are
 * looked at only then: it is to cost a load of many no more for each than one of few. */
static int keep_time(struct load *load)
{
	uint64_t now = now_usec();

	if (load->first <= now) {
		load->first = now + 1000000;
		for (uint32_t i = 0; i < load->count; i++) {
			struct agent *agent = &load->agents[i];

			if (agent->link && link_deadline(agent->link) <= now)
				drive(load, agent);
			if (agent->link && link_deadline(agent->link) < load->first)
				load->first = link_deadline(agent->link);
		}
	}
	return load->first > now ? (int)((load->first - now) / 1000) + 1 : 0;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX], input = {.events = EPOLLIN};
	struct rlimit files;
	struct load load = {.count = argc == 3 ? (uint32_t)atoi(argv[1]) : 0};
	const char *where = argc == 3 ? strstr(argv[2], "%d") : NULL;

	if (!where || !load.count || getrlimit(RLIMIT_NOFILE, &files) < 0) {
		fprintf(stderr, "Usage: load COUNT PATTERN (the path of a socket, with %%d)\n");
		return 2;
	}
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.agents = calloc(load.count, sizeof(*load.agents));
	if (load.epoll < 0 || !load.agents || epoll_ctl(load.epoll, EPOLL_CTL_ADD, 0, &input) < 0)
		return 1;
	for (uint32_t i = 0; i < load.count; i++)
		(void)snprintf(load.agents[i].path, sizeof(load.agents[i].path), "%.*s%u%s",
			(int)(where - argv[2]), argv[2], i, where + 2);
	while (!load.is_ended) {
		int n = epoll_wait(load.epoll, events, EVENTS_MAX, keep_time(&load));

		for (int i = 0; i < n; i++) {
			struct agent *agent = events[i].data.ptr;

			if (!agent)
				on_command(&load);
			else if (agent->link)
				drive(&load, agent);
		}
	}
	if (load.aborted)
		fprintf(stderr, "load: %u jobs did not print\n", load.aborted);
	return load.aborted ? 1 : 0;
}
