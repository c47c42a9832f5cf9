/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's owner, with a real program as the worker: it answers, hangs, dies, closes, and the
 * owner always hears of its end once, after all that it said, and is left without a child.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/worker.h"

#define HELPER TEST_BINARY_DIR "/helper-worker"

struct number {
	struct ipc_head head;
	uint32_t value, reserved;
};

static sd_event *event;
static struct worker *worker;
static uint32_t values[1000];
static int count, exits, rooms, status, fds;
static bool timed_out;
static bool free_here; /* the next handler frees the worker */

static void on_message(struct worker *w, const struct ipc_head *msg, int *fd, void *userdata)
{
	const struct number *m = (const struct number *)msg;

	ck_assert_ptr_eq(userdata, &event);
	ck_assert_uint_eq(msg->size, sizeof(*m));
	ck_assert_int_eq(exits, 0);
	fds += *fd >= 0;
	values[count++] = m->value;
	if (free_here)
		worker = worker_free(w);
}

static void on_exit_(struct worker *w, int s, bool late, void *userdata)
{
	ck_assert_ptr_eq(userdata, &event);
	exits++;
	status = s;
	timed_out = late;
	ck_assert_int_eq(worker_send(w, &(struct number){.head = {1, sizeof(struct number)}}, -1),
		-ENOTCONN);
	ck_assert_int_eq(worker_deadline(w, 1000), 0);
	worker = worker_free(w);
}

static void on_room(struct worker *w, void *userdata)
{
	(void)w;
	(void)userdata;
	rooms++;
}

static int start(const char *how)
{
	const char *argv[] = {HELPER, how, NULL};
	struct worker_setup setup = {
		.argv = argv,
		.on_message = on_message,
		.on_exit = on_exit_,
		.on_room = on_room,
		.userdata = &event,
	};

	return worker_new(event, &setup, &worker);
}

static int tell(uint32_t value, int fd)
{
	struct number m = {.head = {.type = 1, .size = sizeof(m)}, .value = value};

	return worker_send(worker, &m, fd);
}

/* Runs until `n` messages came. */
static void run_to(int n)
{
	while (count < n) {
		ck_assert_int_eq(exits, 0);
		ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
	}
}

/* Runs until the worker ended. */
static void run_out(void)
{
	while (!exits)
		ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
}

static void setup(void)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_ge(sd_event_new(&event), 0);
}

static void teardown(void)
{
	worker = worker_free(worker);
	ck_assert_int_lt(waitpid(-1, NULL, WNOHANG), 0); /* no child is left */
	ck_assert_int_eq(errno, ECHILD);
	event = sd_event_unref(event);
}

/* It answers, a descriptor goes there and back, and it ends when it is freed. */
START_TEST(test_answers)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(write(pipe_fds[1], "\x28", 1), 1);
	ck_assert_int_eq(start("echo"), 0);
	ck_assert_int_gt(worker_pid(worker), 0);
	ck_assert_int_eq(tell(1, -1), 0);
	ck_assert_int_eq(tell(1, pipe_fds[0]), 0);
	run_to(2);
	ck_assert_uint_eq(values[0], 2);
	ck_assert_uint_eq(values[1], 42);
	ck_assert_int_eq(fds, 1);
	ck_assert_int_ge(fcntl(pipe_fds[0], F_GETFD), 0); /* ours is still ours */
}
END_TEST

START_TEST(test_end_text)
{
	char buf[160];

	ck_assert_str_eq(worker_end_text(1 << 8, false, buf), "by itself, status 1");
	ck_assert_str_eq(worker_end_text(9, false, buf), "killed by signal 9");
	ck_assert_str_eq(worker_end_text(9, true, buf), "it did not answer in time");
	ck_assert_ptr_nonnull(strstr(worker_end_text(127 << 8, false, buf), "be executed"));
	ck_assert_ptr_nonnull(
		strstr(worker_end_text(SIGSYS, false, buf), "its system call filter"));
	ck_assert_ptr_nonnull(strstr(worker_end_text(WORKER_SIGCPU, false, buf), "processor time"));
}
END_TEST

/* What is hidden from it is not there, and still is for us. */
START_TEST(test_hidden)
{
	static const char *const hidden[] = {"/nonexistent/x", "/etc/ssl", "/etc/hostname", NULL};
	const char *argv[] = {HELPER, "look", NULL};
	struct worker_setup s = {.argv = argv,
		.hidden = hidden,
		.on_message = on_message,
		.on_exit = on_exit_,
		.userdata = &event};
	bool can = false;
	int r;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0 ||
			mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) < 0);
	ck_assert_int_eq(waitpid(pid, &r, 0), pid);
	can = r == 0; /* root, and not in a container that forbids it */
	ck_assert_int_eq(access("/etc/ssl/certs", F_OK), 0);
	ck_assert_int_eq(worker_new(event, &s, &worker), 0);
	run_out();
	ck_assert_int_eq(count, 1);
	ck_assert_uint_eq(values[0], can ? 0 : 3);
	ck_assert_int_eq(access("/etc/ssl/certs", F_OK), 0);
}
END_TEST

/* Its end can be seen before it is told, and is told all the same. */
START_TEST(test_ended_unheard)
{
	siginfo_t si;
	int seen = -1;

	ck_assert_int_eq(start("echo"), 0);
	ck_assert(!worker_has_ended(worker, &seen));
	ck_assert_int_eq(kill(worker_pid(worker), SIGSYS), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)worker_pid(worker), &si, WEXITED | WNOWAIT), 0);
	ck_assert(worker_has_ended(worker, &seen));
	ck_assert_int_eq(WTERMSIG(seen), SIGSYS);
	run_out();
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST

/* One that only turns in circles is ended, even if it is deaf; one that waits is not. */
START_TEST(test_cpu)
{
	ck_assert_int_eq(start(_i ? "spin-deaf" : "spin"), 0);
	ck_assert_uint_eq(worker_cpu_left(worker), UINT64_MAX);
	worker_allow_cpu(worker, 60000000);
	ck_assert_uint_le(worker_cpu_left(worker), 60000000);
	while (worker_cpu_left(worker) > 60000000 - 50000)
		; /* it spins, and it is seen */
	worker_allow_cpu(worker, 300000);
	run_out();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), _i ? SIGKILL : WORKER_SIGCPU);
	ck_assert(!timed_out);
	exits = 0;
	ck_assert_int_eq(start("echo"), 0);
	worker_allow_cpu(worker, 100000);
	ck_assert_int_ge(sd_event_run(event, 2000000), 0); /* it is looked at */
	ck_assert_uint_gt(worker_cpu_left(worker), 0);
	ck_assert_int_eq(tell(1, -1), 0);
	run_to(1);
}
END_TEST

/* Abandoned, it is killed and not waited for: that is left to whoever has it then, here still us.
 */
START_TEST(test_abandoned)
{
	pid_t pid;
	int how;

	ck_assert_ptr_null(worker_abandon(NULL));
	ck_assert_int_eq(start("hang"), 0);
	pid = worker_pid(worker);
	worker = worker_abandon(worker);
	ck_assert_ptr_null(worker);
	ck_assert_int_eq(waitpid(pid, &how, 0), pid);
	ck_assert(WIFSIGNALED(how));
	ck_assert_int_eq(WTERMSIG(how), SIGKILL);
	ck_assert_int_eq(exits, 0);
}
END_TEST

/* Dismissed, it still reads what was sent, is not heard any more, and is gone by itself: also one
 * that hangs. */
START_TEST(test_dismissed)
{
	static const char *const how[] = {"echo", "stop"};
	unsigned int left = 0;

	ck_assert_ptr_null(worker_dismiss(NULL, &left));
	ck_assert_int_eq(start(how[_i]), 0);
	ck_assert_int_eq(tell(1, -1), 0);
	worker = worker_dismiss(worker, &left);
	ck_assert_uint_eq(left, 1);
	while (left)
		ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
	ck_assert_int_eq(count + exits, 0);
}
END_TEST

/* How it ends, and what the owner is told. Those that hang are ended by a deadline; one that only
 * closed its connection has a moment to end in its own way; a broken connection is the end. */
START_TEST(test_ends)
{
	static const struct {
		const char *how;
		uint64_t deadline; /* usec */
		bool timed_out;
		int status; /* wait status */
		int messages;
	} rows[] = {
		{"die", 0, false, 3 << 8, 0},
		{"die", 60000000, false, 3 << 8, 0},
		{"crash", 0, false, SIGKILL, 0},
		{"flood", 0, false, 0, 200},
		{"leave", 0, false, 7 << 8, 0},
		{"close", 0, false, SIGKILL, 0},
		{"close", 60000000, false, SIGKILL, 0},
		{"garbage", 0, false, SIGKILL, 0},
		{"hang", 50000, true, SIGKILL, 0},
	};

	ck_assert_int_eq(start(rows[_i].how), 0);
	ck_assert_int_eq(worker_deadline(worker, rows[_i].deadline), 0);
	run_out();
	ck_assert_msg(status == rows[_i].status, "%s: status 0x%x", rows[_i].how, status);
	ck_assert_msg(timed_out == rows[_i].timed_out, "%s: timed_out", rows[_i].how);
	ck_assert_msg(count == rows[_i].messages, "%s: %d messages", rows[_i].how, count);
	for (int i = 0; i < count; i++)
		ck_assert_uint_eq(values[i], (uint32_t)i);
	ck_assert_int_eq(exits, 1);
	ck_assert_ptr_null(worker);
}
END_TEST

/* A deadline that is replaced or taken away does not strike. */
START_TEST(test_deadline_moves)
{
	ck_assert_int_eq(start("echo"), 0);
	ck_assert_int_eq(worker_deadline(worker, 1), 0);
	ck_assert_int_eq(worker_deadline(worker, 60000000), 0);
	ck_assert_int_eq(tell(1, -1), 0);
	run_to(1);
	ck_assert_int_eq(worker_deadline(worker, 1), 0);
	ck_assert_int_eq(worker_deadline(worker, 0), 0);
	ck_assert_int_eq(tell(1, -1), 0);
	run_to(2);
	ck_assert_int_eq(exits, 0);
	ck_assert_int_eq(worker_deadline(worker, 1), 0);
	run_out();
	ck_assert(timed_out);
}
END_TEST

/* A worker that does not read makes sending say -EAGAIN, and its owner hears when there is room. */
START_TEST(test_room)
{
	int sent = 0, r;

	ck_assert_int_eq(start("stop"), 0);
	while ((r = tell(0, -1)) == 0)
		sent++;
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_int_gt(sent, 0);
	ck_assert_int_eq(rooms, 0);
	while (waitpid(worker_pid(worker), NULL, WUNTRACED | WNOHANG) == 0)
		(void)usleep(1000);
	ck_assert_int_eq(kill(worker_pid(worker), SIGCONT), 0);
	while (!rooms)
		ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
	run_to(sent);
	ck_assert_int_eq(rooms, 1);
}
END_TEST

/* A handler may free its worker, in the middle of what it says and in its last words. */
START_TEST(test_free_in_handler)
{
	ck_assert_int_eq(start(_i == 0 ? "flood" : "echo"), 0);
	free_here = true;
	if (_i == 0) {
		siginfo_t info;

		ck_assert_int_eq(
			waitid(P_PID, (id_t)worker_pid(worker), &info, WEXITED | WNOWAIT), 0);
	} else {
		ck_assert_int_eq(tell(1, -1), 0);
		ck_assert_int_eq(tell(1, -1), 0);
	}
	run_to(1);
	ck_assert_ptr_null(worker);
	for (int i = 0; i < 10; i++)
		ck_assert_int_ge(sd_event_run(event, 1000), 0);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(exits, 0);
}
END_TEST

/* Nothing of the owner's is inherited: descriptors, signal mask, terminal. */
START_TEST(test_clean)
{
	int stray = dup(0);

	ck_assert_int_ge(stray, 0);
	ck_assert_int_eq(start("faults"), 0);
	run_out();
	ck_assert_int_eq(count, 1);
	ck_assert_uint_eq(values[0], 0);
	(void)close(stray);
}
END_TEST

/* What a worker started goes with it. */
START_TEST(test_children)
{
	pid_t child;

	ck_assert_int_eq(start("parent"), 0);
	run_to(1);
	child = (pid_t)values[0];
	ck_assert_int_eq(kill(child, 0), 0);
	worker = worker_free(worker);
	for (int i = 0; i < 5000; i++) { /* init, or who takes its place, reaps it */
		char path[64], state = 'Z';
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
		f = fopen(path, "re");
		if (f) {
			(void)fscanf(f, "%*d (%*[^)]) %c", &state);
			(void)fclose(f);
		}
		if (state == 'Z')
			return;
		(void)usleep(1000);
	}
	ck_abort_msg("the worker's child lives on");
}
END_TEST

/* It is who it should be, in all respects, and nobody's group has come along. */
START_TEST(test_user)
{
	const struct passwd *pw = getpwnam("nobody");
	const char *argv[] = {HELPER, "who", NULL};
	struct worker_setup s = {.argv = argv,
		.user = "nobody",
		.on_message = on_message,
		.on_exit = on_exit_,
		.userdata = &event};

	if (geteuid() != 0 || !pw)
		return; /* only root becomes another */
	ck_assert_int_eq(access(HELPER, X_OK), 0);
	ck_assert_int_eq(worker_new(event, &s, &worker), 0);
	run_out();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return; /* it cannot reach this folder */
	ck_assert_int_eq(count, 7);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(values[i], pw->pw_uid);
		ck_assert_uint_eq(values[3 + i], pw->pw_gid);
	}
	ck_assert_uint_eq(values[6], 0); /* groups beside it */
	ck_assert_int_eq(geteuid(), 0);
}
END_TEST

/* What cannot be started is said at once. */
START_TEST(test_not_started)
{
	static const struct {
		const char *path, *user;
		int error;
	} rows[] = {
		{"/nonexistent/platen-spool", NULL, -ENOENT},
		{"/etc/passwd", NULL, -EACCES},
		{HELPER, "no such user", -ESRCH},
	};
	const char *argv[] = {rows[_i].path, NULL};
	struct worker_setup s = {
		.argv = argv, .user = rows[_i].user, .on_message = on_message, .on_exit = on_exit_};

	if (rows[_i].user && geteuid() != 0)
		return; /* only root becomes another */
	ck_assert_int_eq(worker_new(event, &s, &worker), rows[_i].error);
	ck_assert_ptr_null(worker);
}
END_TEST

/* Served at a socket: the helper, started by us in the place of a service, has the connection that
 * we take. It answers; its end, its broken connection and its deadline are told; freed, its
 * connection is closed. What listens to nothing is told at once. */
START_TEST(test_served)
{
	static const struct {
		const char *how;
		uint64_t deadline; /* usec */
		bool timed_out;
		int status, messages;
	} rows[] = {
		{"echo", 0, false, 0, 1}, /* freed */
		{"die", 0, false, 0, 0},
		{"flood", 60000000, false, 0, 200},
		{"garbage", 0, false, SIGKILL, 0},
		{"hang", 50000, true, SIGKILL, 0},
	};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct worker_setup s = {.socket = address.sun_path,
		.on_message = on_message,
		.on_exit = on_exit_,
		.userdata = &event};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), connection;
	unsigned int left = 0;
	pid_t child;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/platen-worker.%d.%d",
		(int)getpid(), _i);
	ck_assert_int_eq(worker_new(event, &s, &worker), -ENOENT);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(worker_new(event, &s, &worker), 0);
	ck_assert_int_eq(unlink(address.sun_path), 0);
	ck_assert_int_eq(worker_pid(worker), 0);
	connection = accept(listener, NULL, NULL);
	child = fork();
	if (child == 0) {
		(void)dup2(connection, IPC_FD);
		(void)close_range(IPC_FD + 1, ~0U, 0);
		(void)execl(HELPER, HELPER, rows[_i].how, NULL);
		_exit(127);
	}
	(void)close(connection);
	(void)close(listener);
	ck_assert_int_eq(worker_deadline(worker, rows[_i].deadline), 0);
	if (_i == 0) {
		ck_assert_int_eq(tell(1, -1), 0);
		run_to(1);
		worker = worker_dismiss(worker, &left);
		ck_assert_uint_eq(left, 0);
	} else {
		run_out();
		ck_assert_int_eq(status, rows[_i].status);
		ck_assert_int_eq(timed_out, rows[_i].timed_out);
		ck_assert_int_eq(count, rows[_i].messages);
		if (rows[_i].status)
			(void)kill(child, SIGKILL);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

/* SIGCHLD must be blocked: told at the start, not by a lost end. */
START_TEST(test_sigchld)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &mask, NULL), 0);
	ck_assert_int_eq(start("echo"), -EBUSY);
	ck_assert_ptr_null(worker);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tc = tcase_create("worker");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_answers);
	tcase_add_test(tc, test_end_text);
	tcase_add_test(tc, test_hidden);
	tcase_add_test(tc, test_ended_unheard);
	tcase_add_loop_test(tc, test_cpu, 0, 2);
	tcase_add_test(tc, test_abandoned);
	tcase_add_loop_test(tc, test_dismissed, 0, 2);
	tcase_add_loop_test(tc, test_ends, 0, 9);
	tcase_add_test(tc, test_deadline_moves);
	tcase_add_test(tc, test_room);
	tcase_add_loop_test(tc, test_free_in_handler, 0, 2);
	tcase_add_test(tc, test_clean);
	tcase_add_test(tc, test_children);
	tcase_add_test(tc, test_user);
	tcase_add_loop_test(tc, test_not_started, 0, 3);
	tcase_add_loop_test(tc, test_served, 0, 5);
	tcase_add_test(tc, test_sigchld);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
