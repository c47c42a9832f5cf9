/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's clients.
 *
 * Any local user may connect, so a client costs little and is bounded in all: how many, how long a
 * line, how long it may take. Who it is comes from the kernel (SO_PEERCRED, SO_PEERGROUPS), not
 * from a look-up that could block.
 */
#include "host/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "host/domains.h"
#include "host/manuals.h"
#include "host/renderings.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/base/text.h"
#include "proto/transport.h"

#define PASSED_MAX  4		/* descriptors at once; one is kept */
#define CLIENT_USEC 60000000ULL /* the longest that a question may take */

struct control_client {
	TAILQ_ENTRY(control_client) link;
	struct control *control;
	int fd;
	int passed; /* a descriptor that came with the request, or -1 */
	sd_event_source *io, *timer;
	bool may_change, asked, ended;
	char request[CONTROL_REQUEST_MAX + 1];
	size_t request_size;
	char *answer;
	size_t answer_size, answer_done;
};

struct control {
	struct host *host;
	int listener;
	bool activated; /* systemd listens too, and stays when we end */
	sd_event_source *io;
	gid_t admins;
	bool has_admins;
	TAILQ_HEAD(, control_client) clients;
	uint32_t client_count;
};

static void client_free(struct control_client *client)
{
	struct control *control = client->control;

	if (control->host->domains)
		domains_abandon(control->host->domains, client);
	renderings_abandon(control->host->renderings, client);
	manuals_abandon(control->host->manuals, client);
	TAILQ_REMOVE(&control->clients, client, link);
	control->client_count--;
	client->io = sd_event_source_disable_unref(client->io);
	client->timer = sd_event_source_disable_unref(client->timer);
	client->fd = close_fd(client->fd);
	client->passed = close_fd(client->passed);
	free(client->answer);
	free(client);
}

struct host *control_host(struct control_client *client)
{
	return client->control->host;
}

bool control_may_change(const struct control_client *client)
{
	return client->may_change;
}

/* Writes what goes; the rest goes when there is room, then the client is over. */
static void client_flush(struct control_client *client)
{
	while (client->answer_done < client->answer_size) {
		ssize_t n = send(client->fd, client->answer + client->answer_done,
			client->answer_size - client->answer_done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)sd_event_source_set_io_events(client->io, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;
		client->answer_done += (size_t)n;
	}
	client->ended = true;
	(void)sd_event_source_set_io_events(client->io, 0);
	(void)sd_event_source_set_time_relative(client->timer, 0);
}

/* Sends one object and ends the client. Steals `object`. */
static void client_send(struct control_client *client, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t size = text ? strlen(text) : 0;

	json_decref(object);
	client->asked = true;
	free(client->answer);
	client->answer = text ? realloc(text, size + 2) : NULL;
	if (!client->answer) {
		free(text);
		client->answer =
			strdup("{\"ok\":false,\"code\":\"failed\",\"error\":\"out of memory\"}\n");
		client->answer_size = client->answer ? strlen(client->answer) : 0;
	} else {
		client->answer[size] = '\n';
		client->answer_size = size + 1;
	}
	client_flush(client);
}

void control_answer(struct control_client *client, json_t *data)
{
	client_send(client, json_pack("{s:b, s:o}", "ok", 1, "data", data));
}

void control_fault(
	struct control_client *client, const char *code, const char *hint, const char *format, ...)
{
	char text[MESSAGE_SIZE], line[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	text_copy_line(line, sizeof(line), text);
	client_send(client, json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "code", code, "error", line,
				    "hint", hint ? hint : ""));
}

int control_take_fd(struct control_client *client)
{
	return steal_fd(&client->passed);
}

void control_wait(struct control_client *client)
{
	client->asked = true;
}

/* recv(2) that keeps the one descriptor a client may pass; of more, all but the last are closed. */
static ssize_t client_receive(struct control_client *client)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PASSED_MAX)];
	} control;
	struct iovec iov = {.iov_base = client->request + client->request_size,
		.iov_len = CONTROL_REQUEST_MAX - client->request_size};
	struct msghdr hdr = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(client->fd, &hdr, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			client->passed = close_fd(client->passed);
			memcpy(&client->passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		}
	}
	return n;
}

static void client_read(struct control_client *client)
{
	json_t *untrusted_request;
	json_error_t error;
	char *end;
	ssize_t n;

	n = client_receive(client);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(client);
		return;
	}
	client->request_size += (size_t)n;
	end = memchr(client->request, '\n', client->request_size);
	if (!end && client->request_size == CONTROL_REQUEST_MAX) {
		control_fault(client, "bad-request", NULL, "the request is longer than %d bytes",
			CONTROL_REQUEST_MAX);
		return;
	}
	if (!end)
		return;
	untrusted_request = json_loadb(
		client->request, (size_t)(end - client->request), JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(untrusted_request))
		control_fault(client, "bad-request", NULL, "the request is no JSON object");
	else
		verbs_dispatch(client, untrusted_request);
	json_decref(untrusted_request);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct control_client *client = userdata;

	(void)source;
	(void)fd;
	if (client->ended)
		return 0;
	if (client->answer)
		client_flush(client);
	else if (client->asked && revents & (EPOLLHUP | EPOLLERR))
		client_free(client);
	else if (client->asked)
		(void)sd_event_source_set_io_events(client->io, 0); /* it has said enough */
	else
		client_read(client);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	client_free(userdata);
	return 0;
}

static bool is_admin(const struct control *control, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	gid_t groups[256];
	socklen_t groups_size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	if (!control->has_admins)
		return false;
	if (peer.gid == control->admins)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) < 0)
		return false;
	for (size_t i = 0; i < groups_size / sizeof(groups[0]); i++)
		if (groups[i] == control->admins)
			return true;
	return false;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct control *control = userdata;
	struct control_client *client;
	_cleanup_close_ int connection = transport_unix_accept(fd);

	(void)revents;
	if (loop_accepted(source, connection))
		log_line(LOG_ERR, NULL,
			"%s: no connection can be taken: %s; tried again each second",
			control->host->config.control, strerror(-connection));
	if (connection < 0)
		return 0;
	if (control->client_count >= CONTROL_CLIENTS_MAX)
		return 0; /* closed: platenctl says that platend is busy */
	client = calloc(1, sizeof(*client));
	if (!client)
		return 0;
	client->control = control;
	client->passed = -1;
	client->may_change = is_admin(control, connection);
	client->fd = steal_fd(&connection);
	TAILQ_INSERT_TAIL(&control->clients, client, link);
	control->client_count++;
	if (sd_event_add_io(control->host->event, &client->io, client->fd, EPOLLIN, on_client,
		    client) < 0 ||
		sd_event_add_time_relative(control->host->event, &client->timer, CLOCK_MONOTONIC,
			CLIENT_USEC, 0, on_timer, client) < 0)
		client_free(client);
	return 0;
}

/* The socket that systemd listens at for us (sd_listen_fds(3)), if it is the one that the settings
 * name; -1: there is none. */
static int inherited(const char *path)
{
	int n = sd_listen_fds(1), found = -1;

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		if (found < 0 && sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) > 0 &&
			fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0)
			found = fd;
		else
			(void)close(fd);
	}
	return found;
}

int control_new(struct host *host, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	const char *path = host->config.control;
	struct group *group;
	int r;

	if (!control)
		return -ENOMEM;
	control->host = host;
	TAILQ_INIT(&control->clients);
	group = host->config.admin_group[0] ? getgrnam(host->config.admin_group) : NULL;
	control->has_admins = group != NULL;
	control->admins = group ? group->gr_gid : 0;
	control->listener = inherited(path);
	control->activated = control->listener >= 0;
	if (!control->activated)
		control->listener = transport_unix_listen(path);
	if (control->listener < 0) {
		r = control->listener;
		log_line(LOG_ERR, NULL, "cannot listen at %s: %s", path, strerror(-r));
		free(control);
		return r;
	}
	/* Reading is for everyone; changing is judged per client. */
	r = !control->activated && chmod(path, 0666) < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(host->event, &control->io, control->listener, EPOLLIN,
			on_connection, control);
	if (r < 0) {
		(void)control_free(control);
		return r;
	}
	*ret_control = control;
	return 0;
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	while (!TAILQ_EMPTY(&control->clients))
		client_free(TAILQ_FIRST(&control->clients));
	control->io = sd_event_source_disable_unref(control->io);
	control->listener = close_fd(control->listener);
	if (!control->activated)
		(void)unlink(control->host->config.control);
	free(control);
	return NULL;
}
