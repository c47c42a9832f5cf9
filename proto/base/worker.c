/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, hearing, timing and ending a worker.
 *
 * The child gets stdin from /dev/null, stdout and stderr of its owner, its connection at IPC_FD,
 * and nothing else; it dies with its owner. The owner is told of the worker's end exactly once,
 * when it has ended, whether by itself, by its deadline or for its broken connection, after its
 * last words, and never from within a call that it made itself. Of a worker that a service runs
 * there is only the connection: its end is the worker's.
 */
#include "proto/base/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define HANGUP_USEC   1000000ULL /* from closing its connection to its exit */
#define DRAIN_AT_ONCE 64	 /* messages before other sources have their turn */
#define DRAIN_LAST    4096	 /* messages of the dead: more than a socket holds */
/* Told at the edge: of a thousand workers that have something to say, epoll(7) would look at every
 * one each time that we come back from one. */
#define LISTENING (EPOLLIN | EPOLLET)

/* Where there are two of each (i386, arm), the first takes 16 bits, and makes root of 65536. */
#ifdef SYS_setuid32
#define CALL_SETGROUPS SYS_setgroups32
#define CALL_SETGID    SYS_setgid32
#define CALL_SETUID    SYS_setuid32
#else
#define CALL_SETGROUPS SYS_setgroups
#define CALL_SETGID    SYS_setgid
#define CALL_SETUID    SYS_setuid
#endif

struct worker {
	sd_event *event;
	struct worker_setup setup;
	pid_t pid;   /* 0 once reaped */
	bool served; /* by a service: the connection is all that there is of it */
	int fd;
	bool full;	  /* a send said -EAGAIN: POLLOUT is watched */
	bool hung_up;	  /* it closed its connection */
	bool killed;	  /* by its deadline */
	bool calling;	  /* a handler of the owner's runs: it may free us */
	bool doomed;	  /* it did: the memory goes when it returns */
	uint64_t cpu_end; /* usec of processor time */
	sd_event_source *io, *child, *timer, *cpu;
};

/* In the child: takes paths out of its file system. A container may forbid it, and what then still
 * stands there asks who comes. */
static void hide(const char *const *hidden)
{
	struct stat st;

	if (!hidden || geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) < 0)
		return;
	for (; *hidden; hidden++) {
		if (stat(*hidden, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			(void)mount("none", *hidden, "tmpfs",
				MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0,size=4k");
		else
			(void)mount("/dev/null", *hidden, NULL, MS_BIND, NULL);
	}
}

/* The user last: from there on others of that user could touch it. By system call, for the C
 * library would tell the owner's threads. */
static bool become_user(const struct passwd *pw)
{
	return syscall(CALL_SETGROUPS, 0, NULL) == 0 && syscall(CALL_SETGID, pw->pw_gid) == 0 &&
	       syscall(CALL_SETUID, pw->pw_uid) == 0 && geteuid() == pw->pw_uid &&
	       getegid() == pw->pw_gid;
}

/* In the child, between vfork and exec, in the owner's memory while the owner waits. What it
 * changes there is errno, which nobody looks at then, and that the memory may be dumped, which the
 * kernel takes away when its user changes: start() gives that back. It reads the user database not
 * at all: that would leave memory and descriptors behind. */
static void become(const struct worker_setup *setup, const struct passwd *pw, int sock, pid_t owner)
{
	sigset_t none;
	int null;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	hide(setup->hidden);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(126);
	if (sock == IPC_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, IPC_FD) < 0)
		_exit(126);
	if (close_from(IPC_FD + 1) < 0)
		_exit(126);
	if (pw && !become_user(pw))
		_exit(126);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != owner)
		_exit(126);
	execv(setup->argv[0], (char *const *)(uintptr_t)setup->argv);
	_exit(127);
}

/* After a handler: whether the worker is still there. */
static bool called(struct worker *worker)
{
	worker->calling = false;
	if (worker->doomed)
		free(worker);
	else
		return true;
	return false;
}

static void ended(struct worker *worker, int status)
{
	worker->pid = 0;
	worker->served = false;
	worker->io = sd_event_source_unref(worker->io);
	worker->fd = close_fd(worker->fd);
	worker->timer = sd_event_source_unref(worker->timer);
	worker->cpu = sd_event_source_unref(worker->cpu);
	worker->calling = true;
	worker->setup.on_exit(worker, status, worker->killed, worker->setup.userdata);
	(void)called(worker);
}

/* Its children go with it: that is what its process group is for. */
static void slay(const struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	(void)kill(-worker->pid, SIGKILL); /* its group, made before vfork(2) came back */
	(void)kill(worker->pid, SIGKILL);  /* or it could make none */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

static int arm(struct worker *worker, uint64_t usec)
{
	uint64_t now;
	int r = sd_event_now(worker->event, CLOCK_MONOTONIC, &now);

	if (r < 0)
		return r;
	if (worker->timer) {
		r = sd_event_source_set_time(worker->timer, now + usec);
		return r < 0 ? r : sd_event_source_set_enabled(worker->timer, SD_EVENT_ONESHOT);
	}
	return sd_event_add_time(worker->event, &worker->timer, CLOCK_MONOTONIC, now + usec, 100000,
		on_deadline, worker);
}

/* What it says, and room for what it is to hear. Also looks whether there is any of it already. */
static void listen_to(struct worker *worker)
{
	(void)sd_event_source_set_io_events(
		worker->io, worker->full ? LISTENING | EPOLLOUT : LISTENING);
}

/* Reads at most `most` messages. Returns false when a handler freed the worker. */
static bool drain(struct worker *worker, int most)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];

	for (int i = 0; i < most; i++) {
		int fd, r = ipc_recv(worker->fd, buf, sizeof(buf), &fd);

		if (r == -EAGAIN)
			return true;
		if (r <= 0) {
			if (worker->served) {
				ended(worker, r < 0 ? SIGKILL : 0);
				return false;
			}
			/* Its connection is over. It may still end in its own way; one that
			 * broke it may not. */
			worker->io = sd_event_source_unref(worker->io);
			worker->hung_up = true;
			if (r < 0 || arm(worker, HANGUP_USEC) < 0)
				slay(worker);
			return true;
		}
		worker->calling = true;
		worker->setup.on_message(
			worker, (const struct ipc_head *)buf, &fd, worker->setup.userdata);
		(void)close_fd(fd);
		if (!called(worker))
			return false;
	}
	if (worker->io)
		listen_to(worker); /* there may be more */
	return true;
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	worker->child = sd_event_source_unref(worker->child);
	if (worker->io && !drain(worker, DRAIN_LAST)) /* its last words first */
		return 0;
	ended(worker, si->si_code == CLD_EXITED ? si->si_status << 8 : si->si_status);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)fd;
	if (revents & EPOLLOUT && worker->full) {
		worker->full = false;
		listen_to(worker);
		worker->calling = true;
		if (worker->setup.on_room)
			worker->setup.on_room(worker, worker->setup.userdata);
		if (!called(worker))
			return 0;
	}
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		(void)drain(worker, DRAIN_AT_ONCE);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;

	(void)source;
	(void)usec;
	worker->killed = !worker->hung_up;
	worker->timer = sd_event_source_unref(worker->timer);
	slay(worker); /* on_child() tells the owner */
	if (worker->served)
		ended(worker, SIGKILL);
	return 0;
}

static int start(struct worker *worker, const struct passwd *pw)
{
	_cleanup_close_ int sock = -1;
	int fds[2], dumpable = prctl(PR_GET_DUMPABLE), r;
	pid_t owner = getpid(), pid;

	r = ipc_pair(0, fds);
	if (r < 0)
		return r;
	worker->fd = fds[0];
	sock = fds[1];
	if (fcntl(worker->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	/* fork(2) would copy the map of all the memory that we have. The price is that we wait
	 * until the child is at its exec, also for the mounts of hide(). */
	pid = vfork();
	if (pid == 0)
		become(&worker->setup, pw, sock, owner);
	if (pid < 0)
		return -errno;
	worker->pid = pid;
	/* What it was when the child became another user, it is for us too: no core of us. */
	if (dumpable == 1)
		(void)prctl(PR_SET_DUMPABLE, 1);
	r = sd_event_add_child(
		worker->event, &worker->child, worker->pid, WEXITED, on_child, worker);
	if (r < 0)
		return r;
	return sd_event_add_io(worker->event, &worker->io, worker->fd, LISTENING, on_io, worker);
}

/* Never waits: a service whose queue is full is as good as none. */
static int reach(struct worker *worker, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = text_copy(address.sun_path, sizeof(address.sun_path), path);

	if (r < 0)
		return r;
	worker->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (worker->fd < 0 || connect(worker->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	worker->served = true;
	return sd_event_add_io(worker->event, &worker->io, worker->fd, LISTENING, on_io, worker);
}

int worker_new(sd_event *event, const struct worker_setup *setup, struct worker **ret_worker)
{
	const struct passwd *pw = NULL;
	struct worker *worker;
	int r;

	if (!setup->socket && access(setup->argv[0], X_OK) < 0)
		return -errno;
	if (!setup->socket && setup->user && geteuid() == 0) {
		pw = getpwnam(setup->user);
		if (!pw)
			return -ESRCH;
	}
	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	worker->event = sd_event_ref(event);
	worker->setup = *setup;
	worker->fd = -1;
	r = setup->socket ? reach(worker, setup->socket) : start(worker, pw);
	if (r < 0) {
		(void)worker_free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

static void release(struct worker *worker, bool reap)
{
	worker->child = sd_event_source_disable_unref(worker->child);
	worker->io = sd_event_source_disable_unref(worker->io);
	worker->timer = sd_event_source_disable_unref(worker->timer);
	worker->cpu = sd_event_source_disable_unref(worker->cpu);
	if (worker->pid > 0) {
		slay(worker);
		while (reap && waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	worker->fd = close_fd(worker->fd);
	worker->event = sd_event_unref(worker->event);
	if (worker->calling)
		worker->doomed = true;
	else
		free(worker);
}

struct worker *worker_free(struct worker *worker)
{
	if (worker)
		release(worker, true);
	return NULL;
}

struct worker *worker_abandon(struct worker *worker)
{
	if (worker)
		release(worker, false);
	return NULL;
}

const char *worker_end_text(int status, bool timed_out, char buf[static 160])
{
	if (timed_out)
		(void)text_copy(buf, 160, "it did not answer in time");
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		(void)text_copy(buf, 160,
			"killed by its system call filter (SIGSYS): it tried what it may not");
	else if (WIFSIGNALED(status) && WTERMSIG(status) == WORKER_SIGCPU)
		(void)text_copy(buf, 160, "killed: it used up its processor time");
	else if (WIFSIGNALED(status))
		(void)text_printf(buf, 160, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		(void)text_copy(buf, 160,
			"it could not be executed: its user must be able to reach it, so look at "
			"the modes of all folders above it");
	else
		(void)text_printf(buf, 160, "by itself, status %d", WEXITSTATUS(status));
	return buf;
}

static void unheard(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	(void)worker;
	(void)msg;
	(void)fd;
	(void)userdata;
}

static void left_us(struct worker *worker, int status, bool timed_out, void *userdata)
{
	unsigned int *left = userdata;

	(void)status;
	(void)timed_out;
	(*left)--;
	(void)worker_free(worker);
}

struct worker *worker_dismiss(struct worker *worker, unsigned int *left)
{
	if (!worker)
		return NULL;
	if (worker->pid <= 0 || arm(worker, HANGUP_USEC) < 0)
		return worker_free(worker);
	worker->setup.on_message = unheard;
	worker->setup.on_exit = left_us;
	worker->setup.on_room = NULL;
	worker->setup.userdata = left;
	worker->hung_up = true; /* no other deadline replaces this one */
	(void)shutdown(worker->fd, SHUT_WR);
	(*left)++;
	return NULL;
}

bool worker_has_ended(const struct worker *worker, int *ret_status)
{
	siginfo_t si = {.si_pid = 0};

	if (worker->pid <= 0 ||
		waitid(P_PID, (id_t)worker->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		si.si_pid != worker->pid)
		return false;
	*ret_status = si.si_code == CLD_EXITED ? si.si_status << 8 : si.si_status;
	return true;
}

pid_t worker_pid(const struct worker *worker)
{
	return worker->pid;
}

/* What it has used, in usec; UINT64_MAX when it is not there to be asked. */
static uint64_t cpu_used(const struct worker *worker)
{
	struct timespec used;
	clockid_t clock;

	if (worker->pid <= 0 || clock_getcpuclockid(worker->pid, &clock) != 0 ||
		clock_gettime(clock, &used) < 0)
		return UINT64_MAX;
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* It cannot have used its time before as much of ours passed, so it is looked at only then. */
static int on_cpu(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;
	uint64_t used = cpu_used(worker);

	if (used == UINT64_MAX)
		return 0;
	if (used < worker->cpu_end) {
		(void)sd_event_source_set_time(source, usec + worker->cpu_end - used);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	/* The first word is what its end is told by; the second it cannot be deaf to. */
	(void)kill(worker->pid, WORKER_SIGCPU);
	slay(worker);
	return 0;
}

void worker_allow_cpu(struct worker *worker, uint64_t usec)
{
	uint64_t used = cpu_used(worker), now;

	if (used == UINT64_MAX || sd_event_now(worker->event, CLOCK_MONOTONIC, &now) < 0)
		return;
	worker->cpu_end = used + usec;
	if (worker->cpu) {
		(void)sd_event_source_set_time(worker->cpu, now + usec);
		(void)sd_event_source_set_enabled(worker->cpu, SD_EVENT_ONESHOT);
	} else {
		(void)sd_event_add_time(worker->event, &worker->cpu, CLOCK_MONOTONIC, now + usec,
			1000000, on_cpu, worker);
	}
}

uint64_t worker_cpu_left(const struct worker *worker)
{
	uint64_t used = cpu_used(worker);

	if (used == UINT64_MAX || !worker->cpu)
		return UINT64_MAX;
	return used < worker->cpu_end ? worker->cpu_end - used : 0;
}

int worker_send(struct worker *worker, const void *msg, int fd)
{
	int r;

	if (!worker->io)
		return -ENOTCONN;
	r = ipc_send(worker->fd, msg, fd);
	if (r == -EAGAIN && !worker->full) {
		worker->full = true;
		listen_to(worker);
	}
	return r;
}

int worker_deadline(struct worker *worker, uint64_t usec)
{
	if (worker->hung_up || (worker->pid == 0 && !worker->served))
		return 0; /* its end is near */
	if (usec == 0) {
		worker->timer = sd_event_source_disable_unref(worker->timer);
		return 0;
	}
	return arm(worker, usec);
}
