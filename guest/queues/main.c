/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-queues: makes and removes Platen's queues in the guest's spooler, for platen-agent.
 *
 * It serves one request at a time from descriptor 3, in order. Between requests it does what had to
 * wait (mirror.h), and keeps an eye on cupsd (watch.h), so that the agent hears when the spooler
 * goes and comes. It may stall in libcups; the agent's deadline is what ends that.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "guest/queues/history.h"
#include "guest/queues/mirror.h"
#include "guest/queues/queue.h"
#include "guest/queues/watch.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define MEMORY_MAX (256UL * 1024 * 1024) /* bytes of address space */
#define FILES_MAX  64

struct server {
	struct cupsd cupsd;
	struct mirror mirror;
	struct watch watch;
	struct history history;
};

static void done_put(
	struct server *server, uint32_t serial, const char *name, int error, uint32_t made)
{
	struct queues_done m = {.head = {.type = QUEUES_DONE, .size = sizeof(m)},
		.serial = serial,
		.error = error,
		.made = made};

	(void)text_copy(m.name, sizeof(m.name), name);
	if (error < 0)
		(void)text_copy(m.text, sizeof(m.text), server->cupsd.text);
	(void)ipc_send(IPC_FD, &m, -1);
}

static void done(struct server *server, uint32_t serial, const char *name, int error)
{
	done_put(server, serial, name, error, 0);
}

static void look_at_spooler(struct server *server)
{
	struct queues_done m = {.head = {.size = sizeof(m)}};

	switch (watch_turn(&server->watch)) {
	case WATCH_NOTHING: return;
	case WATCH_UP:
		m.head.type = QUEUES_UP;
		(void)text_copy(m.text, sizeof(m.text), server->cupsd.server);
		mirror_reset(&server->mirror);
		break;
	case WATCH_DOWN:
		m.head.type = QUEUES_DOWN;
		(void)text_copy(m.text, sizeof(m.text), server->cupsd.text);
		break;
	}
	(void)ipc_send(IPC_FD, &m, -1);
}

static void on_queue(const struct queues_queue *queue, void *userdata)
{
	(void)userdata;
	(void)ipc_send(IPC_FD, queue, -1);
}

static void on_job_ended(const struct queues_ended *job, void *userdata)
{
	(void)userdata;
	(void)ipc_send(IPC_FD, job, -1);
}

static int refuse(struct server *server, const char *what)
{
	(void)text_printf(
		server->cupsd.text, sizeof(server->cupsd.text), "%s: not asked for", what);
	return -EINVAL;
}

static int on_request(struct server *server, const struct queues_request *request)
{
	const char *name = request->name;

	switch (request->head.type) {
	case QUEUES_LIST: return queue_list(&server->cupsd, on_queue, NULL);
	case QUEUES_WATCH: server->watch.on = true; return 0;
	case QUEUES_PING: return 0;
	default: break;
	}
	if (!text_is_queue(name))
		return refuse(server, "this is no name of a queue");
	if (request->head.type == QUEUES_DEFAULT)
		return queue_default(&server->cupsd, name);
	mirror_forget(&server->mirror, name);
	return queue_remove(&server->cupsd, name);
}

static int on_put(
	struct server *server, const struct queues_put *put, int driver, uint32_t *ret_made)
{
#define LINE(m) (text_terminated(put->m, sizeof(put->m)) && text_is_line(put->m))
	if (!LINE(name) || !text_is_queue(put->name))
		return refuse(server, "this is no name of a queue");
	if (!LINE(info) || !LINE(location) || !LINE(fingerprint) ||
		put->defaults_size > sizeof(put->defaults))
		return refuse(server, "a queue's text is no text");
#undef LINE
	return queue_put(&server->cupsd, put, driver, ret_made);
}

static int on_state(struct server *server, const struct queues_state *state)
{
#define LINE(m) (text_terminated(state->m, sizeof(state->m)) && text_is_line(state->m))
	if (!LINE(name) || !text_is_queue(state->name))
		return refuse(server, "this is no name of a queue");
	if (!LINE(reasons) || !LINE(text) || !LINE(marker_names) || !LINE(marker_types) ||
		!LINE(marker_colors) || !LINE(marker_levels) || !LINE(marker_low_levels) ||
		!LINE(marker_high_levels))
		return refuse(server, "a queue's state is no text");
#undef LINE
	return mirror_set(&server->mirror, state);
}

/* Serves one message. -EPROTO: the agent is of another build. */
static int on_message(struct server *server, const struct ipc_head *m, int fd)
{
	const struct queues_request *request = (const struct queues_request *)m;
	const struct queues_put *put = (const struct queues_put *)m;
	const struct queues_state *state = (const struct queues_state *)m;
	const struct queues_job *job = (const struct queues_job *)m;
	const struct queues_held *held = (const struct queues_held *)m;
	const struct queues_ended *ended = (const struct queues_ended *)m;
	uint32_t made = 0;
	int r;

	switch (m->type) {
	case QUEUES_PING:
	case QUEUES_LIST:
	case QUEUES_REMOVE:
	case QUEUES_DEFAULT:
	case QUEUES_WATCH:
		if (m->size != sizeof(*request) ||
			!text_terminated(request->name, sizeof(request->name)))
			return -EPROTO;
		done(server, request->serial, request->name, on_request(server, request));
		return 0;
	case QUEUES_PUT:
		if (m->size != sizeof(*put))
			return -EPROTO;
		r = on_put(server, put, fd, &made);
		done_put(server, put->serial, put->name, r, made);
		return 0;
	case QUEUES_JOB:
		if (m->size != sizeof(*job))
			return -EPROTO;
		done(server, job->serial, "", queue_job(&server->cupsd, job));
		return 0;
	case QUEUES_ENDED:
		if (m->size != sizeof(*ended))
			return -EPROTO;
		done(server, ended->serial, "",
			history_list(&server->history, ended, on_job_ended, NULL));
		return 0;
	case QUEUES_HELD:
		if (m->size != sizeof(*held))
			return -EPROTO;
		done(server, held->serial, "", queue_held(&server->cupsd, held));
		return 0;
	case QUEUES_STATE:
		if (m->size != sizeof(*state))
			return -EPROTO;
		done(server, state->serial, state->name, on_state(server, state));
		return 0;
	default: return -EPROTO;
	}
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int serve(struct server *server)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];

	for (;;) {
		http_t *http = server->cupsd.http;
		struct pollfd fds[] = {{.fd = IPC_FD, .events = POLLIN},
			{.fd = http ? httpGetFd(http) : -1, .events = POLLIN},
			{.fd = server->watch.notify, .events = POLLIN}};
		_cleanup_close_ int fd = -1;
		int r;

		if (poll(fds, 3,
			    earlier(mirror_wait(&server->mirror), watch_wait(&server->watch))) <
				0 &&
			errno != EINTR)
			return -errno;
		if (fds[1].revents)
			cupsd_check(&server->cupsd);
		if (fds[0].revents) {
			r = ipc_recv(IPC_FD, buf, sizeof(buf), &fd);
			if (r == 0)
				return 0;
			if (r > 0)
				r = on_message(server, (const struct ipc_head *)buf, fd);
			if (r < 0)
				return r;
		}
		look_at_spooler(server);
		mirror_turn(&server->mirror);
	}
}

int main(int argc, char **argv)
{
	struct server server;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-queues %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 2 || argv[1][0] != '/') {
		fprintf(argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
			"Usage: platen-queues CUPS-SOCKET\n"
			"Makes and removes Platen's queues in this machine's spooler. Started by\n"
			"platen-agent(8), with a connection to it at descriptor 3.\n");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	log_open("platen-queues", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	r = confine(&(struct confine){.memory = MEMORY_MAX, .files = FILES_MAX, .secret = true});
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot limit itself: %s", strerror(-r));
		return 1;
	}
	cupsd_init(&server.cupsd, argv[1]);
	mirror_init(&server.mirror, &server.cupsd);
	watch_init(&server.watch, &server.cupsd);
	history_init(&server.history, &server.cupsd);
	r = serve(&server);
	history_deinit(&server.history);
	watch_deinit(&server.watch);
	mirror_deinit(&server.mirror);
	cupsd_disconnect(&server.cupsd);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "ended: %s (started by platen-agent, not by hand?)",
			strerror(-r));
		return 1;
	}
	return 0;
}
