/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's jobs against a host that the test plays, over a unix socket: how many are open at
 * once, what moves up when one ends or is put off, and that all come again in a new session.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "guest/cancels.h"
#include "guest/handed.h"
#include "guest/job.h"
#include "guest/jobs.h"
#include "proto/base/cleanup.h"
#include "proto/link.h"
#include "proto/transport.h"

#define JOBS (JOBS_OPEN_MAX + 6)

static struct agent *agent;
static struct link *host;
static int listener;
static char dir[] = "/tmp/platen-agent-XXXXXX";
static uint32_t open_refs[4 * JOBS]; /* as the host knows them */
static uint32_t open_count, opened;
static bool greeted, sealed;
static struct uuid ledger; /* what the host's is called */
static struct message_job_open last;

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void host_send(enum message_type type, uint32_t ref, enum job_refusal refusal)
{
	static struct message m;

	message_init(&m, type);
	if (type == MESSAGE_WELCOME) {
		m.welcome.version = 1;
		m.welcome.keepalive_msec = KEEPALIVE_MSEC;
		m.welcome.ledger = ledger;
	} else if (type == MESSAGE_OFFER_BEGIN) {
		m.offer_begin.count = 1;
	} else if (type == MESSAGE_PRINTER) {
		m.printer.kind = PRINTER_NETWORK;
		m.printer.driver_size = 1;
		(void)strcpy(m.printer.name, "laser");
	} else if (type == MESSAGE_JOB_STATE) {
		m.job_state.ref = ref;
		m.job_state.final = 1;
		m.job_state.phase = JOB_PHASE_REFUSED;
		m.job_state.refusal = refusal;
	}
	ck_assert_int_eq(link_send(host, &m), 0);
}

/* Takes a job, with a window for all of it or for half. */
static void host_accept(uint32_t ref, bool room)
{
	static struct message m;

	message_init(&m, MESSAGE_JOB_ACCEPT);
	m.job_accept.ref = ref;
	m.job_accept.window = room ? JOB_WINDOW : 1;
	ck_assert_int_eq(link_send(host, &m), 0);
}

static void host_hear(const struct message *m)
{
	uint32_t i = 0;

	switch (m->head.type) {
	case MESSAGE_HELLO:
		host_send(MESSAGE_WELCOME, 0, 0);
		host_send(MESSAGE_OFFER_BEGIN, 0, 0);
		host_send(MESSAGE_PRINTER, 0, 0);
		host_send(MESSAGE_OFFER_END, 0, 0);
		greeted = true;
		return;
	case MESSAGE_JOB_OPEN:
		ck_assert_uint_lt(open_count, JOBS_OPEN_MAX); /* one more is a violation */
		open_refs[open_count++] = m->job_open.ref;
		last = m->job_open;
		opened++;
		return;
	case MESSAGE_JOB_SEAL: sealed = true; return;
	case MESSAGE_JOB_CLOSE:
		while (i < open_count && open_refs[i] != m->job_close.ref)
			i++;
		ck_assert_uint_lt(i, open_count);
		open_refs[i] = open_refs[--open_count];
		return;
	default: return;
	}
}

/* Lets both run until nothing has happened for a moment. */
static void run(void)
{
	static struct message m;
	enum link_event event;

	for (int quiet = 0; quiet < 10; quiet++) {
		if (sd_event_run(agent->event, 2000) > 0)
			quiet = 0;
		if (!host) {
			int fd = transport_unix_accept(listener);

			if (fd < 0)
				continue;
			ck_assert_int_eq(link_new(LINK_HOST, fd, false, &host), 0);
		}
		ck_assert_int_eq(link_step(host, now_usec()), 0);
		while ((event = link_next(host, &m)) != LINK_NONE) {
			ck_assert_int_ne(event, LINK_LOST);
			quiet = 0;
			if (event == LINK_MESSAGE)
				host_hear(&m);
		}
		ck_assert_int_eq(link_step(host, now_usec()), 0);
	}
}

static void add_job(uint32_t number)
{
	struct backend_open open = {.file = 1, .copies = 1};
	struct job *job;
	int document = memfd_create("document", MFD_CLOEXEC);

	ck_assert_int_eq(write(document, "xy", 2), 2);
	memcpy(open.job.bytes, &number, sizeof(number));
	open.job.bytes[15] = 1;
	(void)strcpy(open.printer, "laser");
	(void)strcpy(open.format, "text/plain");
	ck_assert_int_eq(job_new(agent, NULL, &open, document, &job), 0);
}

static void setup(void)
{
	struct agent_config config;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	agent_config_init(&config);
	config.transport = AGENT_UNIX;
	(void)snprintf(config.path, sizeof(config.path), "%s/channel", dir);
	(void)snprintf(config.run_dir, sizeof(config.run_dir), "%s/run", dir);
	(void)snprintf(config.state_dir, sizeof(config.state_dir), "%s/state", dir);
	(void)snprintf(config.libexec_dir, sizeof(config.libexec_dir), "%s/none", dir);
	(void)snprintf(config.cups_socket, sizeof(config.cups_socket), "%s/cups", dir);
	(void)snprintf(config.spooler_user, sizeof(config.spooler_user), "root");
	listener = transport_unix_listen(config.path);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(agent_new(&config, &agent), 0);
	for (uint32_t i = 0; i < JOBS; i++)
		add_job(i);
	run();
	ck_assert(greeted);
}

static void teardown(void)
{
	char command[64];

	agent = agent_free(agent);
	host = link_free(host);
	listener = close_fd(listener);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* No more are open than the host takes; each that ends lets the next one in, in order. */
START_TEST(test_most)
{
	ck_assert_uint_eq(open_count, JOBS_OPEN_MAX);
	for (uint32_t i = 0; i < JOBS; i++) {
		host_send(MESSAGE_JOB_STATE, open_refs[0], REFUSAL_EMPTY);
		run();
		ck_assert_uint_eq(opened, JOBS_OPEN_MAX + (i < 6 ? i + 1 : 6));
	}
	ck_assert_uint_eq(open_count, 0);
	ck_assert_uint_eq(jobs_count(agent), 0);
}
END_TEST

/* One that the host puts off makes room too, and waits its turn. */
START_TEST(test_put_off)
{
	uint32_t first = open_refs[0];

	host_send(MESSAGE_JOB_STATE, first, REFUSAL_NOT_ACCEPTING);
	run();
	ck_assert_uint_eq(opened, JOBS_OPEN_MAX + 1);
	ck_assert_uint_eq(open_count, JOBS_OPEN_MAX);
	ck_assert_uint_eq(jobs_count(agent), JOBS);
}
END_TEST

/* A new session begins with none open, and they all come again. */
START_TEST(test_new_session)
{
	host = link_free(host);
	open_count = opened = 0;
	greeted = false;
	while (!greeted)
		run();
	ck_assert_uint_eq(open_count, JOBS_OPEN_MAX);
	ck_assert_uint_eq(jobs_count(agent), JOBS);
}
END_TEST

/* The jobs but the first, as if they were empty. */
static void end_others(void)
{
	while (open_count > 1) {
		host_send(MESSAGE_JOB_STATE, open_refs[0], REFUSAL_EMPTY);
		run();
	}
}

static void next_session(void)
{
	host = link_free(host);
	open_count = 0;
	greeted = false;
	while (!greeted)
		run();
}

/* A cancelled job that an earlier session has handed over whole: a host that cannot look does not
 * end that. It is asked again, without the document, until it knows; over a restart as well. */
START_TEST(test_cancel_unheard)
{
	static const enum job_refusal puts_off[] = {REFUSAL_FAILED, REFUSAL_QUOTA, REFUSAL_FAILED};
	struct job *job;

	end_others();
	host_accept(open_refs[0], true);
	run();
	ck_assert(sealed);
	next_session();
	ck_assert_uint_eq(open_count, 1);
	ck_assert_uint_eq(last.sealed, 1);
	job = TAILQ_FIRST(&agent->jobs);
	job_was_cancelled(job);
	for (size_t i = 0; i < sizeof(puts_off) / sizeof(puts_off[0]); i++) {
		uint64_t end = now_usec() + 20000000;

		host_send(MESSAGE_JOB_STATE, open_refs[0], puts_off[i]);
		run();
		ck_assert_uint_eq(open_count, 0);
		ck_assert_uint_eq(cancels_count(agent->cancels), 1);
		while (open_count == 0 && now_usec() < end)
			run();
		ck_assert_uint_eq(open_count, 1);
		ck_assert_uint_eq(last.size, 0);
	}
	host_send(MESSAGE_JOB_STATE, open_refs[0], REFUSAL_EMPTY); /* it does not know it */
	run();
	ck_assert_uint_eq(open_count, 0);
	ck_assert_uint_eq(cancels_count(agent->cancels), 0);
	ck_assert(TAILQ_EMPTY(&agent->jobs));
}
END_TEST

/* The agent's descriptor of the file of this name. */
static int descriptor_of(const char *name)
{
	char link[32], path[64], is[64];

	(void)snprintf(path, sizeof(path), "%s/state/%s", dir, name);
	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, is, sizeof(is) - 1);
		is[n < 0 ? 0 : n] = '\0';
		if (strcmp(is, path) == 0)
			return fd;
	}
	ck_abort_msg("%s is not open", path);
	return -1;
}

/* Without a note on disk, nobody would know after the agent's death who sealed it: it waits, and
 * the person reads why. */
START_TEST(test_no_seal_without_note)
{
	uint64_t end = now_usec() + 20000000;
	int notes, kept, full = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct cancel id;
	struct job *job;

	end_others(); /* that is noted: the file is there */
	notes = descriptor_of("handed");
	kept = fcntl(notes, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(kept, 0);
	ck_assert_int_eq(dup3(full, notes, O_CLOEXEC), notes);
	host_accept(open_refs[0], true);
	run();
	ck_assert(!sealed);
	job = TAILQ_FIRST(&agent->jobs);
	ck_assert_int_eq(job->stage, JOB_SENDING);
	ck_assert_str_eq(job->status.reasons, "spool-area-full");
	id = job->id;
	ck_assert_int_eq(handed_look(agent->handed, &id), HANDED_NOT);
	ck_assert_int_eq(dup3(kept, notes, O_CLOEXEC), notes);
	while (!sealed && now_usec() < end)
		run();
	ck_assert(sealed);
	ck_assert_int_eq(handed_look(agent->handed, &id), HANDED_SEALED);
	kept = close_fd(kept);
	full = close_fd(full);
}
END_TEST

/* One that was never handed over whole is over with its cancel. */
START_TEST(test_cancel_certain)
{
	end_others();
	job_was_cancelled(TAILQ_FIRST(&agent->jobs));
	host_send(MESSAGE_JOB_STATE, open_refs[0], REFUSAL_FAILED);
	run();
	ck_assert_uint_eq(open_count, 0);
	ck_assert_uint_eq(cancels_count(agent->cancels), 0);
	ck_assert(TAILQ_EMPTY(&agent->jobs));
}
END_TEST

/* Another host hears whom a job was handed to before it; one that was not handed over says none. */
START_TEST(test_sealed_by)
{
	const struct uuid first = {{1}}, second = {{2}};
	uint32_t ref;

	end_others();
	for (int i = 0; i < 5; i++) {
		ledger = i < 2 ? first : second;
		next_session();
		ck_assert_uint_eq(open_count, 1);
		ref = open_refs[0];
		ck_assert_uint_eq(last.sealed, i == 1 || i == 2 || i == 4);
		ck_assert(uuid_equal(&last.sealed_by, i == 1 || i == 2 ? &first
						      : i == 4	       ? &second
								       : &(struct uuid){{0}}));
		switch (i) {
		case 0: host_accept(ref, true); break;	/* seals, and hears no more */
		case 1: break;				/* hears nothing either */
		case 2: host_accept(ref, false); break; /* does not know it: it is sent anew */
		case 3: host_accept(ref, true); break;
		default: break;
		}
		run();
		ck_assert_int_eq(sealed, i == 0 || i == 3);
		sealed = false;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent-job");
	TCase *tc = tcase_create("job");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_most);
	tcase_add_test(tc, test_put_off);
	tcase_add_test(tc, test_new_session);
	tcase_add_test(tc, test_cancel_unheard);
	tcase_add_test(tc, test_cancel_certain);
	tcase_add_test(tc, test_no_seal_without_note);
	tcase_add_test(tc, test_sealed_by);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
