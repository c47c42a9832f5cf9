/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that a guest holds: what arrives in pieces, whole or not, what an earlier run left
 * behind, and what is taken away. The pieces are a host's that may be broken or hostile.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "guest/drivers.h"
#include "proto/base/cleanup.h"

#define PLAIN (300 * 1024)

static char dir[] = "/tmp/platen-drivers-XXXXXX";
static struct drivers *drivers;
static int asked; /* times */
static int ask_result;

struct sample {
	uint8_t sha256[SHA256_SIZE];
	uint8_t packed[PLAIN + 1024];
	size_t size;
};

static struct sample one, two;

static int ask(const uint8_t sha256[static SHA256_SIZE], void *userdata)
{
	(void)sha256;
	ck_assert_ptr_eq(userdata, dir);
	if (ask_result == 0)
		asked++;
	return ask_result;
}

static size_t pack(uint8_t *packed, size_t most, const uint8_t *plain, size_t size)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)plain,
		.avail_in = (uInt)size,
		.next_out = packed,
		.avail_out = (uInt)most};

	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	(void)deflateEnd(&z);
	return size;
}

/* A driver that does not pack well, so that it has several pieces. */
static void sample_make(struct sample *s, uint32_t seed)
{
	static uint8_t plain[PLAIN];
	struct sha256_ctx sha;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
	sha256_init(&sha);
	sha256_update(&sha, sizeof(plain), plain);
	sha256_digest(&sha, SHA256_SIZE, s->sha256);
	s->size = pack(s->packed, sizeof(s->packed), plain, sizeof(plain));
}

static void start(void)
{
	ck_assert_int_eq(drivers_new(dir, ask, dir, &drivers), 0);
}

static void restart(void)
{
	drivers = drivers_free(drivers);
	start();
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	sample_make(&one, 1);
	sample_make(&two, 2);
	start();
}

static void teardown(void)
{
	char command[64];

	drivers = drivers_free(drivers);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static enum drivers_news piece(const struct sample *s, size_t total, size_t from, size_t size)
{
	struct message_driver_data d = {.total = (uint32_t)total,
		.offset = (uint32_t)from,
		.data_size = (uint32_t)size,
		.data = s->packed + from};
	char why[MESSAGE_SIZE] = "";
	enum drivers_news news;

	memcpy(d.driver, s->sha256, SHA256_SIZE);
	news = drivers_take(drivers, &d, why);
	ck_assert_int_eq(news == DRIVERS_FAILED, why[0] != '\0');
	return news;
}

static enum drivers_news send_all(const struct sample *s)
{
	enum drivers_news news = DRIVERS_MORE;

	for (size_t at = 0; at < s->size && news == DRIVERS_MORE; at += FRAME_DATA_MAX)
		news = piece(s, s->size, at,
			s->size - at < FRAME_DATA_MAX ? s->size - at : FRAME_DATA_MAX);
	return news;
}

static void hold(const struct sample *s)
{
	drivers_want(drivers, s->sha256);
	ck_assert_int_eq(send_all(s), DRIVERS_CAME);
	ck_assert(drivers_have(drivers, s->sha256));
}

static const char *path_of(const struct sample *s)
{
	static char path[256];
	int n = snprintf(path, sizeof(path), "%s/", drivers_folder(drivers));

	for (int i = 0; i < SHA256_SIZE; i++)
		n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", s->sha256[i]);
	(void)snprintf(path + n, sizeof(path) - (size_t)n, ".ppd.gz");
	return path;
}

/* It is asked for once, comes in pieces, and is there for every later run. */
START_TEST(test_once)
{
	_cleanup_close_ int fd = -1;
	char head[4] = "";

	ck_assert(!drivers_have(drivers, one.sha256));
	ck_assert_int_eq(drivers_open(drivers, one.sha256), -ENOENT);
	drivers_want(drivers, one.sha256);
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(asked, 1);
	ck_assert_int_eq(send_all(&one), DRIVERS_CAME);
	restart();
	ck_assert(drivers_have(drivers, one.sha256));
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(asked, 1);
	fd = drivers_open(drivers, one.sha256);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(fd, head, 4), 4);
	ck_assert_int_eq(memcmp(head, one.packed, 4), 0);
}
END_TEST

/* Pieces of several in turn. */
START_TEST(test_in_turn)
{
	drivers_want(drivers, one.sha256);
	drivers_want(drivers, two.sha256);
	ck_assert_int_eq(piece(&one, one.size, 0, 1000), DRIVERS_MORE);
	ck_assert_int_eq(piece(&two, two.size, 0, 10), DRIVERS_MORE);
	ck_assert_int_eq(piece(&one, one.size, 1000, one.size - 1000), DRIVERS_CAME);
	ck_assert_int_eq(piece(&two, two.size, 10, two.size - 10), DRIVERS_CAME);
}
END_TEST

/* What nobody asked for is nothing; a session's end forgets what was asked for. */
START_TEST(test_not_asked)
{
	ck_assert_int_eq(send_all(&one), DRIVERS_MORE);
	ck_assert(!drivers_have(drivers, one.sha256));
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(piece(&one, one.size, 0, 1000), DRIVERS_MORE);
	drivers_session_over(drivers);
	ck_assert_int_eq(piece(&one, one.size, 1000, one.size - 1000), DRIVERS_MORE);
	ck_assert(!drivers_have(drivers, one.sha256));
	hold(&one);
	ck_assert_int_eq(asked, 2);
}
END_TEST

/* A full channel, or none: asked for the next time. */
START_TEST(test_not_sent)
{
	ask_result = -ENOBUFS;
	drivers_want(drivers, one.sha256);
	ask_result = 0;
	hold(&one);
	ck_assert_int_eq(asked, 1);
}
END_TEST

/* Failures: told once, and asked for again only when that is wanted. */
static void fails(enum drivers_news news)
{
	ck_assert_int_eq(news, DRIVERS_FAILED);
	ck_assert(!drivers_have(drivers, one.sha256));
	asked = 0;
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(asked, 0);
	drivers_retry(drivers);
	hold(&one);
	ck_assert_int_eq(asked, 1);
}

START_TEST(test_gone)
{
	drivers_want(drivers, one.sha256);
	fails(piece(&one, 0, 0, 0));
}
END_TEST

START_TEST(test_gap)
{
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(piece(&one, one.size, 0, 1000), DRIVERS_MORE);
	fails(piece(&one, one.size, 1001, 1000));
}
END_TEST

START_TEST(test_other_total)
{
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(piece(&one, one.size, 0, 1000), DRIVERS_MORE);
	fails(piece(&one, one.size - 1, 1000, 1000));
}
END_TEST

START_TEST(test_no_beginning)
{
	drivers_want(drivers, one.sha256);
	fails(piece(&one, one.size, 1000, 1000));
}
END_TEST

START_TEST(test_wrong_bytes)
{
	struct sample wrong = two;

	memcpy(wrong.sha256, one.sha256, SHA256_SIZE);
	drivers_want(drivers, one.sha256);
	fails(send_all(&wrong));
}
END_TEST

START_TEST(test_truncated)
{
	drivers_want(drivers, one.sha256);
	fails(piece(&one, one.size - 1, 0, one.size - 1));
}
END_TEST

/* Bytes behind the end would reach cupsd unseen. */
START_TEST(test_more_behind)
{
	struct sample more = one;

	more.packed[more.size++] = 0;
	drivers_want(drivers, one.sha256);
	fails(send_all(&more));
}
END_TEST

/* Little that unpacks to much: stopped at the bound. */
START_TEST(test_bomb)
{
	struct sample bomb = one;
	uint8_t *zeros = calloc(1, DRIVER_SIZE_MAX + 1);
	struct sha256_ctx sha;

	bomb.size = pack(bomb.packed, sizeof(bomb.packed), zeros, DRIVER_SIZE_MAX + 1);
	sha256_init(&sha);
	sha256_update(&sha, DRIVER_SIZE_MAX + 1, zeros);
	sha256_digest(&sha, SHA256_SIZE, bomb.sha256);
	drivers_want(drivers, bomb.sha256);
	ck_assert_int_eq(send_all(&bomb), DRIVERS_FAILED);
	free(zeros);
}
END_TEST

/* A full disk, or one that is read-only, shown by a folder that takes no file. */
START_TEST(test_no_room)
{
	char command[128];

	if (geteuid() == 0) { /* root writes anywhere: the folder has to go */
		(void)snprintf(command, sizeof(command), "rm -rf '%s'", drivers_folder(drivers));
		ck_assert_int_eq(system(command), 0);
	} else {
		ck_assert_int_eq(chmod(drivers_folder(drivers), 0555), 0);
	}
	drivers_want(drivers, one.sha256);
	ck_assert_int_eq(send_all(&one), DRIVERS_FAILED);
	ck_assert(!drivers_have(drivers, one.sha256));
}
END_TEST

/* A file of an earlier run that is not what its name says is found before it is used. */
START_TEST(test_rotten)
{
	_cleanup_close_ int fd = -1;

	hold(&one);
	hold(&two);
	ck_assert_int_eq(truncate(path_of(&one), (off_t)one.size - 1), 0);
	fd = open(path_of(&two), O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, "x", 1, 500), 1);
	restart();
	ck_assert(drivers_have(drivers, one.sha256));
	ck_assert_int_eq(drivers_open(drivers, one.sha256), -ENOENT);
	ck_assert_int_eq(drivers_open(drivers, two.sha256), -ENOENT);
	ck_assert(!drivers_have(drivers, one.sha256));
	ck_assert_int_ne(access(path_of(&one), F_OK), 0);
	asked = 0;
	hold(&one);
	ck_assert_int_eq(asked, 1);
}
END_TEST

/* One that somebody took away is asked for again. */
START_TEST(test_taken_away)
{
	hold(&one);
	ck_assert_int_eq(unlink(path_of(&one)), 0);
	ck_assert_int_eq(drivers_open(drivers, one.sha256), -ENOENT);
	hold(&one);
	ck_assert_int_eq(asked, 2);
}
END_TEST

static bool is_one(const uint8_t sha256[static SHA256_SIZE], void *userdata)
{
	(void)userdata;
	return memcmp(sha256, one.sha256, SHA256_SIZE) == 0;
}

/* Unfinished files go at the start; unused ones after a while; used ones stay. */
START_TEST(test_prune)
{
	char stray[300];
	time_t now = time(NULL);
	int fd;

	hold(&one);
	hold(&two);
	(void)snprintf(stray, sizeof(stray), "%s.new", path_of(&one));
	fd = open(stray, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	(void)close_fd(fd);
	restart();
	ck_assert_int_ne(access(stray, F_OK), 0);
	drivers_prune(drivers, is_one, NULL, now + DRIVERS_KEEP_SEC - 10);
	ck_assert(drivers_have(drivers, two.sha256));
	drivers_prune(drivers, is_one, NULL, now + DRIVERS_KEEP_SEC + 10);
	ck_assert(drivers_have(drivers, one.sha256));
	ck_assert(!drivers_have(drivers, two.sha256));
	ck_assert_int_eq(access(path_of(&one), F_OK), 0);
	ck_assert_int_ne(access(path_of(&two), F_OK), 0);
}
END_TEST

/* A folder that cannot be made. */
START_TEST(test_no_folder)
{
	struct drivers *none;

	ck_assert_int_lt(drivers_new("/proc/platen", ask, dir, &none), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {test_once, test_in_turn, test_not_asked, test_not_sent,
		test_gone, test_gap, test_other_total, test_no_beginning, test_wrong_bytes,
		test_truncated, test_more_behind, test_bomb, test_no_room, test_rotten,
		test_taken_away, test_prune, test_no_folder};
	Suite *suite = suite_create("drivers");
	TCase *tc = tcase_create("drivers");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
