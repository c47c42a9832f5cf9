/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backend may tell the agent at its socket: an open that the channel's rules would refuse is
 * refused there and then, and never becomes a message, for which it would be too late.
 */
#include <check.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/backend/backend.h"
#include "guest/job.h"
#include "proto/base/text.h"
#include "proto/message.h"

static struct agent *agent;
static char dir[] = "/tmp/platen-backends-XXXXXX";

/* One byte that makes a sound open unsound. */
static const struct {
	const char *what;
	size_t at;
	uint8_t byte;
} faults[] = {
	{"nothing wrong", offsetof(struct backend_open, head), BACKEND_OPEN},
	{"a file beyond all", offsetof(struct backend_open, file) + 3, 0x7F},
	{"copies beyond all", offsetof(struct backend_open, copies) + 3, 0x7F},
	{"an answer beyond all", offsetof(struct backend_open, answer) + 3, 0x7F},
	{"a queue that is none", offsetof(struct backend_open, printer), '/'},
	{"a title of two lines", offsetof(struct backend_open, title), '\n'},
	{"a title that never ends",
		offsetof(struct backend_open, title) + sizeof(((struct backend_open *)0)->title) -
			1,
		'x'},
	{"a user of two lines", offsetof(struct backend_open, user), '\n'},
	{"a format that is none", offsetof(struct backend_open, format), ' '},
	{"options that are not there", offsetof(struct backend_open, options_size), 4},
	{"options beyond their room", offsetof(struct backend_open, options_size) + 3, 1},
	{"bytes behind the options",
		offsetof(struct backend_open, options) +
			sizeof(((struct backend_open *)0)->options) - 1,
		'x'},
};

static int connect_backend(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/backend", dir);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static union {
	struct ipc_head head;
	struct backend_end end;
	struct backend_status status;
} m;

/* The next message to the backend, in `m`. */
static void hear(int fd)
{
	m.head = (struct ipc_head){0};
	for (int i = 0; i < 100 && recv(fd, &m, sizeof(m), MSG_DONTWAIT) < 0; i++)
		ck_assert_int_ge(sd_event_run(agent->event, 100000), 0);
	ck_assert_uint_eq(
		m.head.size, m.head.type == BACKEND_END ? sizeof(m.end) : sizeof(m.status));
}

/* A backend that says this of a document of one byte. */
static int hand_over(size_t at, uint8_t byte)
{
	struct backend_open open = {.head = {.type = BACKEND_OPEN, .size = sizeof(open)},
		.file = 1,
		.copies = 1,
		.printer = "laser",
		.format = "text/plain"};
	int fd = connect_backend(), document = memfd_create("document", MFD_CLOEXEC);

	open.job.bytes[0] = 1;
	((uint8_t *)&open)[at] = byte;
	ck_assert_int_eq(write(document, "x", 1), 1);
	ck_assert_int_eq(ipc_send(fd, &open, document), 0);
	(void)close(document);
	return fd;
}

START_TEST(test_open)
{
	int fd = hand_over(faults[_i].at, faults[_i].byte);

	hear(fd);
	if (_i == 0) { /* it waits for the host */
		ck_assert_uint_eq(m.head.type, BACKEND_STATUS);
	} else {
		ck_assert_msg(m.head.type == BACKEND_END, "%s was taken", faults[_i].what);
		ck_assert_uint_eq(m.end.exit_code, BACKEND_EXIT_HOLD);
	}
	(void)close(fd);
}
END_TEST

/* What a job is at when it ends is shown before that. */
START_TEST(test_a_status_and_the_end)
{
	struct ipc_head cancel = {.type = BACKEND_CANCEL, .size = sizeof(cancel)};
	int fd = hand_over(faults[0].at, faults[0].byte);

	ck_assert_int_eq(ipc_send(fd, &cancel, -1), 0);
	hear(fd);
	ck_assert_uint_eq(m.head.type, BACKEND_STATUS);
	ck_assert_str_eq(m.status.text, "Waiting for the host");
	hear(fd);
	ck_assert_uint_eq(m.head.type, BACKEND_END);
	ck_assert_uint_eq(m.end.exit_code, BACKEND_EXIT_CANCEL);
	(void)close(fd);
}
END_TEST

/* How many pages it had may be all that is new with a job's end; two numbers within an instant are
 * one to the backend. */
START_TEST(test_pages_at_the_end)
{
	struct message_job_state state = {.phase = JOB_PHASE_PROCESSING, .pages = 1};
	int fd = hand_over(faults[0].at, faults[0].byte);

	hear(fd);
	job_told(TAILQ_FIRST(&agent->jobs), &state);
	state.pages = 2;
	job_told(TAILQ_FIRST(&agent->jobs), &state);
	hear(fd);
	ck_assert_uint_eq(m.status.pages, 2);
	state = (struct message_job_state){.phase = JOB_PHASE_COMPLETED, .final = 1, .pages = 3};
	job_told(TAILQ_FIRST(&agent->jobs), &state);
	hear(fd);
	ck_assert_uint_eq(m.head.type, BACKEND_STATUS);
	ck_assert_uint_eq(m.status.pages, 3);
	hear(fd);
	ck_assert_uint_eq(m.head.type, BACKEND_END);
	(void)close(fd);
}
END_TEST

/* Another user of the guest, even if the socket's mode let them through. */
START_TEST(test_another_user)
{
	char path[64];
	uint8_t byte;
	int fd;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chmod(dir, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/run", dir);
	ck_assert_int_eq(chmod(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/run/backend", dir);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(seteuid(65534), 0);
	fd = connect_backend();
	ck_assert_int_eq(seteuid(0), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_ge(sd_event_run(agent->event, 1000), 0);
	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0); /* hung up */
	ck_assert(TAILQ_EMPTY(&agent->jobs));
	(void)close(fd);
}
END_TEST

static void setup(void)
{
	const struct passwd *self = getpwuid(geteuid());
	struct agent_config config;
	char run[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(run, sizeof(run), "%s/run", dir);
	ck_assert_int_eq(mkdir(run, 0700), 0);
	agent_config_init(&config);
	config.transport = AGENT_UNIX;
	(void)snprintf(config.path, sizeof(config.path), "%s/channel", dir);
	(void)snprintf(config.run_dir, sizeof(config.run_dir), "%s", run);
	(void)snprintf(config.state_dir, sizeof(config.state_dir), "%s/state", dir);
	(void)snprintf(config.libexec_dir, sizeof(config.libexec_dir), "%s/none", dir);
	ck_assert_int_eq(text_copy(config.spooler_user, USER_SIZE, self->pw_name), 0);
	ck_assert_int_eq(agent_new(&config, &agent), 0);
}

static void teardown(void)
{
	char command[128];

	agent = agent_free(agent);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

int main(void)
{
	Suite *suite = suite_create("backends");
	TCase *tc = tcase_create("backends");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_open, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tc, test_a_status_and_the_end);
	tcase_add_test(tc, test_pages_at_the_end);
	tcase_add_test(tc, test_another_user);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
