/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fetch for each connection.
 *
 * platend's own unit has no network; platen-fetch's has, and this is its front. It reads nothing of
 * what is said: it waits for connections, for their other ends to close and for its children to
 * end, and each of these ends the other two. So platend ends a fetch that stalls by letting it go,
 * as if it had started it itself.
 */
#include "drivers-fetch/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

struct served {
	pid_t pid; /* 0: free */
	int connection;
};

struct server {
	struct served served[SERVE_AT_ONCE];
	int signals;
	sigset_t before;
};

static bool is_listening(void)
{
	int listening = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(IPC_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening &&
	       getsockopt(IPC_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* In the child: its connection where a worker has it, and nothing else of the server's. */
static int become(const struct server *server, int connection, pid_t owner)
{
	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != owner ||
		dup2(connection, IPC_FD) < 0 || close_from(IPC_FD + 1) < 0)
		_exit(126);
	(void)sigprocmask(SIG_SETMASK, &server->before, NULL);
	return 1;
}

/* Returns 1 in the child. */
static int take(struct server *server)
{
	_cleanup_close_ int connection = accept4(IPC_FD, NULL, NULL, SOCK_CLOEXEC);
	struct served *served = NULL;
	pid_t owner = getpid(), pid;

	if (connection < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	for (size_t i = 0; i < SERVE_AT_ONCE; i++)
		if (server->served[i].pid == 0)
			served = &server->served[i];
	if (!served)
		return 0; /* closed: a failed fetch, which is tried again */
	pid = fork();
	if (pid == 0)
		return become(server, connection, owner);
	if (pid < 0)
		return 0;
	(void)setpgid(pid, pid); /* whoever comes first */
	*served = (struct served){.pid = pid, .connection = steal_fd(&connection)};
	return 0;
}

/* SIGCHLD and SIGTERM. Returns true when told to end. */
static bool heard(struct server *server)
{
	struct signalfd_siginfo si;
	bool end = false;
	pid_t pid;

	while (read(server->signals, &si, sizeof(si)) == sizeof(si))
		end |= si.ssi_signo == SIGTERM;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (size_t i = 0; i < SERVE_AT_ONCE; i++)
			if (server->served[i].pid == pid) {
				(void)kill(-pid, SIGKILL); /* what it left behind */
				(void)close_fd(server->served[i].connection);
				server->served[i] = (struct served){0};
			}
	return end;
}

/* One turn: 0 goes on, 1 in a child, 2 at the end. */
static int turn(struct server *server)
{
	struct pollfd fds[SERVE_AT_ONCE + 2];
	bool any = false;
	int n;

	for (size_t i = 0; i < SERVE_AT_ONCE; i++) {
		const struct served *served = &server->served[i];

		/* Only that it was closed, not that it has something to say. */
		fds[i] = (struct pollfd){
			.fd = served->pid ? served->connection : -1, .events = POLLRDHUP};
		any |= served->pid != 0;
	}
	fds[SERVE_AT_ONCE] = (struct pollfd){.fd = server->signals, .events = POLLIN};
	fds[SERVE_AT_ONCE + 1] = (struct pollfd){.fd = IPC_FD, .events = POLLIN};
	n = poll(fds, SERVE_AT_ONCE + 2, any ? -1 : SERVE_IDLE_MSEC);
	if (n <= 0)
		return n == 0 ? 2 : errno == EINTR ? 0 : -errno;
	for (size_t i = 0; i < SERVE_AT_ONCE; i++)
		if (fds[i].fd >= 0 && fds[i].revents) {
			(void)kill(-server->served[i].pid, SIGKILL);
			server->served[i].connection = close_fd(server->served[i].connection);
		}
	if (fds[SERVE_AT_ONCE].revents && heard(server))
		return 2;
	return fds[SERVE_AT_ONCE + 1].revents ? take(server) : 0;
}

int serve(void)
{
	struct server server = {.signals = -1};
	sigset_t mask;
	int r = 0;

	if (!is_listening())
		return -ENOTSOCK;
	if (fcntl(IPC_FD, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &mask, &server.before);
	server.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (server.signals < 0)
		return -errno;
	while (r == 0)
		r = turn(&server);
	if (r == 1)
		return 1;
	for (size_t i = 0; i < SERVE_AT_ONCE; i++)
		if (server.served[i].pid)
			(void)kill(-server.served[i].pid, SIGKILL);
	return r < 0 ? r : 0;
}
