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

#include "host/arrivals.h"
#include "host/channel/channel.h"
#include "host/job.h"
#include "host/spool/spool.h"
#include "host/spooler.h"
#include "proto/message.h"
#include "tests/fuzz/actors.h"
#include "tests/fuzz/platend.h"

#define EACH 8 /* workers of platen-spool for one workspace */

static struct host *host;
static struct worker *channels[2]; /* of the office, that floods, and of the domain */
static struct uuid uuids[2];
/* What the workers were given, in order: the workspace of each. */
static int begun[200], begun_count;

static void look_at_sent(const struct worker *worker, const struct ipc_head *msg)
{
	const struct submit_open *open = (const struct submit_open *)msg;

	if (strcmp(worker->name, "platen-spool submit") != 0 || msg->type != SUBMIT_OPEN)
		return;
	ck_assert_int_lt(begun_count, 200);
	begun[begun_count++] = uuid_equal(&open->workspace, &uuids[1]);
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

int main(void)
{
	Suite *suite = suite_create("turns");
	TCase *tc = tcase_create("turns");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_connections_wait_for_their_turn);
	tcase_add_test(tc, test_a_free_worker_goes_to_who_has_fewest);
	tcase_add_test(tc, test_a_share_is_a_share);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
