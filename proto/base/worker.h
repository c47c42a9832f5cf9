/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: a program that may stall, run beside a loop that must not.
 *
 * The owner starts it with one end of a socketpair at descriptor IPC_FD, hears its messages
 * (proto/base/ipc.h), and sets its deadlines. Its end without a result is a failure, never a
 * success. A worker can be started by hand the same way.
 */
#ifndef PLATEN_BASE_WORKER_H
#define PLATEN_BASE_WORKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "proto/base/ipc.h"

#define WORKER_SIGCPU SIGPROF

struct worker;

/* One whole message came (head checked against its size only). `fd` came beside it, or -1; a
 * handler that wants it dup()s nothing but sets *fd to -1. The handler may free the worker. */
typedef void worker_message_fn(
	struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata);

/* The worker ended (wait status, see wait(2)): by itself, killed by its deadline (timed_out), or
 * killed because it broke its connection or did not end within a second of closing it. All that it
 * had sent was delivered before. It cannot be used any more; the handler frees it with
 * worker_free(). */
typedef void worker_exit_fn(struct worker *worker, int status, bool timed_out, void *userdata);

/* The worker's queue has room again after -EAGAIN of worker_send(). May be NULL. */
typedef void worker_room_fn(struct worker *worker, void *userdata);

struct worker_setup {
	const char *const *argv; /* argv[0]: absolute path; read by worker_new() only */
	const char *user;	 /* when we are root: the user to become, or NULL to stay */
	/* When we are root, and the kernel lets us: paths that are not there for it, to a NULL; or
	 * NULL. A folder is empty and a file is /dev/null, in a mount namespace of its own. */
	const char *const *hidden;
	/* Instead of argv and user: where a service hands each connection to such a program, see
	 * worker_new(). NULL: none; read by worker_new() only. */
	const char *socket;
	worker_message_fn *on_message;
	worker_exit_fn *on_exit;
	worker_room_fn *on_room;
	void *userdata;
};

/*
 * Starts it: with stdin from /dev/null, descriptors 0 to 3 only, its own process group, no signal
 * blocked, to die with its owner (PR_SET_PDEATHSIG). The owner must have SIGCHLD blocked in all its
 * threads before (sd_event_add_child(3): -EBUSY otherwise) and SIGPIPE ignored, and must not reap
 * children that it did not start. A program that cannot be executed is told here (-ENOENT, -EACCES)
 * or ends with status 126 or 127. 0 or -errno.
 *
 * With `socket` nothing is started: the worker is whoever serves the connection to that unix socket
 * (SOCK_SEQPACKET). It then has no process id (0), its user and limits are its service's, closing
 * the connection is what ends it, and its own end is told with status 0.
 */
int worker_new(sd_event *event, const struct worker_setup *setup, struct worker **ret_worker);

/* A wait status for people: "by itself, status 1", "killed by signal 9", … Returns buf. */
const char *worker_end_text(int status, bool timed_out, char buf[static 160]);

/* Kills it and its process group if it runs (SIGKILL), reaps it, frees; on_exit is not called.
 * Returns NULL. NULL is accepted. */
struct worker *worker_free(struct worker *worker);

/* The same at the end of its owner, who does not wait for it: one that syncs a file ends, killed or
 * not, when the disk has answered. It does nothing more, and whoever inherits it reaps it. */
struct worker *worker_abandon(struct worker *worker);

/* Lets it go in peace: it reads what was sent to it and then the end, and has a second to act on
 * it before it is killed. Nothing of it is heard any more, and it frees itself. *left (kept by the
 * owner, who must outlive it) is counted up now and down at its end. Returns NULL. NULL is
 * accepted. */
struct worker *worker_dismiss(struct worker *worker, unsigned int *left);

/* Whether it has ended though on_exit was not called yet, and with what wait status. */
bool worker_has_ended(const struct worker *worker, int *ret_status);

/* 0: it is served, see worker_new(), or has ended. */
pid_t worker_pid(const struct worker *worker);

/* From now on it may use so much processor time; then it is ended, by WORKER_SIGCPU. Each call
 * replaces the last. */
void worker_allow_cpu(struct worker *worker, uint64_t usec);

/* usec of it that are left; UINT64_MAX: it has not started, has ended, or may use what it likes. */
uint64_t worker_cpu_left(const struct worker *worker);

/* Sends; never blocks. 0, -EAGAIN (on_room will tell), or -errno. The caller keeps `fd`. */
int worker_send(struct worker *worker, const void *msg, int fd);

/* From now on the worker has `usec` to satisfy the owner; 0 takes the deadline away. Passed, it is
 * killed and on_exit says timed_out. Each call replaces the last. */
int worker_deadline(struct worker *worker, uint64_t usec);

#endif
