/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUPS backend `platen`: hands a job to platen-agent and ends as the job ends.
 *
 * It passes the open document, not its bytes, and then only relays: what the agent says goes to
 * cupsd as INFO:, STATE:, ATTR: and PAGE: lines of our own making, for a backend's stderr is a
 * control channel of cupsd (backend(7), filter(7)). It never ends well unless the agent says so.
 * When the agent goes away it waits for the next one and hands the same job over again: the job's
 * UUID keeps that from printing twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/backend/args.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define RUN_DIR	    "/run/platen-agent"
#define RUN_DIR_ENV "PLATEN_AGENT_RUNDIR" /* another one, by cupsd's SetEnv */
#define RETRY_MSEC  1000		  /* between two tries to reach the agent */
#define CANCEL_MSEC 20000		  /* after SIGTERM: cupsd kills after 30 s (JobKillDelay) */

struct backend {
	struct backend_open open;
	int document, agent, signals;
	bool cancelled;
	char reasons[REASONS_SIZE]; /* what STATE: was set to */
	struct backend_status shown;
};

/* One line of our own on cupsd's control channel: `text` cannot add another. */
static void tell(const char *prefix, const char *text)
{
	char line[MESSAGE_SIZE];

	text_copy_line(line, sizeof(line), text);
	fprintf(stderr, "%s: %s\n", prefix, line);
}

/* STATE: takes what was set away, and sets the new reasons. */
static void tell_reasons(struct backend *b, const char *reasons)
{
	if (strcmp(b->reasons, reasons) == 0)
		return;
	if (b->reasons[0])
		fprintf(stderr, "STATE: -%s\n", b->reasons);
	if (reasons[0])
		fprintf(stderr, "STATE: +%s\n", reasons);
	(void)text_copy(b->reasons, sizeof(b->reasons), reasons);
}

static bool is_reasons(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_,") ==
	       strlen(s);
}

/* ATTR: name="value", quotes and backslashes escaped (filter(7)). */
static void tell_attr(const char *name, const char *value)
{
	if (!value[0])
		return;
	fprintf(stderr, "ATTR: %s=", name);
	if (strchr(value, '"')) { /* a list of quoted names: it is its own quoting */
		fprintf(stderr, "'");
		for (; *value; value++)
			if (*value != '\'' && *value != '\\')
				fputc(*value, stderr);
		fprintf(stderr, "'\n");
		return;
	}
	fprintf(stderr, "%s\n", value);
}

static bool is_sound(const struct backend_status *s)
{
#define LINE(m) (text_terminated(s->m, sizeof(s->m)) && text_is_line(s->m))
	return LINE(text) && LINE(reasons) && is_reasons(s->reasons) && LINE(marker_names) &&
	       LINE(marker_types) && LINE(marker_colors) && LINE(marker_levels) &&
	       LINE(marker_low_levels) && LINE(marker_high_levels);
#undef LINE
}

static void on_status(struct backend *b, const struct backend_status *s)
{
	if (!is_sound(s))
		return;
	if (s->text[0] && strcmp(s->text, b->shown.text) != 0)
		tell("INFO", s->text);
	tell_reasons(b, s->reasons);
	if (s->progress && s->progress != b->shown.progress)
		fprintf(stderr, "ATTR: job-media-progress=%u\n", s->progress);
	if (s->pages && s->pages != b->shown.pages)
		fprintf(stderr, "PAGE: total %u\n", s->pages);
	if (strcmp(s->marker_levels, b->shown.marker_levels) != 0) {
		tell_attr("marker-colors", s->marker_colors);
		tell_attr("marker-high-levels", s->marker_high_levels);
		tell_attr("marker-levels", s->marker_levels);
		tell_attr("marker-low-levels", s->marker_low_levels);
		tell_attr("marker-names", s->marker_names);
		tell_attr("marker-types", s->marker_types);
	}
	b->shown = *s;
}

static const char *run_dir(void)
{
	const char *dir = getenv(RUN_DIR_ENV);

	return dir ? dir : RUN_DIR;
}

static int agent_connect(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	if (text_printf(address.sun_path, sizeof(address.sun_path), "%s/backend", run_dir()) < 0)
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Waits until the agent may be back: its socket appears, a second passes, or a signal comes. */
static void wait_for_agent(struct backend *b)
{
	_cleanup_close_ int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd fds[] = {
		{.fd = notify, .events = POLLIN}, {.fd = b->signals, .events = POLLIN}};

	if (notify >= 0)
		(void)inotify_add_watch(notify, run_dir(), IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
	(void)poll(fds, 2, RETRY_MSEC);
	if (fds[1].revents)
		b->cancelled = true;
}

/* Hands the job to the agent, however long that takes. 0, or -ECANCELED after SIGTERM. */
static int hand_over(struct backend *b)
{
	for (;;) {
		int r;

		b->agent = agent_connect();
		r = b->agent < 0 ? b->agent : ipc_send(b->agent, &b->open, b->document);
		if (r == 0)
			return 0;
		b->agent = close_fd(b->agent);
		if (!b->reasons[0]) {
			tell_reasons(b, "connecting-to-device");
			tell("INFO",
				r == -EACCES
					? "platen-agent does not take this spooler's user: see "
					  "spooler-user in platen-agent.conf(5)"
					: "Waiting for platen-agent: `systemctl status "
					  "platen-agent`");
		}
		wait_for_agent(b);
		if (b->cancelled)
			return -ECANCELED;
	}
}

static void on_signal(struct backend *b)
{
	struct ipc_head cancel = {.type = BACKEND_CANCEL, .size = sizeof(cancel)};
	struct signalfd_siginfo info;

	if (read(b->signals, &info, sizeof(info)) < 0)
		return;
	b->cancelled = true;
	(void)ipc_send(b->agent, &cancel, -1); /* an agent that is gone is noticed by the read */
}

/* Relays until the agent says how to end. The exit code, or -ECONNRESET: the agent went away. */
static int follow(struct backend *b)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	const struct ipc_head *m = (const struct ipc_head *)buf;
	const struct backend_end *end = (const struct backend_end *)buf;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = b->agent, .events = POLLIN}, {.fd = b->signals, .events = POLLIN}};
		int fd = -1, r;

		r = poll(fds, 2, b->cancelled ? CANCEL_MSEC : -1);
		if (r == 0)
			return BACKEND_EXIT_CANCEL; /* the agent does not answer; it finds out later
						     */
		if (fds[1].revents)
			on_signal(b);
		if (!fds[0].revents)
			continue;
		r = ipc_recv(b->agent, buf, sizeof(buf), &fd);
		(void)close_fd(fd);
		if (r <= 0)
			return -ECONNRESET;
		if (m->type == BACKEND_STATUS && m->size == sizeof(struct backend_status)) {
			on_status(b, (const struct backend_status *)buf);
		} else if (m->type == BACKEND_END && m->size == sizeof(*end) &&
			   text_terminated(end->text, sizeof(end->text))) {
			if (end->text[0])
				tell(end->exit_code == BACKEND_EXIT_OK ? "INFO" : "ERROR",
					end->text);
			return (int)end->exit_code;
		}
	}
}

/* The job's document: the file of argv[6], or standard input spooled where nobody sees it. */
static int document_open(int argc, char *const *argv, char why[static 256])
{
	const char *folder = getenv("TMPDIR");
	_cleanup_close_ int fd = -1;
	char buf[65536];
	ssize_t n;

	if (argc == 7) {
		fd = open(argv[6], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			(void)snprintf(why, 256, "%s: %s", argv[6], strerror(errno));
		return fd < 0 ? -EIO : steal_fd(&fd);
	}
	fd = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		(void)snprintf(why, 256, "no temporary file can be made: %s", strerror(errno));
		return -EIO;
	}
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0, w; at < n; at += w) {
			w = write(fd, buf + at, (size_t)(n - at));
			if (w < 0) {
				(void)snprintf(why, 256, "the document cannot be kept: %s",
					strerror(errno));
				return -EIO;
			}
		}
	}
	if (n < 0) {
		(void)snprintf(why, 256, "standard input: %s", strerror(errno));
		return -EIO;
	}
	return steal_fd(&fd);
}

static int signals_open(void)
{
	sigset_t mask;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	return signalfd(-1, &mask, SFD_CLOEXEC);
}

static int run(struct backend *b)
{
	int r;

	do {
		r = hand_over(b);
		if (r == 0)
			r = follow(b);
		b->agent = close_fd(b->agent);
		if (r == -ECONNRESET && !b->cancelled)
			wait_for_agent(b);
	} while (r == -ECONNRESET && !b->cancelled);
	tell_reasons(b, "");
	return r < 0 ? BACKEND_EXIT_CANCEL : r;
}

int main(int argc, char **argv)
{
	struct backend b = {.document = -1, .agent = -1};
	char why[256];
	int left_out, r;

	if (argc == 1)
		return BACKEND_EXIT_OK; /* discovery: queues are made by platen-agent only */
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-backend %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 6 && argc != 7) {
		fprintf(stderr,
			"Usage: platen JOB USER TITLE COPIES OPTIONS [FILE]\n"
			"The CUPS backend of Platen; run by cupsd(8), see platen-backend(8).\n");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : BACKEND_EXIT_FAILED;
	}
	r = args_read(argc, argv, &b.open, &left_out, why);
	if (r < 0) {
		tell("ERROR", why);
		return BACKEND_EXIT_STOP;
	}
	if (left_out)
		fprintf(stderr, "WARNING: %d options that are none were left out\n", left_out);
	if (strcmp(b.open.format, "application/vnd.cups-command") == 0)
		b.open.head.type = BACKEND_SUPPLIES;
	b.document = document_open(argc, argv, why);
	if (b.document < 0) {
		tell("ERROR", why);
		return BACKEND_EXIT_FAILED; /* the queue's policy tries again */
	}
	b.signals = signals_open();
	if (b.signals < 0)
		return BACKEND_EXIT_FAILED;
	return run(&b);
}
