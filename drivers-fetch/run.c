/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a helper: a program of its own parses what is hostile or complicated, and its end, its
 * silence or its flood is an error like another.
 *
 * The helper inherits our limits and our lack of privileges. It gets its input on a pipe and gives
 * its output on one; poll(2) moves both, so neither side can block the other for good.
 */
#include "drivers-fetch/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define READ_STEP 16384

struct run {
	int in, out, err; /* our ends, non-blocking */
	pid_t pid;
	char said[256]; /* of standard error */
	size_t said_size;
};

static int spawn(const char *const *argv, int in, int out, int err, pid_t *ret_pid)
{
	static const char *const kept[] = {"PATH", "DBUS_SYSTEM_BUS_ADDRESS", "TMPDIR"};
	char lang[] = "LANG=C", texts[3][512];
	char *env[5] = {lang};
	posix_spawn_file_actions_t actions;
	size_t count = 1;
	int r;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(kept[i]);

		if (value && text_printf(texts[i], sizeof(texts[i]), "%s=%s", kept[i], value) == 0)
			env[count++] = texts[i];
	}
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r |= posix_spawn_file_actions_adddup2(&actions, in, 0);
	r |= posix_spawn_file_actions_adddup2(&actions, out, 1);
	r |= posix_spawn_file_actions_adddup2(&actions, err, 2);
	r |= posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = r ? ENOMEM
	      : posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Starts it with its three pipes. Their far ends stay above 2, so that dup2(2) meets no collision.
 */
static int start(const char *const *argv, struct run *run)
{
	int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, r = 0;

	for (int i = 0; i < 3 && r == 0; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			r = -errno;
	if (r == 0)
		r = spawn(argv, pipes[0][0], pipes[1][1], pipes[2][1], &run->pid);
	pipes[0][0] = close_fd(pipes[0][0]);
	pipes[1][1] = close_fd(pipes[1][1]);
	pipes[2][1] = close_fd(pipes[2][1]);
	run->in = pipes[0][1];
	run->out = pipes[1][0];
	run->err = pipes[2][0];
	if (r == 0 && (fcntl(run->in, F_SETFL, O_NONBLOCK) < 0 ||
			      fcntl(run->out, F_SETFL, O_NONBLOCK) < 0 ||
			      fcntl(run->err, F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	return r;
}

static int take_out(struct run *run, size_t max, struct run_answer *answer)
{
	uint8_t *grown = realloc(answer->out, answer->size + READ_STEP);
	ssize_t n;

	if (!grown)
		return -ENOMEM;
	answer->out = grown;
	n = read(run->out, answer->out + answer->size, READ_STEP);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		run->out = close_fd(run->out);
	answer->size += (size_t)n;
	return answer->size > max ? -EFBIG : 0;
}

static void take_err(struct run *run)
{
	char rest[1024];
	ssize_t n = read(run->err, rest, sizeof(rest));
	size_t room = sizeof(run->said) - 1 - run->said_size;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		run->err = close_fd(run->err);
		return;
	}
	room = (size_t)n < room ? (size_t)n : room;
	memcpy(run->said + run->said_size, rest, room);
	run->said_size += room;
}

static void give_in(struct run *run, const uint8_t **in, size_t *size)
{
	ssize_t n = *size ? write(run->in, *in, *size) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		*in += n;
		*size -= (size_t)n;
	}
	if (n < 0 || *size == 0)
		run->in = close_fd(run->in);
}

/* Until it has closed its output and its errors. */
static int converse(struct run *run, const uint8_t *in, size_t in_size, size_t max,
	unsigned int msec, struct run_answer *answer)
{
	uint64_t end = clock_msec() + msec;
	int r = 0;

	while (r == 0 && (run->out >= 0 || run->err >= 0)) {
		struct pollfd fds[] = {
			{run->in, POLLOUT, 0}, {run->out, POLLIN, 0}, {run->err, POLLIN, 0}};
		uint64_t now = clock_msec();

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(fds, 3, (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			give_in(run, &in, &in_size);
		if (fds[2].revents)
			take_err(run);
		if (fds[1].revents)
			r = take_out(run, max, answer);
	}
	return r;
}

bool run_beside(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash && text_copy(slash + 1, size - (size_t)(slash + 1 - path), name) == 0;
}

int run_program(const char *const *argv, const uint8_t *in, size_t in_size, size_t max,
	unsigned int msec, struct run_answer *answer)
{
	struct run run = {.in = -1, .out = -1, .err = -1};
	int r;

	*answer = (struct run_answer){0};
	(void)signal(SIGPIPE, SIG_IGN);
	r = start(argv, &run);
	if (r == 0)
		r = converse(&run, in, in_size, max, msec, answer);
	(void)close_fd(run.in);
	(void)close_fd(run.out);
	(void)close_fd(run.err);
	if (run.pid > 0) {
		if (r < 0)
			(void)kill(run.pid, SIGKILL);
		while (waitpid(run.pid, &answer->status, 0) < 0 && errno == EINTR)
			;
	}
	if (r == 0 && WIFEXITED(answer->status) && WEXITSTATUS(answer->status) == 127)
		r = -ENOENT; /* where posix_spawn(3) can only tell so */
	run.said[strcspn(run.said, "\r\n")] = '\0';
	text_copy_line(answer->why, sizeof(answer->why), run.said);
	if (r < 0) {
		free(answer->out);
		answer->out = NULL;
		answer->size = 0;
	}
	return r;
}
