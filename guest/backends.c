/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spooler's backends at our socket.
 *
 * Other users of this machine are hostile to each other, so the socket's folder and mode let only
 * the spooler's group near it, and each peer must be the user that cupsd runs backends as, or
 * root, by the kernel's word. What a backend says is checked like a message from anywhere else.
 */
#include "guest/backends.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/job.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/base/text.h"

#define BACKENDS_MOST 256
#define SHOW_USEC     100000ULL /* a status is shown so much later, as it is then */

struct backend {
	TAILQ_ENTRY(backend) link;
	struct backends *backends;
	struct job *job;
	int fd;
	sd_event_source *io, *show;
	struct backend_status status; /* the last one */
	bool unshown;		      /* it waits for `show` */
};

struct backends {
	struct agent *agent;
	int listener;
	sd_event_source *io;
	uid_t spooler;
	char path[AGENT_PATH_SIZE];
	TAILQ_HEAD(, backend) list;
	uint32_t count;
};

static void backend_free(struct backend *backend)
{
	TAILQ_REMOVE(&backend->backends->list, backend, link);
	backend->backends->count--;
	backend->io = sd_event_source_disable_unref(backend->io);
	backend->show = sd_event_source_disable_unref(backend->show);
	backend->fd = close_fd(backend->fd);
	free(backend);
}

static void show_now(struct backend *backend)
{
	backend->unshown = false;
	(void)ipc_send(backend->fd, &backend->status, -1); /* full: the next status says it all */
}

static int on_show(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	show_now(userdata);
	return 0;
}

/* A small job goes through its states in a thousandth of a second, each of which the backend and
 * the spooler would be woken for: only one that lasts is shown. */
void backend_status(struct backend *backend, const struct backend_status *status)
{
	if (memcmp(&backend->status, status, sizeof(*status)) == 0)
		return;
	backend->status = *status;
	if (backend->unshown)
		return;
	backend->unshown = true;
	if (sd_event_source_set_time_relative(backend->show, SHOW_USEC) < 0 ||
		sd_event_source_set_enabled(backend->show, SD_EVENT_ONESHOT) < 0)
		show_now(backend);
}

void backend_end(struct backend *backend, enum backend_exit code, const char *text)
{
	struct backend_end m = {
		.head = {.type = BACKEND_END, .size = sizeof(m)}, .exit_code = code};

	text_copy_line(m.text, sizeof(m.text), text);
	if (backend->unshown) /* it may tell of pages */
		show_now(backend);
	if (ipc_send(backend->fd, &m, -1) == -EAGAIN) /* its hanging up makes it come again */
		log_line(LOG_WARNING, NULL, "a backend does not read; it is let go");
	backend_free(backend);
}

/* Checks an open by the rules of the channel's own message, of which it becomes one. */
static bool is_sound(const struct backend_open *o)
{
	struct message m;
	char why[128];

	if (!text_terminated(o->printer, sizeof(o->printer)) || !text_is_queue(o->printer) ||
		o->options_size > sizeof(m.job_open.options))
		return false;
	message_init(&m, MESSAGE_JOB_OPEN);
	m.job_open.job = o->job;
	m.job_open.file = o->file;
	m.job_open.copies = o->copies;
	memcpy(m.job_open.title, o->title, sizeof(o->title));
	memcpy(m.job_open.user, o->user, sizeof(o->user));
	memcpy(m.job_open.format, o->format, sizeof(o->format));
	m.job_open.answer = o->answer;
	m.job_open.options_size = o->options_size;
	memcpy(m.job_open.options, o->options, sizeof(o->options));
	if (message_check(&m, m.head.size, why) == 0)
		return true;
	log_line(LOG_ERR, NULL, "a backend's job was refused: %s", why);
	return false;
}

/* A command file asks for supply levels: they are known already. */
static void on_supplies(struct backend *backend, const struct backend_open *open)
{
	struct backend_status s = {.head = {.type = BACKEND_STATUS, .size = sizeof(s)}};
	struct printer *p = printers_find(&backend->backends->agent->printers, open->printer);
	const struct message_printer_state *state = p ? p->state : NULL;

	if (state) {
		memcpy(s.marker_names, state->marker_names, sizeof(s.marker_names));
		memcpy(s.marker_types, state->marker_types, sizeof(s.marker_types));
		memcpy(s.marker_colors, state->marker_colors, sizeof(s.marker_colors));
		memcpy(s.marker_levels, state->marker_levels, sizeof(s.marker_levels));
		memcpy(s.marker_low_levels, state->marker_low_levels, sizeof(s.marker_low_levels));
		memcpy(s.marker_high_levels, state->marker_high_levels,
			sizeof(s.marker_high_levels));
	}
	backend_status(backend, &s);
	backend_end(backend, BACKEND_EXIT_OK, "");
}

static void on_open(struct backend *backend, const struct backend_open *open, int *fd)
{
	int r;

	if (!is_sound(open))
		return backend_end(
			backend, BACKEND_EXIT_HOLD, "platen-agent refuses the job: see its log");
	if (open->head.type == BACKEND_SUPPLIES)
		return on_supplies(backend, open);
	r = *fd < 0 ? -EINVAL
		    : job_new(backend->backends->agent, backend, open, *fd, &backend->job);
	if (r == -EINVAL)
		return backend_end(backend, BACKEND_EXIT_HOLD, "The document is no plain file");
	if (r < 0)
		return backend_end(
			backend, BACKEND_EXIT_RETRY_CURRENT, "platen-agent has no memory");
	*fd = -1;
}

static void on_message(struct backend *backend, const struct ipc_head *m, int *fd)
{
	const struct backend_open *open = (const struct backend_open *)m;

	if (m->type == BACKEND_CANCEL && m->size == sizeof(*m)) {
		if (backend->job)
			job_was_cancelled(backend->job);
	} else if ((m->type == BACKEND_OPEN || m->type == BACKEND_SUPPLIES) &&
		   m->size == sizeof(*open) && !backend->job) {
		on_open(backend, open, fd);
	} else {
		if (backend->job)
			job_backend_gone(backend->job);
		backend->job = NULL;
		backend_end(backend, BACKEND_EXIT_RETRY_CURRENT,
			"platen-agent is of another version than the backend");
	}
}

static int on_backend(sd_event_source *source, int sock, uint32_t revents, void *userdata)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	struct backend *backend = userdata;
	struct job *job;
	_cleanup_close_ int fd = -1;
	int r;

	(void)source;
	(void)revents;
	r = ipc_recv(sock, buf, sizeof(buf), &fd);
	if (r == -EAGAIN)
		return 0;
	if (r > 0) {
		on_message(backend, (const struct ipc_head *)buf, &fd);
		return 0;
	}
	job = backend->job;
	backend_free(backend);
	if (job)
		job_backend_gone(job);
	return 0;
}

static int on_connection(sd_event_source *source, int sock, uint32_t revents, void *userdata)
{
	struct backends *backends = userdata;
	_cleanup_close_ int fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int result = fd < 0 ? -errno : fd;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct backend *backend;

	(void)revents;
	if (loop_accepted(source, result))
		log_line(LOG_ERR, NULL, "no backend can be taken: %s; tried again each second",
			strerror(-result));
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return 0;
	if (peer.uid != backends->spooler && peer.uid != 0) {
		log_line(LOG_WARNING, NULL, "user %u is not the spooler's and was turned away",
			(unsigned)peer.uid);
		return 0;
	}
	if (backends->count == BACKENDS_MOST)
		return 0; /* it tries again in a second */
	backend = calloc(1, sizeof(*backend));
	if (!backend)
		return 0;
	backend->backends = backends;
	backend->fd = steal_fd(&fd);
	TAILQ_INSERT_TAIL(&backends->list, backend, link);
	backends->count++;
	if (sd_event_add_io(backends->agent->event, &backend->io, backend->fd, EPOLLIN, on_backend,
		    backend) < 0 ||
		sd_event_add_time(backends->agent->event, &backend->show, CLOCK_MONOTONIC, 0,
			SHOW_USEC / 2, on_show, backend) < 0 ||
		sd_event_source_set_enabled(backend->show, SD_EVENT_OFF) < 0)
		backend_free(backend);
	return 0;
}

static int listen_at(struct backends *backends, gid_t group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *dir = backends->agent->config.run_dir;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r;

	if (fd < 0)
		return -errno;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (text_printf(backends->path, sizeof(backends->path), "%s/backend", dir) < 0)
		return -ENAMETOOLONG;
	(void)text_copy(address.sun_path, sizeof(address.sun_path), backends->path);
	if (unlink(backends->path) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0117);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	if (chown(backends->path, (uid_t)-1, group) < 0 || listen(fd, 128) < 0)
		return -errno;
	return steal_fd(&fd);
}

int backends_new(struct agent *agent, struct backends **ret_backends)
{
	const char *user = agent->config.spooler_user;
	struct passwd *pw = getpwnam(user);
	struct backends *backends;
	int r;

	if (!pw) {
		log_line(LOG_ERR, NULL,
			"spooler-user %s does not exist: is CUPS installed? See "
			"platen-agent.conf(5)",
			user);
		return -ESRCH;
	}
	backends = calloc(1, sizeof(*backends));
	if (!backends)
		return -ENOMEM;
	backends->agent = agent;
	backends->spooler = pw->pw_uid;
	TAILQ_INIT(&backends->list);
	backends->listener = listen_at(backends, pw->pw_gid);
	r = backends->listener < 0 ? backends->listener
				   : sd_event_add_io(agent->event, &backends->io,
					     backends->listener, EPOLLIN, on_connection, backends);
	if (r < 0) {
		log_line(LOG_ERR, NULL, "cannot listen in %s: %s", agent->config.run_dir,
			strerror(-r));
		(void)backends_free(backends);
		return r;
	}
	*ret_backends = backends;
	return 0;
}

struct backends *backends_free(struct backends *backends)
{
	if (!backends)
		return NULL;
	while (!TAILQ_EMPTY(&backends->list))
		backend_free(TAILQ_FIRST(&backends->list));
	backends->io = sd_event_source_disable_unref(backends->io);
	backends->listener = close_fd(backends->listener);
	(void)unlink(backends->path);
	free(backends);
	return NULL;
}
