/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns: what one workspace does costs another no more than its turn. platend is the whole one;
 * its workers are played (tests/fuzz/actors.h), so that who is served, and in which order, does not
 * hang on how fast this machine is.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define WORKERS_MAX 256 /* a channel and a worker for each of a crowd */

#include "host/arrivals.h"
#include "host/channel/channel.h"
#include "host/job.h"
#include "host/spool/spool.h"
#include "host/spooler.h"
#include "proto/message.h"
#include "tests/fuzz/actors.h"
#include "tests/fuzz/platend.h"

#define EACH  8		       /* workers of platen-spool for one workspace */
#define MOST  48	       /* for all of them, but for the first of each */
#define GANG  6		       /* workspaces that can hold all of these */
#define ALL   80	       /* with those firsts */
#define CROWD (ALL - MOST + 2) /* two more than have a first beside the gang */
#define WHO   (2 + GANG + CROWD)

static struct host *host;
static bool no_timers; /* there is no memory for one */
/* Of the office, that floods, of the domain, and of more that a test may make. */
static struct worker *channels[WHO];
static struct uuid uuids[WHO];
/* What the workers were given, in order: the workspace of each. */
static int begun[200], begun_count;

static void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	const struct submit_open *open = (const struct submit_open *)msg;

	if (strcmp(worker->name, "platen-spool submit") != 0 || msg->type != SUBMIT_OPEN)
		return;
	ck_assert_int_lt(begun_count, 200);
	while (!uuid_equal(&open->workspace, &uuids[begun[begun_count]]))
		ck_assert_int_lt(++begun[begun_count], WHO);
	begun_count++;
}

int sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
	uint64_t now;

	if (no_timers)
		return -ENOMEM;
	ck_assert_int_ge(sd_event_now(event, clock, &now), 0);
	return sd_event_add_time(event, ret, clock, now + usec, accuracy, callback, userdata);
}

static int begun_of(int who)
{
	int n = 0;

	for (int i = 0; i < begun_count; i++)
		n += begun[i] == who;
	return n;
}

static void say_head(struct worker *worker, uint32_t type, size_t size)
{
	union {
		struct ipc_head head;
		struct channel_text channel;
		struct spool_text spool;
	} m = {.head = {.type = type, .size = (uint32_t)size}};

	worker_say(worker, &m, size, false);
}

static void say_job(int who, uint32_t type, uint32_t ref, uint8_t job)
{
	struct message m;

	message_init(&m, (enum message_type)type);
	m.job_open.ref = ref; /* each begins with it */
	if (type == MESSAGE_JOB_OPEN) {
		memset(m.job_open.job.bytes, job, UUID_SIZE);
		m.job_open.job.bytes[0] = (uint8_t)(who + 1);
		m.job_open.file = m.job_open.copies = m.job_open.guest_job = 1;
		m.job_open.size = 10;
		(void)text_copy(m.job_open.user, sizeof(m.job_open.user), "u");
		(void)text_copy(m.job_open.format, sizeof(m.job_open.format), "application/pdf");
	}
	worker_say(channels[who], &m, m.head.size, false);
}

/* Every worker that was started and had no job yet says that it is ready. */
static void all_ready(void)
{
	for (unsigned int i = 0; i < worker_count; i++)
		if (strcmp(workers[i]->name, "platen-spool submit") == 0 &&
			workers[i]->last.type == 0)
			say_head(workers[i], SUBMIT_READY, sizeof(struct ipc_head));
}

static void greet(int who)
{
	struct workspace *ws = workspace_find(host, &uuids[who]);
	struct message m;
	unsigned int before = worker_count;

	ck_assert_ptr_nonnull(ws);
	ck_assert_int_eq(
		workspace_connect(ws, TRANSPORT_UNIX, memfd_create("guest", MFD_CLOEXEC)), 0);
	ck_assert_uint_eq(worker_count, before + 1);
	channels[who] = workers[before];
	say_head(channels[who], CHANNEL_SYNCED, sizeof(struct channel_text));
	message_init(&m, MESSAGE_HELLO);
	m.hello.version_min = m.hello.version_max = PROTOCOL_VERSION_MAX;
	(void)text_copy(m.hello.agent, sizeof(m.hello.agent), "agent");
	worker_say(channels[who], &m, m.head.size, false);
	for (int i = 0; i < 4; i++)
		ck_assert_int_ge(sd_event_run(host->event, 0), 0);
	ck_assert_uint_gt(ws->offer_count, 0);
}

static void setup(void)
{
	begun_count = 0;
	no_timers = false;
	memset(begun, 0, sizeof(begun));
	ck_assert_int_eq(uuid_parse(OFFICE, &uuids[0]), 0);
	ck_assert_int_eq(uuid_parse(DOMAIN, &uuids[1]), 0);
	host = platend_begin("test-turns");
	printer_remove(host, "usb"); /* its driver is not known, and would be waited for */
	say_head(worker_find("platen-spool watch", 0), SPOOL_UP, sizeof(struct spool_text));
	say_head(worker_find("platen-spool watch", 0), SPOOL_LISTED, sizeof(struct ipc_head));
	greet(0);
	greet(1);
}

static void teardown(void)
{
	platend_end(host);
	ck_assert_uint_eq(worker_count, 0);
}

static int on_other(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int *turns = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	(*turns)++;
	return 0;
}

/* Connections that come at once have their channels one by one, and who has something to say has
 * its turn before each; one that nobody wants any more is closed. */
START_TEST(test_connections_wait_for_their_turn)
{
	struct workspace *ws[2] = {
		workspace_find(host, &uuids[0]), workspace_find(host, &uuids[1])};
	int first = memfd_create("guest", MFD_CLOEXEC), turns = 0, seen = 0, started = 0;
	int other = eventfd(1, EFD_CLOEXEC);
	sd_event_source *source;

	ck_assert_int_ge(
		sd_event_add_io(host->event, &source, other, EPOLLIN, on_other, &turns), 0);
	arrivals_add(ws[0], TRANSPORT_UNIX, first);
	arrivals_add(ws[1], TRANSPORT_VSOCK, memfd_create("guest", MFD_CLOEXEC));
	arrivals_add(ws[0], TRANSPORT_UNIX, memfd_create("guest", MFD_CLOEXEC));
	ck_assert_int_eq(fcntl(first, F_GETFD), -1);
	for (int i = 0; i < 20; i++) {
		struct worker *before[2] = {ws[0]->channel, ws[1]->channel};
		int now = turns;

		ck_assert_int_ge(sd_event_run(host->event, 0), 0);
		if (ws[0]->channel == before[0] && ws[1]->channel == before[1])
			continue;
		ck_assert((ws[0]->channel == before[0]) != (ws[1]->channel == before[1]));
		ck_assert(started == 0 || now > seen);
		seen = now;
		started++;
	}
	ck_assert_int_eq(started, 2);
	ck_assert_int_eq(ws[0]->transport, TRANSPORT_UNIX);
	ck_assert_int_eq(ws[1]->transport, TRANSPORT_VSOCK);

	first = memfd_create("guest", MFD_CLOEXEC);
	arrivals_add(ws[0], TRANSPORT_UNIX, first);
	workspace_disconnect(ws[0], "the workspace was shut down");
	ck_assert_int_eq(fcntl(first, F_GETFD), -1);
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(sd_event_run(host->event, 0), 0);
	ck_assert_ptr_null(ws[0]->channel);
	source = sd_event_source_disable_unref(source);
	(void)close(other);
}
END_TEST

/* A domain's port is opened by us alone: what could not be started is tried again. */
START_TEST(test_a_channel_that_cannot_be_started)
{
	struct workspace *ws = workspace_find(host, &uuids[1]);
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert(ws->by_libvirt && ws->domain.running);
	workspace_disconnect(ws, "the workspace was shut down");
	ws->reopen = sd_event_source_disable_unref(ws->reopen);
	workers_fail = true;
	workspace_opened(ws, 0, "", &fd);
	ck_assert_int_eq(fd, -1);
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(sd_event_run(host->event, 0), 0);
	workers_fail = false;
	ck_assert_ptr_null(ws->channel);
	ck_assert_ptr_nonnull(ws->reopen);
	ws->reopen = sd_event_source_disable_unref(ws->reopen);
	workspace_opened(ws, 0, "", &fd); /* there was none left to receive it with */
	ck_assert_ptr_nonnull(ws->reopen);
}
END_TEST

/* One workspace has many jobs waiting before another has one: the next free workers are the
 * other's, until it has as many. */
START_TEST(test_a_free_worker_goes_to_who_has_fewest)
{
	static const int order[] = {0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0};

	all_ready();
	for (uint8_t ref = 1; ref <= 20; ref++)
		say_job(0, MESSAGE_JOB_OPEN, ref, ref);
	ck_assert_int_eq(begun_count, 2); /* of those that stood ready */
	for (uint8_t ref = 1; ref <= 3; ref++)
		say_job(1, MESSAGE_JOB_OPEN, ref, ref);
	ck_assert_int_eq(begun_count, 2);
	all_ready();
	ck_assert_int_eq(begun_count, 11);
	for (int i = 0; i < 11; i++)
		ck_assert_int_eq(begun[i], order[i]);
}
END_TEST

/* However many it opens, it has its share and no more; and one that cleans up after a job counts.
 */
START_TEST(test_a_share_is_a_share)
{
	for (uint8_t ref = 1; ref <= 60; ref++) {
		say_job(0, MESSAGE_JOB_OPEN, ref, ref);
		all_ready();
	}
	ck_assert_int_eq(begun_of(0), EACH);
	ck_assert_uint_eq(spooler_share(host->spooler, &uuids[0]), EACH);
	for (uint8_t ref = 1; ref <= 60; ref++)
		say_job(0, MESSAGE_JOB_CLOSE, ref, 0);
	for (uint8_t ref = 1; ref <= 60; ref++) {
		say_job(0, MESSAGE_JOB_OPEN, ref, (uint8_t)(ref + 100));
		all_ready();
	}
	ck_assert_int_eq(begun_of(0), EACH);
	say_job(1, MESSAGE_JOB_OPEN, 1, 1);
	ck_assert_int_eq(begun_of(1), 1); /* a spare one was there for it */
}
END_TEST

static void join(int who)
{
	static struct virt_domain domain; /* too large for a stack */
	struct workspace *ws;

	uuids[who] = uuids[1];
	uuids[who].bytes[0] = (uint8_t)(0x80 + who);
	domain = (struct virt_domain){.head = {.type = VIRT_DOMAIN, .size = sizeof(domain)},
		.uuid = uuids[who],
		.running = 1};
	(void)snprintf(domain.name, sizeof(domain.name), "domain-%d", who);
	ck_assert_int_eq(workspace_new(host, &domain.uuid, &ws), 0);
	workspace_domain(ws, &domain);
	greet(who);
}

/* Six hold all that there are, and let none go: two others still have one each, at once. More they
 * have when one of the six gives some back. */
START_TEST(test_a_first_is_always_to_be_had)
{
	for (int who = 2; who < 2 + GANG; who++) {
		join(who);
		for (uint8_t ref = 1; ref <= 2 * EACH; ref++) {
			say_job(who, MESSAGE_JOB_OPEN, ref, ref);
			all_ready();
		}
		ck_assert_int_eq(begun_of(who), EACH);
	}
	ck_assert_int_eq(begun_count, MOST);
	for (int who = 0; who < 2; who++) {
		for (uint8_t ref = 1; ref <= 3; ref++)
			say_job(who, MESSAGE_JOB_OPEN, ref, ref);
		all_ready();
		ck_assert_int_eq(begun_of(who), 1);
	}
	ck_assert_int_eq(begun_count, MOST + 2);
	for (unsigned int i = 0, left = 3; i < worker_count && left; i++) {
		if (strcmp(workers[i]->name, "platen-spool submit") != 0 ||
			workers[i]->last.type != SUBMIT_OPEN)
			continue;
		workers[i]->last.type = 0;
		say_head(workers[i], SUBMIT_READY, sizeof(struct ipc_head));
		left--;
	}
	ck_assert_int_eq(begun_count, MOST + 3);
	ck_assert_int_eq(begun_of(0) + begun_of(1), 3);
}
END_TEST

/* The submit worker that has been at it longest says that it is done. */
static void finish_one(void)
{
	for (unsigned int i = 0; i < worker_count; i++)
		if (strcmp(workers[i]->name, "platen-spool submit") == 0 &&
			workers[i]->last.type == SUBMIT_OPEN) {
			workers[i]->last.type = 0;
			return say_head(workers[i], SUBMIT_READY, sizeof(struct ipc_head));
		}
	ck_abort_msg("none is at work");
}

static int submit_workers(void)
{
	int n = 0;

	for (unsigned int i = 0; i < worker_count; i++)
		n += strcmp(workers[i]->name, "platen-spool submit") == 0;
	return n;
}

/* cupsd has so many clients and no more: beyond that firsts wait, too. They are next, before those
 * who came earlier and have some. */
START_TEST(test_a_crowd_leaves_room_in_cupsd)
{
	int crowd = 2 + GANG;

	for (int who = 2; who < WHO; who++) {
		join(who);
		for (uint8_t ref = 1; ref <= (who < crowd ? 2 * EACH : 1); ref++) {
			say_job(who, MESSAGE_JOB_OPEN, ref, ref);
			all_ready();
		}
		ck_assert_int_le(submit_workers(), ALL);
	}
	ck_assert_int_eq(submit_workers(), ALL);
	ck_assert_int_eq(begun_count, ALL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(begun_of(WHO - 2 + i), 0);
		finish_one();
		ck_assert_int_eq(begun_count, ALL + 1 + i);
		ck_assert_int_eq(begun[ALL + i], WHO - 2 + i);
	}
	finish_one(); /* the rest is the gang's, of whom each has what one may have, or more than
			 all may */
	ck_assert_int_eq(begun_count, ALL + 2);
	ck_assert_int_eq(submit_workers(), ALL);
}
END_TEST

/* The one that was given the office's only job. */
static struct worker *begin_one(void)
{
	all_ready();
	say_job(0, MESSAGE_JOB_OPEN, 1, 1);
	for (unsigned int i = 0; i < worker_count; i++)
		if (workers[i]->last.type == SUBMIT_OPEN)
			return workers[i];
	return NULL;
}

static void say_progress(struct worker *worker, uint32_t type)
{
	struct submit_progress m = {.head = {.type = type, .size = sizeof(m)}, .host_job = 7};

	worker_say(worker, &m, sizeof(m), false);
}

static void turn_on(uint64_t seconds)
{
	clock_ahead += seconds;
	for (int turns = 0; turns < 4; turns++)
		ck_assert_int_ge(sd_event_run(host->event, 0), 0);
}

static struct job *only_job(void)
{
	return TAILQ_FIRST(&host->jobs);
}

/* One has many jobs that come and go: another's first does not wait for one of its workers. Where
 * many have one each and workers come back, others are started one by one, and when none comes back
 * all that are wanted. */
START_TEST(test_a_crowd_shares_what_comes_back)
{
	int before, who = 2;

	for (uint8_t ref = 1; ref <= 2 * EACH; ref++) {
		say_job(0, MESSAGE_JOB_OPEN, ref, ref);
		all_ready();
		if (ref > EACH)
			finish_one();
	}
	say_job(1, MESSAGE_JOB_OPEN, 1, 1);
	ck_assert_int_eq(begun_of(1), 1);
	for (; who < 2 + EACH; who++) {
		join(who);
		say_job(who, MESSAGE_JOB_OPEN, 1, 1);
		all_ready();
	}
	finish_one();
	before = submit_workers();
	for (; who < 2 + 2 * EACH; who++) {
		join(who);
		say_job(who, MESSAGE_JOB_OPEN, 1, 1);
		all_ready();
	}
	ck_assert_int_le(submit_workers(), before + 1);
	ck_assert_int_eq(begun_of(who - 1), 0);
	for (int i = 0; i < EACH; i++) {
		turn_on(1);
		all_ready();
	}
	ck_assert_int_eq(begun_of(who - 1), 1);
	ck_assert_int_gt(submit_workers(), before + 1);
}
END_TEST

/* Eight were at work and are done: the pool shrinks, also when it could not begin to count at once.
 */
START_TEST(test_a_pool_that_shrinks_later)
{
	for (uint8_t ref = 1; ref <= EACH; ref++) {
		say_job(0, MESSAGE_JOB_OPEN, ref, ref);
		all_ready();
	}
	no_timers = true;
	for (int i = 0; i < EACH; i++)
		finish_one();
	ck_assert_int_ge(submit_workers(), EACH);
	no_timers = false;
	say_job(1, MESSAGE_JOB_OPEN, 1, 1);
	finish_one();
	for (int i = 0; i < 5; i++)
		turn_on(66);
	ck_assert_int_eq(submit_workers(), 2);
}
END_TEST

/* A channel that has used processor time is asked whether it is well, one that slept is not. */
START_TEST(test_a_channel_at_rest_is_let_sleep)
{
	static const struct {
		uint64_t left; /* usec, of 60 s */
		bool asked;
	} rows[] = {{59900000, false}, {58000000, true}, {52100000, true}, {22000000, true},
		{UINT64_MAX, false}};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cpu_left = rows[i].left;
		channels[0]->last.type = 0;
		turn_on(31);
		ck_assert_int_eq(channels[0]->last.type == CHANNEL_PING, rows[i].asked);
	}
	cpu_left = 0;
}
END_TEST

/* What a worker says of before does not take the time from what it was asked last. */
START_TEST(test_a_seal_has_its_own_time)
{
	struct worker *worker = begin_one();

	ck_assert_uint_eq(worker->deadline, 30000000);
	say_job(0, MESSAGE_JOB_SEAL, 1, 1);
	ck_assert_uint_eq(worker->last.type, SUBMIT_SEAL);
	ck_assert_uint_eq(worker->deadline, 300000000);
	say_progress(worker, SUBMIT_OPENED);
	say_progress(worker, SUBMIT_OFFSET);
	ck_assert_uint_eq(worker->deadline, 300000000);
	say_progress(worker, SUBMIT_SEALED);
	ck_assert_uint_eq(worker->deadline, 0);
	turn_on(31);
	ck_assert_uint_eq(worker->last.type, SUBMIT_RELEASE);
	ck_assert_uint_eq(worker->deadline, 30000000);
	say_progress(worker, SUBMIT_SYNCED);
	ck_assert_uint_eq(worker->deadline, 30000000);
	say_progress(worker, SUBMIT_RELEASED);
	ck_assert_uint_eq(worker->deadline, 0);
}
END_TEST

/* While nothing is asked of it but to move a document, it is asked whether it does; one that does
 * not answer ends, and its job comes again: it was held. */
START_TEST(test_a_document_that_is_not_taken)
{
	struct worker *worker = begin_one();

	say_progress(worker, SUBMIT_OPENED);
	ck_assert_uint_eq(worker->deadline, 0);
	turn_on(31);
	ck_assert_uint_eq(worker->last.type, SUBMIT_PING);
	ck_assert_uint_eq(worker->deadline, 60000000);
	say_head(worker, SUBMIT_PONG, sizeof(struct ipc_head));
	ck_assert_uint_eq(worker->deadline, 0);
	turn_on(31);
	ck_assert_uint_eq(worker->deadline, 60000000);
	worker->deadline = 1;
	turn_on(31);
	ck_assert_uint_eq(worker->deadline, 1); /* it is asked once */
	worker_leave(worker, 1);
	ck_assert_int_eq(only_job()->stage, JOB_ENDED);
	ck_assert_uint_eq(only_job()->phase, JOB_PHASE_REFUSED);
	ck_assert_uint_eq(only_job()->refusal, REFUSAL_FAILED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turns");
	TCase *tc = tcase_create("turns");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_connections_wait_for_their_turn);
	tcase_add_test(tc, test_a_channel_that_cannot_be_started);
	tcase_add_test(tc, test_a_free_worker_goes_to_who_has_fewest);
	tcase_add_test(tc, test_a_share_is_a_share);
	tcase_add_test(tc, test_a_first_is_always_to_be_had);
	tcase_add_test(tc, test_a_crowd_leaves_room_in_cupsd);
	tcase_add_test(tc, test_a_crowd_shares_what_comes_back);
	tcase_add_test(tc, test_a_pool_that_shrinks_later);
	tcase_add_test(tc, test_a_channel_at_rest_is_let_sleep);
	tcase_add_test(tc, test_a_seal_has_its_own_time);
	tcase_add_test(tc, test_a_document_that_is_not_taken);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
