/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's offer in its file: what was written is read, the same is not written again, and what
 * is damaged in any of its bytes, cut anywhere, or put together otherwise, is not read at all.
 */
#include "guest/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "proto/frame.h"
#include "proto/offer-digest.h"
#include "tests/unit/kept.h"

#define PRINTERS 3

static struct message printers[PRINTERS], states[PRINTERS];
static struct kept_entry entries[PRINTERS];
static struct kept *kept;
static char why[256];

static void digest_of(uint32_t count, uint8_t ret_digest[static SHA256_SIZE])
{
	struct offer_digest digest;

	offer_digest_begin(&digest);
	for (uint32_t i = 0; i < count; i++)
		offer_digest_add(&digest, entries[i].printer, entries[i].state);
	offer_digest_end(&digest, ret_digest);
}

static int write_some(uint32_t count)
{
	uint8_t digest[SHA256_SIZE];

	digest_of(count, digest);
	return kept_write(kept, entries, count, digest);
}

/* As an agent that begins. What kept_new() says. */
static int restart(void)
{
	kept = kept_free(kept);
	return kept_new(dir, &kept, why);
}

static void setup(void)
{
	kept_begin("offer");
	for (uint32_t i = 0; i < PRINTERS; i++) {
		struct message_printer *p = &printers[i].printer;
		struct message_printer_state *s = &states[i].printer_state;

		message_init(&printers[i], MESSAGE_PRINTER);
		p->index = s->index = 2 * i + 1;
		p->kind = PRINTER_NETWORK;
		p->driver_size = 5;
		memset(p->driver, 7, sizeof(p->driver));
		(void)snprintf(p->name, sizeof(p->name), "laser%u", i);
		(void)snprintf(p->info, sizeof(p->info), "The %uth by the window", i);
		message_init(&states[i], MESSAGE_PRINTER_STATE);
		s->index = p->index;
		s->state = 3;
		s->accepting = 1;
		(void)snprintf(s->text, sizeof(s->text), "Low on toner");
		entries[i] = (struct kept_entry){p, s};
	}
	ck_assert_int_eq(restart(), 0);
}

static void teardown(void)
{
	kept = kept_free(kept);
	kept_end();
}

START_TEST(test_what_was_written_is_read)
{
	static const uint8_t none[SHA256_SIZE];
	uint8_t digest[SHA256_SIZE];

	ck_assert_ptr_null(kept->list);
	ck_assert_mem_eq(kept->digest, none, SHA256_SIZE);
	ck_assert_int_eq(write_some(PRINTERS), 0);
	ck_assert_int_eq(restart(), 0);
	digest_of(PRINTERS, digest);
	ck_assert_mem_eq(kept->digest, digest, SHA256_SIZE);
	ck_assert_uint_eq(kept->count, PRINTERS);
	for (uint32_t i = 0; i < PRINTERS; i++) {
		ck_assert_mem_eq(
			&kept->list[i].printer, entries[i].printer, sizeof(*entries[i].printer));
		ck_assert_mem_eq(&kept->list[i].state, entries[i].state, sizeof(*entries[i].state));
	}
}
END_TEST

/* Also by an agent that has only read it; another offer is, and none takes the file away. */
START_TEST(test_the_same_is_not_written_again)
{
	struct stat before, after;

	ck_assert_int_eq(write_some(PRINTERS), 0);
	ck_assert_int_eq(stat(file, &before), 0);
	ck_assert_int_eq(write_some(PRINTERS), 0);
	ck_assert_int_eq(restart(), 0);
	ck_assert_int_eq(write_some(PRINTERS), 0);
	ck_assert_int_eq(stat(file, &after), 0);
	ck_assert_int_eq(before.st_ino, after.st_ino);
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	states[1].printer_state.state = 5;
	ck_assert_int_eq(write_some(PRINTERS), 0);
	ck_assert_int_eq(restart(), 0);
	ck_assert_uint_eq(kept->list[1].state.state, 5);
	ck_assert_int_eq(write_some(0), 0);
	ck_assert_int_lt(access(file, F_OK), 0);
	ck_assert_int_eq(write_some(0), 0);
}
END_TEST

static size_t read_file(uint8_t *buf, size_t size)
{
	FILE *f = fopen(file, "re");
	size_t n = f ? fread(buf, 1, size, f) : 0;

	ck_assert(f && fclose(f) == 0 && n > 0 && n < size);
	return n;
}

static void put_file(const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(file, "we");

	ck_assert(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

/* It is gone, one line tells why, and the next agent has nothing to complain about. */
static void look_at_refusal(const char *what, size_t at)
{
	ck_assert_msg(restart() == 1, "%s at %zu was read", what, at);
	ck_assert_msg(strncmp(why, file, strlen(file)) == 0 && !strchr(why, '\n'), "%s", why);
	ck_assert_ptr_null(kept->list);
	ck_assert_int_lt(access(file, F_OK), 0);
	ck_assert_int_eq(restart(), 0);
}

START_TEST(test_damaged)
{
	static uint8_t bytes[65536];
	size_t size;

	ck_assert_int_eq(write_some(PRINTERS), 0);
	size = read_file(bytes, sizeof(bytes) - 1);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 0x21;
		put_file(bytes, size);
		look_at_refusal("a changed byte", i);
		bytes[i] ^= 0x21;
		put_file(bytes, i);
		look_at_refusal("an end", i);
	}
	put_file(bytes, size + 1);
	look_at_refusal("a byte behind the end", size);
	put_file(bytes, size);
	ck_assert_int_eq(restart(), 0);
	ck_assert_uint_eq(kept->count, PRINTERS);
}
END_TEST

/* The frame that stands at `at`, by its place in the file; its size. */
static size_t frame_at(const uint8_t *bytes, uint32_t number, size_t *ret_at)
{
	*ret_at = 0;
	while (number--)
		*ret_at += frame_extent(bytes + *ret_at);
	return frame_extent(bytes + *ret_at);
}

/* Each frame is sound, and they are not those of an offer, or not of this one. */
START_TEST(test_frames_that_do_not_belong_together)
{
	static uint8_t bytes[65536], other[65536];
	size_t size, at, extent;

	ck_assert_int_eq(write_some(PRINTERS), 0);
	size = read_file(bytes, sizeof(bytes));
	for (uint32_t n = 0; n < 2 * PRINTERS + 2; n++) { /* one is missing */
		extent = frame_at(bytes, n, &at);
		memcpy(other, bytes, at);
		memcpy(other + at, bytes + at + extent, size - at - extent);
		put_file(other, size - extent);
		look_at_refusal("a missing frame", n);
	}
	for (uint32_t n = 0; n < 2 * PRINTERS + 2; n++) { /* one is there twice */
		extent = frame_at(bytes, n, &at);
		memcpy(other, bytes, at + extent);
		memcpy(other + at + extent, bytes + at, size - at);
		put_file(other, size + extent);
		look_at_refusal("a frame too many", n);
	}
	printers[1].printer.info[0] = 'A';
	kept->digest[0] ^= 1;
	ck_assert_int_eq(write_some(PRINTERS), 0);
	(void)read_file(other, sizeof(other));
	extent = frame_at(bytes, 0, &at);
	memcpy(other, bytes, extent); /* the beginning of the one before, as long */
	ck_assert_uint_eq(frame_extent(other), extent);
	(void)frame_at(other, 2 * PRINTERS + 1, &at);
	put_file(other, at + frame_extent(other + at));
	look_at_refusal("another offer's beginning", 0);
}
END_TEST

/* What message_check() does not let pass from a host, it does not let pass from here. */
START_TEST(test_what_no_host_may_say)
{
	uint8_t digest[SHA256_SIZE];

	states[2].printer_state.index = 4; /* and 1 to 3 are not 0 to 2 */
	digest_of(PRINTERS, digest);
	ck_assert_int_eq(kept_write(kept, entries, PRINTERS, digest), 0);
	look_at_refusal("a state of no printer", 2);
	ck_assert_ptr_nonnull(strstr(why, "not that of its printer"));
}
END_TEST

START_TEST(test_no_folder)
{
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(write_some(PRINTERS), -ENOENT);
	ck_assert_int_eq(restart(), 0);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(mkdir(file, 0700), 0); /* it cannot be read */
	ck_assert_int_eq(restart(), 1);
	ck_assert_ptr_null(kept->list);
	ck_assert_int_eq(rmdir(file), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kept");
	TCase *tc = tcase_create("kept");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_what_was_written_is_read);
	tcase_add_test(tc, test_the_same_is_not_written_again);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_frames_that_do_not_belong_together);
	tcase_add_test(tc, test_what_no_host_may_say);
	tcase_add_test(tc, test_no_folder);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
