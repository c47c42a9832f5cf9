/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platen-spool watch` in a process of a test's, whose sandbox and whatever else it defines it has,
 * with platend at the other end. It ends when that hangs up.
 */
#ifndef PLATEN_TEST_WATCHER_H
#define PLATEN_TEST_WATCHER_H

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/spool/hint.h"
#include "host/spool/spooler-ipp.h"
#include "proto/base/cleanup.h"
#include "proto/base/ipc.h"

#define WATCHER_SECONDS 20

static char watcher_dir[] = "/tmp/platen-watcher-XXXXXX";
static int watcher_owner = -1; /* in the watcher's process: platend's end of the connection */

int spool_sandbox(void);

/* What the tests do to it a sandbox would not let happen. */
int spool_sandbox(void)
{
	return 0;
}

/* Makes the folder, and memory of `size` bytes that the watcher's process shares. */
static inline void *watcher_begin(size_t size)
{
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_ptr_nonnull(mkdtemp(watcher_dir));
	return shared;
}

/* Starts it, for the spooler at the socket `cups` in the folder. */
static inline pid_t watcher_start(const char *cups)
{
	char path[96];
	int pair[2];
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	(void)alarm(WATCHER_SECONDS);
	(void)snprintf(path, sizeof(path), "%s/%s", watcher_dir, cups);
	(void)socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
	watcher_owner = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	(void)close_fd(pair[0]);
	if (pair[1] != IPC_FD) {
		(void)dup2(pair[1], IPC_FD);
		(void)close_fd(pair[1]);
	}
	(void)watch_run(path, watcher_dir);
	_exit(0);
}

/* In its process: platend hangs up. */
static inline void watcher_hang_up(void)
{
	watcher_owner = close_fd(watcher_owner);
}

/* Waits for its end, which was one of its own accord, and removes the folder. */
static inline void watcher_end(pid_t pid)
{
	char path[96];
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	(void)snprintf(path, sizeof(path), "%s/" HINT_SOCKET, watcher_dir);
	(void)unlink(path);
	(void)rmdir(watcher_dir);
	ck_assert_int_eq(status, 0);
}

/* Sends one hint as anybody on the host can; whether it went. */
static inline bool watcher_hint(const struct spool_hint *hint)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" HINT_SOCKET, watcher_dir);
	return sendto(fd, hint, sizeof(*hint), 0, (struct sockaddr *)&address, sizeof(address)) ==
	       (ssize_t)sizeof(*hint);
}

#endif
