/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-queues: makes and removes Platen's queues in the guest's spooler, for platen-agent.
 *
 * It serves one request at a time from descriptor 3, in order. Between requests it keeps an eye on
 * its connection to cupsd, so that the agent hears when the spooler goes and comes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "guest/queues/spooler.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define RETRY_MSEC 500 /* while cupsd does not answer */
#define PURGE_MSEC 300 /* while supply reports are under way */

struct server {
	struct spooler spooler;
	bool watching, up, told;
	bool reports; /* some are under way */
};

static void done(struct server *server, uint32_t serial, const char *name, int error)
{
	struct queues_done m = {
		.head = {.type = QUEUES_DONE, .size = sizeof(m)}, .serial = serial, .error = error};

	(void)text_copy(m.name, sizeof(m.name), name);
	if (error < 0)
		text_copy_line(m.text, sizeof(m.text), server->spooler.text);
	(void)ipc_send(IPC_FD, &m, -1);
}

/* Looks whether cupsd answers, and tells when that has changed. */
static void watch(struct server *server)
{
	struct queues_done m = {.head = {.size = sizeof(m)}};
	const char *name;
	bool up;

	if (!server->watching)
		return;
	up = spooler_connect(&server->spooler) == 0;
	if (server->told && up == server->up)
		return;
	server->up = up;
	server->told = true;
	m.head.type = up ? QUEUES_UP : QUEUES_DOWN;
	name = up ? httpGetField(server->spooler.http, HTTP_FIELD_SERVER) : server->spooler.text;
	text_copy_line(m.text, sizeof(m.text), name && *name ? name : "CUPS");
	if (up)
		m.text[strcspn(m.text, " ")] = '\0';
	(void)ipc_send(IPC_FD, &m, -1);
}

static void on_queue(const struct queues_queue *queue, void *userdata)
{
	(void)userdata;
	(void)ipc_send(IPC_FD, queue, -1);
}

static int on_request(struct server *server, const struct queues_request *request)
{
	const char *name = request->name;
	int r = 0;

	if (request->head.size != sizeof(*request) ||
		!text_terminated(request->name, sizeof(request->name)))
		return -EPROTO;
	switch (request->head.type) {
	case QUEUES_LIST: r = spooler_list(&server->spooler, on_queue, NULL); break;
	case QUEUES_REMOVE:
	case QUEUES_DEFAULT:
		if (!text_is_queue(name))
			return -EPROTO;
		r = request->head.type == QUEUES_REMOVE ? spooler_remove(&server->spooler, name)
							: spooler_default(&server->spooler, name);
		break;
	case QUEUES_WATCH: server->watching = true; break;
	default: break; /* PING */
	}
	done(server, request->serial, name, r);
	return 0;
}

static int on_message(struct server *server, const struct ipc_head *m, int fd)
{
	const struct queues_put *put = (const struct queues_put *)m;
	const struct queues_state *state = (const struct queues_state *)m;

	switch (m->type) {
	case QUEUES_PING:
	case QUEUES_LIST:
	case QUEUES_REMOVE:
	case QUEUES_DEFAULT:
	case QUEUES_WATCH: return on_request(server, (const struct queues_request *)m);
	case QUEUES_PUT:
		if (m->size != sizeof(*put) || !text_terminated(put->name, sizeof(put->name)) ||
			!text_is_queue(put->name) || put->defaults_size > sizeof(put->defaults))
			return -EPROTO;
		done(server, put->serial, put->name, spooler_put(&server->spooler, put, fd));
		return 0;
	case QUEUES_STATE:
		if (m->size != sizeof(*state) ||
			!text_terminated(state->name, sizeof(state->name)) ||
			!text_is_queue(state->name))
			return -EPROTO;
		done(server, state->serial, state->name, spooler_state(&server->spooler, state));
		server->reports = server->spooler.report_count > 0;
		return 0;
	default: return -EPROTO;
	}
}

static int serve(struct server *server)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];

	for (;;) {
		http_t *http = server->spooler.http;
		struct pollfd fds[] = {{.fd = IPC_FD, .events = POLLIN},
			{.fd = http ? httpGetFd(http) : -1, .events = POLLIN}};
		int timeout = server->reports			? PURGE_MSEC
			      : server->watching && !server->up ? RETRY_MSEC
								: -1;
		_cleanup_close_ int fd = -1;
		int r;

		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents) /* cupsd has closed: idle, or over */
			spooler_disconnect(&server->spooler);
		if (fds[0].revents) {
			r = ipc_recv(IPC_FD, buf, sizeof(buf), &fd);
			if (r == 0)
				return 0;
			if (r > 0)
				r = on_message(server, (const struct ipc_head *)buf, fd);
			if (r < 0)
				return r;
		} else if (server->reports) {
			server->reports = spooler_purge(&server->spooler);
		}
		watch(server);
	}
}

int main(int argc, char **argv)
{
	struct server server = {0};
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
	server.spooler.socket = argv[1];
	r = serve(&server);
	spooler_disconnect(&server.spooler);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "ended: %s (started by platen-agent, not by hand?)",
			strerror(-r));
		return 1;
	}
	return 0;
}
