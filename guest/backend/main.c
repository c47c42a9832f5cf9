/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUPS backend `platen`: hands a job to platen-agent and ends as the job ends.
 *
 * It passes the open document, not its bytes, and then only relays. It never ends well unless the
 * agent says so. When the agent goes away it waits for the next one and hands the same job over
 * again: the job's UUID keeps that from printing twice. When cupsd stops it without cancelling the
 * job, or dies, it hangs up, and the job goes on as far as it can: cupsd starts it anew later.
 *
 * cupsd 2.4 gives a job up when a backend ends otherwise than well before the job's last file. So
 * before that it only ends well, or by the very signal by which cupsd stops it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "guest/backend/args.h"
#include "guest/backend/cancel.h"
#include "guest/backend/document.h"
#include "guest/backend/files.h"
#include "guest/backend/report.h"
#include "proto/base/cleanup.h"
#include "proto/base/confine.h"
#include "proto/base/text.h"

#define RUN_DIR	    "/run/platen-agent"
#define RUN_DIR_ENV "PLATEN_AGENT_RUNDIR" /* another one, by cupsd's SetEnv */
#define COMMANDS    "application/vnd.cups-command"
#define RETRY_MSEC  1000  /* between two tries to reach the agent */
#define LISTEN_MSEC 20	  /* from the making of its socket to its listening */
#define PARENT_MSEC 150	  /* in which a cupsd that ends is gone after its SIGTERM */
#define CANCEL_MSEC 20000 /* for the agent's answer: cupsd kills after 30 s (JobKillDelay) */
#define STOP_MSEC   20000 /* in which the agent has a job with further files held */
#define MEMORY_MAX  (256UL * 1024 * 1024) /* bytes of address space */
#define AGAIN_MSEC  2000 /* before an end after which cupsd starts us again at once */

struct backend {
	struct backend_open open;
	struct report report;
	int document, agent, signals;
	pid_t spooler;
	bool stopped, cancelled, lost;
	int64_t give_up; /* msec, with `cancelled` */
};

static int64_t now_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static const char *run_dir(void)
{
	const char *dir = getenv(RUN_DIR_ENV);

	return dir && *dir ? dir : RUN_DIR;
}

static int agent_connect(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	if (text_printf(address.sun_path, sizeof(address.sun_path), "%s/backend", run_dir()) < 0)
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int say_cancel(struct backend *b)
{
	struct ipc_head cancel = {.type = BACKEND_CANCEL, .size = sizeof(cancel)};

	return ipc_send(b->agent, &cancel, -1);
}

/* SIGTERM came: finds out what it means. */
static void on_signal(struct backend *b)
{
	struct signalfd_siginfo info;
	struct pollfd none;
	int asked;

	if (read(b->signals, &info, sizeof(info)) < 0 || b->cancelled)
		return;
	/* A cupsd that ends is not asked: with socket activation that would start it again. */
	(void)poll(&none, 0, PARENT_MSEC);
	asked = getppid() == b->spooler ? cancel_asked(getenv("CUPS_SERVER"), b->open.guest_job)
					: -ESRCH;
	if (asked == 2 && b->open.more)
		return; /* it is not the spooler's, which would go on with the next file */
	b->stopped = asked != 1;
	if (b->stopped)
		return;
	b->cancelled = true;
	b->give_up = now_msec() + CANCEL_MSEC;
	if (b->agent >= 0)
		(void)say_cancel(b); /* an agent that is gone is noticed by the read */
}

static bool is_over(const struct backend *b)
{
	return b->stopped || (b->cancelled && now_msec() >= b->give_up);
}

/* Waits until the agent may be back: its socket appears, a second passes, or a signal comes. */
static void wait_for_agent(struct backend *b)
{
	_cleanup_close_ int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd fds[] = {
		{.fd = b->signals, .events = POLLIN}, {.fd = notify, .events = POLLIN}};

	if (notify >= 0)
		(void)inotify_add_watch(notify, run_dir(), IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
	(void)poll(fds, 2, RETRY_MSEC);
	if (fds[1].revents) /* it is there, but may not listen yet */
		(void)poll(fds, 1, LISTEN_MSEC);
	if (fds[0].revents)
		on_signal(b);
}

/* Shows, once, that the agent is not there. */
static void lost(struct backend *b, int error)
{
	if (b->lost)
		return;
	b->lost = true;
	b->report.shown.text[0] = '\0'; /* this is shown now */
	report_reasons(&b->report, "connecting-to-device");
	report_line("INFO", error == -EACCES
				    ? "platen-agent may not be reached: see spooler-user in "
				      "platen-agent.conf(5), or what SELinux or AppArmor "
				      "refused: journalctl -k --grep=denied"
				    : "Waiting for platen-agent: see `systemctl status "
				      "platen-agent`");
}

static void found(struct backend *b)
{
	if (!b->lost)
		return;
	b->lost = false;
	report_reasons(&b->report, "");
	report_line("INFO", "");
}

/* Hands the job to the agent. 0 or -errno. */
static int hand_over(struct backend *b)
{
	int r;

	b->agent = agent_connect();
	if (b->agent < 0)
		return b->agent;
	if (b->document >= 0)
		(void)lseek(b->document, 0, SEEK_SET);
	r = ipc_send(b->agent, &b->open, b->document);
	return r == 0 && b->cancelled ? say_cancel(b) : r;
}

/* Relays until the agent says how to end, which is then in `ret_end`. 0; -ECONNRESET: the agent
 * went away; -ETIME: it is over before. */
static int follow(struct backend *b, struct backend_end *ret_end)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	const struct ipc_head *m = (const struct ipc_head *)buf;

	while (!is_over(b)) {
		struct pollfd fds[] = {
			{.fd = b->agent, .events = POLLIN}, {.fd = b->signals, .events = POLLIN}};
		int fd = -1, r;

		if (poll(fds, 2, b->cancelled || b->lost ? RETRY_MSEC : -1) == 0)
			found(b); /* it took the job and did not hang up */
		if (fds[1].revents)
			on_signal(b);
		if (!fds[0].revents)
			continue;
		r = ipc_recv(b->agent, buf, sizeof(buf), &fd);
		(void)close_fd(fd);
		if (r == -EAGAIN)
			continue;
		if (r <= 0)
			return -ECONNRESET;
		found(b);
		if (m->type == BACKEND_STATUS && m->size == sizeof(struct backend_status)) {
			(void)report_status(&b->report, (const struct backend_status *)buf);
		} else if (m->type == BACKEND_END && m->size == sizeof(*ret_end)) {
			*ret_end = *(const struct backend_end *)buf;
			if (text_terminated(ret_end->text, sizeof(ret_end->text)))
				return 0;
			return -ECONNRESET;
		}
	}
	return -ETIME;
}

/* Says the agent's last words, and gives the code to exit with. */
static int finish(struct backend *b, const struct backend_end *end)
{
	struct pollfd fd = {.fd = b->signals, .events = POLLIN};
	char held[MESSAGE_SIZE];

	/* cupsd keeps an error with a held job, but only one that was not the message before. */
	if (end->exit_code == BACKEND_EXIT_HOLD) {
		(void)text_printf(held, sizeof(held), "Held: %.500s", end->text);
		report_line("ERROR", held);
	} else if (end->text[0]) {
		report_line(end->exit_code == BACKEND_EXIT_OK ? "INFO" : "ERROR", end->text);
	}
	switch (end->exit_code) {
	case BACKEND_EXIT_OK:
	case BACKEND_EXIT_HOLD:
	case BACKEND_EXIT_STOP:
	case BACKEND_EXIT_CANCEL: return (int)end->exit_code;
	default: /* or cupsd would start us as often as it can */
		(void)poll(&fd, 1, AGAIN_MSEC);
		return end->exit_code == BACKEND_EXIT_FAILED ? BACKEND_EXIT_FAILED
							     : BACKEND_EXIT_RETRY_CURRENT;
	}
}

/* Ends by SIGTERM, as a program that knows nothing of signals. */
static void die(void)
{
	sigset_t mask;

	(void)fflush(stderr);
	(void)signal(SIGTERM, SIG_DFL);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)raise(SIGTERM);
	(void)sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

/* Held or put off in the midst of a job: the agent has cupsd stop it. Whether it did. */
static bool wait_to_be_stopped(struct backend *b)
{
	struct pollfd fd = {.fd = b->signals, .events = POLLIN};
	int64_t end = now_msec() + STOP_MSEC;

	while (!b->stopped && !b->cancelled && now_msec() < end)
		if (poll(&fd, 1, RETRY_MSEC) > 0)
			on_signal(b);
	return b->stopped || b->cancelled;
}

/* The end of a file that is not its job's last. -EAGAIN: the job is to be handed over again. */
static int finish_file(struct backend *b, const struct backend_end *end)
{
	switch (finish(b, end)) {
	case BACKEND_EXIT_OK: return BACKEND_EXIT_OK;
	case BACKEND_EXIT_CANCEL: /* of this document; the others are no less wanted for it */
		return b->cancelled ? BACKEND_EXIT_CANCEL : BACKEND_EXIT_OK;
	case BACKEND_EXIT_HOLD:
		if (!wait_to_be_stopped(b))
			return -EAGAIN;
		break;
	default:
		if (!b->stopped)
			return -EAGAIN;
	}
	if (b->cancelled)
		return BACKEND_EXIT_CANCEL;
	die();
	return BACKEND_EXIT_RETRY_CURRENT; /* not reached */
}

static int run(struct backend *b)
{
	bool supplies = b->open.head.type == BACKEND_SUPPLIES;
	struct backend_end end;
	int r, code;

again:
	for (;;) {
		r = hand_over(b);
		if (r == 0)
			r = follow(b, &end);
		b->agent = close_fd(b->agent);
		if (r == 0 || is_over(b) || supplies)
			break;
		lost(b, r);
		wait_for_agent(b);
		if (is_over(b))
			break;
	}
	report_reasons(&b->report, "");
	if (r == 0 && b->open.more) {
		code = finish_file(b, &end);
		if (code == -EAGAIN)
			goto again;
		return code;
	}
	if (r == 0)
		return finish(b, &end);
	if (supplies) /* whoever asked asks again, and no job waits behind this */
		return BACKEND_EXIT_OK;
	if (b->open.more && !b->cancelled)
		die();
	return b->cancelled ? BACKEND_EXIT_CANCEL : BACKEND_EXIT_RETRY_CURRENT;
}

static int signals_open(void)
{
	sigset_t mask;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	/* A cupsd that was killed runs the job again once it is back; this one is then over. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	return signalfd(-1, &mask, SFD_CLOEXEC);
}

/* A job: 6 or 7 arguments. */
static int job(int argc, char **argv)
{
	struct backend b = {.agent = -1, .spooler = getppid()};
	char why[ARGS_WHY_SIZE];
	uint32_t files;
	int left_out, r;

	report_init(&b.report, getenv("PRINTER_STATE_REASONS"));
	r = (int)args_read(argc, argv, &b.open, &left_out, why);
	if (r != BACKEND_EXIT_OK) {
		report_line("ERROR", why);
		return r;
	}
	if (left_out)
		fprintf(stderr, "WARNING: %d job options cannot be passed on and are left out\n",
			left_out);
	b.signals = signals_open();
	b.document = document_open(argc == 7 ? argv[6] : NULL, b.signals);
	/* With filters of the printer's, all files are one document. */
	files = argc == 7 || b.open.rendered ? 1 : files_count(b.open.guest_job);
	if (b.document == -EINTR) {
		if (files > 1 || b.open.more)
			die();
		return BACKEND_EXIT_RETRY_CURRENT;
	}
	if (b.document < 0) {
		fprintf(stderr, "ERROR: The job's document cannot be read: %s\n",
			strerror(-b.document));
		return BACKEND_EXIT_HOLD;
	}
	if (strcmp(b.open.format, COMMANDS) == 0) {
		b.open.head.type = BACKEND_SUPPLIES;
		b.document = close_fd(b.document);
	} else if (files > 1 && !files_find(b.document, files, &b.open)) {
		report_line("ERROR",
			"Which of the job's files this is cannot be told: print them one by one");
		return BACKEND_EXIT_HOLD;
	}
	return run(&b);
}

int main(int argc, char **argv)
{
	/* Discovery lists nothing: queues are made by platen-agent, not by hand, and lpinfo(8) is
	 * not to offer what a person cannot use. */
	if (argc == 1)
		return BACKEND_EXIT_OK;
	if (argc == 6 || argc == 7) {
		/* What cupsd's own profile forbids is no reason not to print. */
		(void)confine(&(struct confine){.memory = MEMORY_MAX, .secret = true});
		return job(argc, argv);
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-backend %s\n", PLATEN_VERSION);
		return 0;
	}
	fprintf(stderr, "Usage: platen JOB USER TITLE COPIES OPTIONS [FILE]\n"
			"The CUPS backend of Platen; run by cupsd(8), see platen-backend(8).\n");
	return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : BACKEND_EXIT_FAILED;
}
