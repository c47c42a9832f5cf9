/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking every person who has a session, once each.
 *
 * For each user a platen-ask becomes that user, so what meets the session's bus has no more rights
 * than the person. The first answer is everybody's. Answers by command come over a socket to which
 * all may connect: the kernel says who it is, and only who has a session, or root, is heard. What
 * the user is called is platen-ask's to find out, for that may block; in time it is a number.
 */
#include "guest/asks.h"

#include <errno.h>
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
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/loop.h"
#include "proto/base/text.h"
#include "proto/base/worker.h"

#define PEOPLE_MOST 16
#define PUT_USEC    30000000ULL /* for a desktop to show the question */
#define LEAVE_USEC  1000000ULL	/* to take the question away */
#define SAY_USEC    300000ULL	/* for a command to say what it wants: others wait meanwhile */
#define WHO_USEC    3000000ULL	/* for a user's name */

struct person {
	TAILQ_ENTRY(person) link;
	struct asks *asks;
	struct worker *worker;
	uid_t uid;
	char name[USER_SIZE];
	struct ask_question question;
	bool put;
	bool leaving; /* its question is over: it takes it away, and ends */
};

struct asks {
	struct agent *agent;
	int listener;
	sd_event_source *io, *client_io, *client_timer;
	int client; /* one at a time: it says one thing, at once */
	struct ask_answer said;
	char said_by[USER_SIZE];
	struct worker *who; /* finds out what that user is called */
	uint32_t ask;	    /* under way, 0: none */
	TAILQ_HEAD(people, person) people, leaving;
	size_t count; /* of people */
	char path[AGENT_PATH_SIZE];
};

static void person_free(struct person *p)
{
	p->worker = worker_free(p->worker);
	free(p);
}

/* The question is over: what is shown of it is taken away. */
static void let_go(struct asks *asks)
{
	struct ipc_head end = {.type = ASK_END, .size = sizeof(end)};
	struct person *p;

	while ((p = TAILQ_FIRST(&asks->people))) {
		TAILQ_REMOVE(&asks->people, p, link);
		p->leaving = true;
		TAILQ_INSERT_TAIL(&asks->leaving, p, link);
		if (p->worker && worker_send(p->worker, &end, -1) == 0 &&
			worker_deadline(p->worker, LEAVE_USEC) == 0)
			continue;
		TAILQ_REMOVE(&asks->leaving, p, link);
		person_free(p);
	}
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
	const struct person *p;

	TAILQ_FOREACH(p, &asks->people, link)
	if (p->worker || p->put)
		return;
	log_line(LOG_WARNING, NULL, "nobody could be asked about the restart");
	(void)answer(asks, ANSWER_NOBODY, 0, "");
}

static void take_name(const struct ipc_head *m, char name[static USER_SIZE])
{
	const struct ask_name *n = (const struct ask_name *)m;

	if (m->type == ASK_NAME && m->size == sizeof(*n) &&
		text_terminated(n->name, sizeof(n->name)) && n->name[0])
		text_copy_line(name, USER_SIZE, n->name);
}

static void on_ask(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	const struct ask_answer *a = (const struct ask_answer *)m;
	struct person *p = userdata;

	(void)fd;
	if (p->leaving)
		return;
	if (m->type == ASK_NAME) {
		take_name(m, p->name);
	} else if (m->type == ASK_PUT && m->size == sizeof(*m)) {
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

	if (!p->leaving && (status != 0 || timed_out))
		log_line(LOG_WARNING, NULL, "platen-ask for %s ended: %s", p->name,
			worker_end_text(status, timed_out, why));
	p->worker = worker_free(worker);
	if (p->leaving) {
		TAILQ_REMOVE(&p->asks->leaving, p, link);
		return person_free(p);
	}
	nobody_left(p->asks);
}

static void number_as_name(uid_t uid, char name[static USER_SIZE])
{
	(void)snprintf(name, USER_SIZE, "user %u", (unsigned)uid);
}

/* Starts a platen-ask that has `usec` for its request. */
static int start_ask(struct asks *asks, const struct worker_setup *about, const void *request,
	uint64_t usec, struct worker **ret_worker)
{
	char program[AGENT_PATH_SIZE + 16];
	const char *argv[] = {program, "--worker", NULL};
	struct worker_setup setup = *about;
	int r;

	(void)snprintf(program, sizeof(program), "%s/platen-ask", asks->agent->config.libexec_dir);
	setup.argv = argv;
	r = worker_new(asks->agent->event, &setup, ret_worker);
	if (r == 0)
		r = worker_send(*ret_worker, request, -1);
	if (r == 0)
		r = worker_deadline(*ret_worker, usec);
	if (r < 0)
		log_line(LOG_ERR, NULL, "cannot start %s: %s", program, strerror(-r));
	return r;
}

static struct person *person_of(struct asks *asks, uid_t uid)
{
	struct person *p;

	TAILQ_FOREACH(p, &asks->people, link)
	if (p->uid == uid)
		return p;
	p = asks->count < PEOPLE_MOST ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	p->asks = asks;
	p->uid = uid;
	number_as_name(uid, p->name);
	TAILQ_INSERT_TAIL(&asks->people, p, link);
	asks->count++;
	return p;
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
	struct worker_setup setup = {.on_message = on_ask, .on_exit = on_ask_exit, .userdata = p};

	p->question.head = (struct ipc_head){.type = ASK_QUESTION, .size = sizeof(p->question)};
	p->question.uid = p->uid;
	p->question.limit_sec = ask->limit_sec;
	p->question.reminder = ask->reminder;
	text_copy_line(p->question.reason, sizeof(p->question.reason), ask->reason);
	(void)start_ask(p->asks, &setup, &p->question, PUT_USEC, &p->worker); /* it has logged */
}

void asks_put(struct asks *asks, const struct message_restart_ask *ask)
{
	char **sessions = NULL;
	struct person *p;
	int n = sd_get_sessions(&sessions);

	let_go(asks);
	asks->ask = ask->ask;
	for (int i = 0; i < n; i++) {
		add_session(asks, sessions[i]);
		free(sessions[i]);
	}
	free(sessions);
	TAILQ_FOREACH(p, &asks->people, link)
	start(p, ask);
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
	asks->who = worker_free(asks->who);
	(void)sd_event_source_set_enabled(asks->io, SD_EVENT_ON);
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

/* What a command has said goes to the host. */
static void hand_on(struct asks *asks)
{
	int r = answer(asks, asks->said.choice, asks->said.after_sec, asks->said_by);

	if (r == 0) {
		asks->ask = 0;
		let_go(asks);
	}
	reply(asks, r,
		r == 0	       ? "The host was told."
		: r == -EINVAL ? "That is no answer: see platen-ask(1)."
			       : "The host is not connected: try again later.");
}

static void on_who(struct worker *worker, const struct ipc_head *m, int *fd, void *userdata)
{
	struct asks *asks = userdata;

	(void)worker;
	(void)fd;
	take_name(m, asks->said_by);
}

static void on_who_exit(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct asks *asks = userdata;

	(void)status;
	(void)timed_out; /* then a number has to do */
	asks->who = worker_free(worker);
	hand_on(asks);
}

static void find_out_who(struct asks *asks, uid_t uid)
{
	struct ask_who m = {.head = {.type = ASK_WHO, .size = sizeof(m)}, .uid = uid};
	struct worker_setup setup = {
		.on_message = on_who, .on_exit = on_who_exit, .userdata = asks};

	number_as_name(uid, asks->said_by);
	asks->client_io = sd_event_source_disable_unref(asks->client_io);
	asks->client_timer = sd_event_source_disable_unref(asks->client_timer);
	if (start_ask(asks, &setup, &m, WHO_USEC, &asks->who) < 0)
		hand_on(asks);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	const struct ask_answer *a = (const struct ask_answer *)buf;
	struct asks *asks = userdata;
	struct ucred peer;
	socklen_t size = sizeof(peer);
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
	asks->said = *a;
	find_out_who(asks, peer.uid);
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
	int result = fd < 0 ? -errno : fd;

	(void)revents;
	if (loop_accepted(source, result))
		log_line(LOG_ERR, NULL, "%s: nobody can be taken: %s; tried again each second",
			asks->path, strerror(-result));
	if (fd < 0)
		return 0;
	asks->client = fd;
	(void)sd_event_source_set_enabled(asks->io, SD_EVENT_OFF); /* the next has to wait */
	if (sd_event_add_io(asks->agent->event, &asks->client_io, fd, EPOLLIN, on_client, asks) <
			0 ||
		sd_event_add_time_relative(asks->agent->event, &asks->client_timer, CLOCK_MONOTONIC,
			SAY_USEC, 0, on_client_timer, asks) < 0)
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
	TAILQ_INIT(&asks->people);
	TAILQ_INIT(&asks->leaving);
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
	struct person *p;

	if (!asks)
		return NULL;
	let_go(asks);
	while ((p = TAILQ_FIRST(&asks->leaving))) {
		TAILQ_REMOVE(&asks->leaving, p, link);
		person_free(p);
	}
	client_end(asks);
	asks->io = sd_event_source_disable_unref(asks->io);
	asks->listener = close_fd(asks->listener);
	(void)unlink(asks->path);
	free(asks);
	return NULL;
}
