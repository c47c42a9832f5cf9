/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question, put in a person's session (Desktop Notifications Specification 1.2).
 *
 * It runs as that user with that user's bus, so it can do nothing that the person could not. Two
 * buttons come first; "Later" brings a second notification with the times. Where no notification
 * can be shown, a line goes to each terminal of the user, with the command that answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "guest/ask/ask.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define SERVICE	   "org.freedesktop.Notifications"
#define PATH	   "/org/freedesktop/Notifications"
#define START_USEC 10000000ULL /* for the desktop to show it */

struct asking {
	sd_event *event;
	sd_bus *bus;
	struct ask_question question;
	uint32_t id; /* of the notification shown */
	bool put;
	bool notifying; /* the desktop has not said yet which number it has */
	bool ended;	/* the agent waits for no answer */
};

static void tell(uint32_t type)
{
	struct ipc_head put = {.type = type, .size = sizeof(put)};

	(void)ipc_send(IPC_FD, &put, -1); /* the agent gone: nothing to ask for */
}

static void body_text(const struct ask_question *q, char *buf, size_t size)
{
	char limit[64] = "";

	if (q->limit_sec)
		(void)snprintf(limit, sizeof(limit), " It restarts by itself in %u min.",
			(q->limit_sec + 59) / 60);
	(void)text_printf(buf, size, "%.400s.%s", q->reason, limit);
}

/* A line on each terminal, as wall(1) does. */
static bool write_ttys(const struct ask_question *q)
{
	char path[48], body[MESSAGE_SIZE], line[MESSAGE_SIZE * 2], shown[MESSAGE_SIZE];
	bool any = false;

	body_text(q, body, sizeof(body));
	(void)snprintf(line, sizeof(line),
		"\r\n*** This workspace needs a restart: %s\r\n"
		"*** Answer with `platen-ask --now`, `platen-ask --later 1h` or "
		"`platen-ask --session-end`\r\n",
		text_escape(body, shown, sizeof(shown)));
	for (size_t i = 0; i < ASK_TTYS_MAX && q->ttys[i][0]; i++) {
		_cleanup_close_ int fd = -1;

		(void)snprintf(path, sizeof(path), "/dev/%s", q->ttys[i]);
		fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
		any |= fd >= 0 && isatty(fd) && write(fd, line, strlen(line)) > 0;
	}
	return any;
}

static void finish_on_ttys(struct asking *a)
{
	if (!a->put && write_ttys(&a->question)) {
		a->put = true;
		tell(ASK_PUT);
	}
	(void)sd_event_exit(a->event, a->put ? 0 : 1);
}

static void take_away(struct asking *a)
{
	if (a->id)
		(void)sd_bus_call_method_async(a->bus, NULL, SERVICE, PATH, SERVICE,
			"CloseNotification", NULL, NULL, "u", a->id);
	if (a->bus)
		(void)sd_bus_flush(a->bus);
	(void)sd_event_exit(a->event, 0);
}

static int on_notified(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct asking *a = userdata;

	(void)error;
	a->notifying = false;
	if (a->ended) {
		(void)sd_bus_message_read(m, "u", &a->id); /* an error has none */
		take_away(a);
		return 0;
	}
	if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &a->id) < 0) {
		finish_on_ttys(a);
		return 0;
	}
	if (!a->put) {
		a->put = true;
		(void)write_ttys(&a->question);
		tell(ASK_PUT);
	}
	return 0;
}

static int notify(struct asking *a, bool later)
{
	sd_bus_message *m = NULL;
	char body[MESSAGE_SIZE];
	const char *summary = later		     ? "Restart this workspace later"
			      : a->question.reminder ? "This workspace restarts soon"
						     : "This workspace needs a restart";
	int r = sd_bus_message_new_method_call(a->bus, &m, SERVICE, PATH, SERVICE, "Notify");

	body_text(&a->question, body, sizeof(body));
	if (r >= 0)
		r = sd_bus_message_append(
			m, "susss", "Platen", a->id, "system-reboot", summary, body);
	if (r >= 0 && later)
		r = sd_bus_message_append(m, "as", 8, "1h", "In 1 hour", "4h", "In 4 hours",
			"tonight", "Tonight", "session", "At the end of the session");
	else if (r >= 0)
		r = sd_bus_message_append(m, "as", 4, "now", "Restart now", "later", "Later");
	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}i", 2, "urgency", "y", 2, "resident", "b", 0, 0);
	if (r >= 0)
		r = sd_bus_call_async(a->bus, NULL, m, on_notified, a, START_USEC);
	a->notifying |= r >= 0;
	(void)sd_bus_message_unref(m);
	return r;
}

static int on_action(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct ask_answer answer = {.head = {.type = ASK_ANSWER, .size = sizeof(answer)}};
	struct asking *a = userdata;
	const char *key;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "us", &id, &key) < 0 || id != a->id)
		return 0;
	if (strcmp(key, "later") == 0) {
		a->id = 0;
		if (notify(a, true) < 0)
			(void)sd_event_exit(a->event, 1);
		return 0;
	}
	if (strcmp(key, "now") == 0) {
		answer.choice = ANSWER_NOW;
	} else if (strcmp(key, "session") == 0) {
		answer.choice = ANSWER_SESSION_END;
	} else {
		answer.choice = ANSWER_LATER;
		answer.after_sec = ask_parse_time(key);
		if (!answer.after_sec)
			return 0; /* "default": a click beside the buttons is no answer */
	}
	(void)ipc_send(IPC_FD, &answer, -1);
	(void)sd_event_exit(a->event, 0);
	return 0;
}

/* The agent ended the question: the notification goes with it. */
static int on_agent(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct asking *a = userdata;

	(void)fd;
	(void)revents;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	a->ended = true;
	if (!a->notifying)
		take_away(a);
	return 0;
}

static int connect_bus(struct asking *a)
{
	char address[128];
	int r;

	(void)snprintf(address, sizeof(address), "unix:path=/run/user/%u/bus", (unsigned)getuid());
	r = sd_bus_new(&a->bus);
	if (r >= 0)
		r = sd_bus_set_address(
			a->bus, getenv("PLATEN_ASK_BUS") ? getenv("PLATEN_ASK_BUS") : address);
	if (r >= 0)
		r = sd_bus_set_bus_client(a->bus, 1);
	if (r >= 0)
		r = sd_bus_start(a->bus);
	if (r >= 0)
		r = sd_bus_attach_event(a->bus, a->event, 0);
	if (r >= 0)
		r = sd_bus_match_signal_async(
			a->bus, NULL, SERVICE, PATH, SERVICE, "ActionInvoked", on_action, NULL, a);
	return r >= 0 ? notify(a, false) : r;
}

int ask_put(const struct ask_question *question)
{
	struct asking a = {.question = *question};
	int r;

	if (sd_event_default(&a.event) < 0 ||
		sd_event_add_io(a.event, NULL, IPC_FD, EPOLLIN, on_agent, &a) < 0)
		return 1;
	if (!a.question.desktop || connect_bus(&a) < 0)
		finish_on_ttys(&a);
	r = sd_event_loop(a.event);
	a.bus = sd_bus_close_unref(a.bus);
	a.event = sd_event_unref(a.event);
	return r;
}
