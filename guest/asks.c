/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking every person who has a session, once each.
 *
 * For each user a platen-ask runs as that user, so what meets the session's bus has no more rights
 * than the person. The first answer is everybody's. Answers by command come over a socket to which
 * all may connect: the kernel says who it is, and only who has a session, or root, is heard.
 */
#include "guest/asks.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "guest/ask/ask.h"
#include "guest/peer.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define PEOPLE_MOST 16
#define PUT_USEC    30000000ULL /* for a desktop to show the question */
#define REPLY_USEC  5000000ULL	/* for a command to say what it wants */

struct person {
	struct asks *asks;
	struct worker *worker;
	uid_t uid;
	char name[USER_SIZE];
	struct ask_question question;
	bool put;
};

struct asks {
	struct agent *agent;
	int listener;
	sd_event_source *io, *client_io, *client_timer;
	int client;   /* one at a time: it says one thing, at once */
	uint32_t ask; /* under way, 0: none */
	struct person people[PEOPLE_MOST];
	size_t count;
	char path[AGENT_PATH_SIZE];
};

static void let_go(struct asks *asks)
{
	for (size_t i = 0; i < asks->count; i++)
		asks->people[i].worker = worker_free(asks->people[i].worker);
	asks->count = 0;
}

static int answer(struct asks *asks, uint32_t choice, uint32_t after, const char *user)
{
	struct message m;

	message_init(&m, MESSAGE_RESTART_ANSWER);
	m.restart_answer.ask = asks->ask;
	m.restart_answer.choice = choice;
	m.restart_answer.after_sec = choice == ANSWER_LATER ? after : 0;
	text_copy_line(m.restart_answer.user, sizeof(m.restart_answer.user), user);
	if (choice == ANSWER_LATER && (after == 0 || after > RESTART_SEC_MAX))
		return -EINVAL;
	if (choice < ANSWER_NOW || choice > ANSWER_NOBODY)
		return -EINVAL;
	return peer_send(asks->agent, &m);
}

/* Nobody has seen it and nobody is left who could: the host is told. */
static void nobody_left(struct asks *asks)
{
	for (size_t i = 0; i < asks->count; i++)
		if (asks->people[i].worker || asks->people[i].put)
			return;
	log_line(LOG_WARNING, NULL, "nobody could be asked about the restart");
	(void)answer(asks, ANSWER_NOBODY, 0, "");
}

static void on_ask(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	const struct ask_answer *a = (const struct ask_answer *)m;
	struct person *p = userdata;

	(void)fd;
	if (m->type == ASK_PUT && m->size == sizeof(*m)) {
		p->put = true;
		(void)worker_deadline(worker, 0);
	} else if (m->type == ASK_ANSWER && m->size == sizeof(*a) && a->choice != ANSWER_NOBODY) {
		if (answer(p->asks, a->choice, a->after_sec, p->name) < 0)
			log_line(LOG_WARNING, NULL, "the host could not be told %s's answer",
				p->name);
	}
}

static void on_ask_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct person *p = userdata;
	char why[160];

	if (status != 0 || timed_out)
		log_line(LOG_WARNING, NULL, "platen-ask for %s ended: %s", p->name,
			worker_end_text(status, timed_out, why));
	p->worker = worker_free(worker);
	nobody_left(p->asks);
}

static struct person *person_of(struct asks *asks, uid_t uid)
{
	struct passwd *pw;

	for (size_t i = 0; i < asks->count; i++)
		if (asks->people[i].uid == uid)
			return &asks->people[i];
	pw = getpwuid(uid);
	if (!pw || asks->count == PEOPLE_MOST)
		return NULL;
	memset(&asks->people[asks->count], 0, sizeof(struct person));
	asks->people[asks->count].asks = asks;
	asks->people[asks->count].uid = uid;
	text_copy_line(asks->people[asks->count].name, USER_SIZE, pw->pw_name);
	return &asks->people[asks->count++];
}

/* Notes a session: a terminal, or a desktop. */
static void add_session(struct asks *asks, const char *session)
{
	_cleanup_free_ char *class = NULL, *type = NULL, *tty = NULL, *state = NULL;
	struct person *p;
	uid_t uid;

	if (sd_session_get_class(session, &class) < 0 || strcmp(class, "user") != 0 ||
		sd_session_get_state(session, &state) < 0 || strcmp(state, "closing") == 0 ||
		sd_session_get_uid(session, &uid) < 0)
		return;
	p = person_of(asks, uid);
	if (!p)
		return;
	p->question.desktop = 1; /* a bus may have notifications, whatever the session's type */
	(void)sd_session_get_type(session, &type);
	if (type && strcmp(type, "tty") != 0)
		return;
	if (sd_session_get_tty(session, &tty) < 0 || strlen(tty) >= sizeof(p->question.ttys[0]) ||
		strstr(tty, ".."))
		return;
	for (size_t i = 0; i < ASK_TTYS_MAX; i++) {
		if (p->question.ttys[i][0])
			continue;
		(void)text_copy(p->question.ttys[i], sizeof(p->question.ttys[i]), tty);
		return;
	}
}

static void start(struct person *p, const struct message_restart_ask *ask)
{
	struct asks *asks = p->asks;
	char program[AGENT_PATH_SIZE + 16];
	const char *argv[] = {program, "--worker", NULL};
	struct worker_setup setup = {.argv = argv,
		.user = p->uid == geteuid() ? NULL : p->name,
		.on_message = on_ask,
		.on_exit = on_ask_exit,
		.userdata = p};
	int r;

	(void)snprintf(program, sizeof(program), "%s/platen-ask", asks->agent->config.libexec_dir);
	p->question.head = (struct ipc_head){.type = ASK_QUESTION, .size = sizeof(p->question)};
	p->question.limit_sec = ask->limit_sec;
	p->question.reminder = ask->reminder;
	text_copy_line(p->question.reason, sizeof(p->question.reason), ask->reason);
	r = worker_new(asks->agent->event, &setup, &p->worker);
	if (r == 0)
		r = worker_send(p->worker, &p->question, -1);
	if (r == 0)
		r = worker_deadline(p->worker, PUT_USEC);
	if (r < 0)
		log_line(LOG_ERR, NULL, "cannot start %s: %s", program, strerror(-r));
}

void asks_put(struct asks *asks, const struct message_restart_ask *ask)
{
	char **sessions = NULL;
	int n = sd_get_sessions(&sessions);

	let_go(asks);
	asks->ask = ask->ask;
	for (int i = 0; i < n; i++) {
		add_session(asks, sessions[i]);
		free(sessions[i]);
	}
	free(sessions);
	for (size_t i = 0; i < asks->count; i++)
		start(&asks->people[i], ask);
	log_line(LOG_INFO, NULL, "%zu people are asked about a restart: %s", asks->count,
		ask->reason);
	nobody_left(asks);
}

void asks_end(struct asks *asks, const struct message_restart_ask_end *end)
{
	if (end->ask != asks->ask)
		return;
	asks_session_over(asks);
}

void asks_session_over(struct asks *asks)
{
	if (!asks)
		return;
	asks->ask = 0;
	let_go(asks);
}

static void client_end(struct asks *asks)
{
	asks->client_io = sd_event_source_disable_unref(asks->client_io);
	asks->client_timer = sd_event_source_disable_unref(asks->client_timer);
	asks->client = close_fd(asks->client);
}

static bool has_session(uid_t uid)
{
	_cleanup_free_ char *state = NULL;

	return uid == 0 || (sd_uid_get_state(uid, &state) >= 0 &&
				   (strcmp(state, "active") == 0 || strcmp(state, "online") == 0));
}

static void reply(struct asks *asks, int error, const char *text)
{
	struct ask_reply m = {.head = {.type = ASK_REPLY, .size = sizeof(m)}, .error = error};

	text_copy_line(m.text, sizeof(m.text), text);
	(void)ipc_send(asks->client, &m, -1);
	client_end(asks);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	const struct ask_answer *a = (const struct ask_answer *)buf;
	struct asks *asks = userdata;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct passwd *pw;
	int r, none = -1;

	(void)source;
	(void)revents;
	r = ipc_recv(fd, buf, sizeof(buf), &none);
	(void)close_fd(none);
	if (r == -EAGAIN)
		return 0;
	if (r != (int)sizeof(*a) || a->head.type != ASK_ANSWER || a->choice == ANSWER_NOBODY ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		client_end(asks);
		return 0;
	}
	if (!has_session(peer.uid)) {
		reply(asks, -EPERM, "Only who is logged in here may say when it restarts.");
		return 0;
	}
	pw = getpwuid(peer.uid);
	r = answer(asks, a->choice, a->after_sec, pw ? pw->pw_name : "somebody");
	if (r == 0) {
		asks->ask = 0;
		let_go(asks);
	}
	reply(asks, r,
		r == 0	       ? "The host was told."
		: r == -EINVAL ? "That is no answer: see platen-ask(1)."
			       : "The host is not connected: try again later.");
	return 0;
}

static int on_client_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	client_end(userdata);
	return 0;
}

static int on_connection(sd_event_source *source, int sock, uint32_t revents, void *userdata)
{
	struct asks *asks = userdata;
	int fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)revents;
	if (fd < 0)
		return 0;
	if (asks->client >= 0)
		client_end(asks); /* who dawdles makes place */
	asks->client = fd;
	if (sd_event_add_io(asks->agent->event, &asks->client_io, fd, EPOLLIN, on_client, asks) <
			0 ||
		sd_event_add_time_relative(asks->agent->event, &asks->client_timer, CLOCK_MONOTONIC,
			REPLY_USEC, 0, on_client_timer, asks) < 0)
		client_end(asks);
	return 0;
}

int asks_new(struct agent *agent, struct asks **ret_asks)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct asks *asks = calloc(1, sizeof(*asks));

	if (!asks)
		return -ENOMEM;
	asks->agent = agent;
	asks->client = -1;
	*ret_asks = asks;
	(void)text_printf(asks->path, sizeof(asks->path), "%.90s/ask", agent->config.run_dir);
	(void)text_copy(address.sun_path, sizeof(address.sun_path), asks->path);
	asks->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(asks->path);
	/* For everyone to connect to: each is judged by what the kernel says of it. */
	if (asks->listener < 0 ||
		bind(asks->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		chmod(asks->path, 0666) < 0 || listen(asks->listener, 16) < 0 ||
		sd_event_add_io(agent->event, &asks->io, asks->listener, EPOLLIN, on_connection,
			asks) < 0) {
		int r = errno ? -errno : -EIO;

		log_line(LOG_ERR, NULL, "cannot listen at %s: %s", asks->path, strerror(-r));
		return r;
	}
	return 0;
}

struct asks *asks_free(struct asks *asks)
{
	if (!asks)
		return NULL;
	let_go(asks);
	client_end(asks);
	asks->io = sd_event_source_disable_unref(asks->io);
	asks->listener = close_fd(asks->listener);
	(void)unlink(asks->path);
	free(asks);
	return NULL;
}
