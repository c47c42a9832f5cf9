/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest of an offer: every byte of a printer and of its state counts, and where it stands;
 * what has crossed the channel comes to the same as what was sent.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/offer-digest.h"

static struct message printer, state;

static void setup(void)
{
	struct message_printer *p = &printer.printer;
	struct message_printer_state *s = &state.printer_state;

	message_init(&printer, MESSAGE_PRINTER);
	p->index = 3;
	p->kind = PRINTER_NETWORK;
	p->driver_size = 5;
	memset(p->driver, 7, sizeof(p->driver));
	(void)text_copy(p->name, sizeof(p->name), "laser");
	(void)text_copy(p->info, sizeof(p->info), "The one by the window");
	ck_assert_int_eq(options_add(p->defaults, sizeof(p->defaults), &p->defaults_size,
				 "job-sheets", "standard"),
		0);
	message_init(&state, MESSAGE_PRINTER_STATE);
	s->index = 3;
	s->state = 3;
	s->accepting = 1;
	(void)text_copy(s->text, sizeof(s->text), "Low on toner");
}

static void digest_of(const struct message_printer *p, const struct message_printer_state *s,
	uint8_t ret[static SHA256_SIZE])
{
	struct offer_digest digest;

	offer_digest_begin(&digest);
	offer_digest_add(&digest, p, s);
	offer_digest_end(&digest, ret);
}

/* Each byte of it changes the digest. */
static void look_at_bytes(void *data, size_t size)
{
	uint8_t before[SHA256_SIZE], after[SHA256_SIZE], *bytes = data;

	digest_of(&printer.printer, &state.printer_state, before);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 1;
		digest_of(&printer.printer, &state.printer_state, after);
		ck_assert_msg(memcmp(before, after, sizeof(before)) != 0, "byte %zu", i);
		bytes[i] ^= 1;
	}
}

START_TEST(every_byte_counts)
{
	look_at_bytes(&printer.printer, sizeof(printer.printer));
	look_at_bytes(&state.printer_state, sizeof(state.printer_state));
}
END_TEST

START_TEST(the_place_counts)
{
	uint8_t before[SHA256_SIZE], after[SHA256_SIZE];

	digest_of(&printer.printer, &state.printer_state, before);
	memmove(state.printer_state.text + 64, state.printer_state.text, 64);
	memset(state.printer_state.text, 0, 64);
	digest_of(&printer.printer, &state.printer_state, after);
	ck_assert_mem_ne(before, after, sizeof(before));
	digest_of(&printer.printer, NULL, after);
	ck_assert_mem_ne(before, after, sizeof(before));
}
END_TEST

START_TEST(the_channel_changes_nothing)
{
	static uint8_t buf[FRAME_PAYLOAD_MAX];
	uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
	static struct message come[2];
	char why[128];

	ck_assert_int_eq(message_decode(buf, message_encode(&printer, buf), &come[0], why), 0);
	ck_assert_int_eq(message_decode(buf, message_encode(&state, buf), &come[1], why), 0);
	digest_of(&printer.printer, &state.printer_state, before);
	digest_of(&come[0].printer, &come[1].printer_state, after);
	ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

START_TEST(none_is_no_digest)
{
	static const uint8_t none[SHA256_SIZE];
	struct offer_digest digest;
	uint8_t text[SHA256_SIZE];

	offer_digest_begin(&digest);
	offer_digest_end(&digest, text);
	ck_assert_mem_eq(text, none, sizeof(none));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("offer-digest");
	TCase *tcase = tcase_create("offer-digest");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, every_byte_counts);
	tcase_add_test(tcase, the_place_counts);
	tcase_add_test(tcase, the_channel_changes_nothing);
	tcase_add_test(tcase, none_is_no_digest);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
