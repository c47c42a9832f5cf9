/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document on its way: every byte once and in order, whatever is cut, and always the same digest.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/transfer.h"

#define SIZE (3 * FRAME_DATA_MAX + 1234)

static uint8_t document[SIZE], received[SIZE], digest[DIGEST_SIZE];
static struct transfer transfer;
static int file;

static void setup(void)
{
	XXH128_canonical_t canonical;

	for (size_t i = 0; i < SIZE; i++)
		document[i] = (uint8_t)(i * 2654435761U >> 13);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(document, SIZE));
	memcpy(digest, &canonical, DIGEST_SIZE);
	file = memfd_create("document", MFD_CLOEXEC);
	ck_assert_int_eq(write(file, document, SIZE), SIZE);
	ck_assert_int_eq(transfer_init(&transfer, file), 0);
}

static void teardown(void)
{
	transfer_deinit(&transfer);
	ck_assert_int_eq(fcntl(file, F_GETFD), -1); /* it was taken over */
}

/* Takes steps until none is left or `most` bytes were sent; what arrives is kept. */
static int run(uint64_t most)
{
	const uint8_t *data;
	size_t size;
	int step;

	while (transfer.sent < most && transfer_is_due(&transfer)) {
		step = transfer_next(&transfer, &data, &size);
		if (step == TRANSFER_WHOLE || step < 0)
			return step;
		if (step != TRANSFER_PIECE)
			continue;
		ck_assert_uint_le(size, FRAME_DATA_MAX);
		ck_assert_uint_le(size, transfer.credit);
		memcpy(received + transfer.sent, data, size);
		transfer_sent(&transfer, data);
	}
	return TRANSFER_WAIT;
}

static void is_whole(void)
{
	uint8_t is[DIGEST_SIZE];

	ck_assert_int_eq(run(UINT64_MAX), TRANSFER_WHOLE);
	transfer_digest(&transfer, is);
	ck_assert_int_eq(memcmp(is, digest, DIGEST_SIZE), 0);
	ck_assert_int_eq(memcmp(received, document, SIZE), 0);
	ck_assert_uint_eq(transfer_progress(&transfer), 100);
}

START_TEST(test_at_once)
{
	ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
	is_whole();
}
END_TEST

/* Credit is never passed, however it comes. */
START_TEST(test_credit)
{
	static const uint32_t credits[] = {1, 65535, 65536, 65537, 7, SIZE};

	ck_assert(!transfer_is_due(&transfer));
	ck_assert_int_eq(transfer_begin(&transfer, 0, 100), 0);
	ck_assert_int_eq(run(UINT64_MAX), TRANSFER_WAIT);
	ck_assert_uint_eq(transfer.sent, 100);
	for (size_t i = 0; i < sizeof(credits) / sizeof(credits[0]); i++) {
		uint64_t before = transfer.sent;

		transfer.credit += credits[i];
		if (i + 1 < sizeof(credits) / sizeof(credits[0])) {
			ck_assert_int_eq(run(UINT64_MAX), TRANSFER_WAIT);
			ck_assert_uint_eq(transfer.sent, before + credits[i]);
		}
	}
	is_whole();
}
END_TEST

/* A piece that did not go out comes again. */
START_TEST(test_not_sent)
{
	const uint8_t *data;
	size_t size;

	ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
	ck_assert_int_eq(transfer_next(&transfer, &data, &size), TRANSFER_PIECE);
	is_whole();
}
END_TEST

static const struct {
	uint64_t sent;	 /* when the channel broke */
	uint64_t offset; /* from where the host wants it again */
} cuts[] = {
	{0, 0},
	{1, 0},
	{FRAME_DATA_MAX, 0},
	{FRAME_DATA_MAX, 1},
	{FRAME_DATA_MAX, FRAME_DATA_MAX},
	{3 * FRAME_DATA_MAX, FRAME_DATA_MAX + 17},
	{SIZE, 5},
	{SIZE, SIZE},
	/* The host is ahead of us: the agent is new. */
	{0, 1},
	{0, FRAME_DATA_MAX},
	{0, 2 * FRAME_DATA_MAX + 99},
	{0, SIZE},
};

START_TEST(test_cut)
{
	memcpy(received, document, cuts[_i].offset);
	if (cuts[_i].sent) {
		ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
		(void)run(cuts[_i].sent);
		memset(received + cuts[_i].offset, 0, SIZE - cuts[_i].offset);
	}
	ck_assert_int_eq(transfer_begin(&transfer, cuts[_i].offset, UINT32_MAX), 0);
	is_whole();
}
END_TEST

/* The host says that it is another document: all of it once more. */
START_TEST(test_forget)
{
	ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
	is_whole();
	transfer_forget(&transfer);
	ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
	memset(received, 0, SIZE);
	is_whole();
}
END_TEST

START_TEST(test_beyond)
{
	ck_assert_int_eq(transfer_begin(&transfer, SIZE + 1, 1), -ERANGE);
	ck_assert_int_eq(transfer_begin(&transfer, UINT64_MAX, 1), -ERANGE);
}
END_TEST

START_TEST(test_shorter)
{
	ck_assert_int_eq(transfer_begin(&transfer, 0, UINT32_MAX), 0);
	ck_assert_int_eq(ftruncate(file, FRAME_DATA_MAX), 0);
	ck_assert_int_eq(run(UINT64_MAX), -ENODATA);
}
END_TEST

START_TEST(test_empty)
{
	struct transfer empty;
	int fd = memfd_create("empty", MFD_CLOEXEC);
	const uint8_t *data;
	size_t size;

	ck_assert_int_eq(transfer_init(&empty, fd), 0);
	ck_assert_int_eq(transfer_next(&empty, &data, &size), TRANSFER_WHOLE);
	ck_assert_uint_eq(transfer_progress(&empty), 100);
	transfer_deinit(&empty);
}
END_TEST

/* A pipe cannot be read again, and a folder not at all. */
START_TEST(test_no_file)
{
	struct transfer none;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(transfer_init(&none, fds[0]), -EINVAL);
	ck_assert_int_eq(close(fds[0]) | close(fds[1]), 0);
	ck_assert_int_eq(transfer_init(&none, -1), -EBADF);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transfer");
	TCase *tc = tcase_create("transfer");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_at_once);
	tcase_add_test(tc, test_credit);
	tcase_add_test(tc, test_not_sent);
	tcase_add_loop_test(tc, test_cut, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_test(tc, test_forget);
	tcase_add_test(tc, test_beyond);
	tcase_add_test(tc, test_shorter);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_no_file);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
