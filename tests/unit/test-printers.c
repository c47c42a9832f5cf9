/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of printers and queues: who is in it, under which name and index, and who is due.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/printers.h"
#include "proto/base/text.h"
#include "proto/device.h"

static struct printers printers;

static void setup(void)
{
	printers_init(&printers);
}

static void teardown(void)
{
	printers_deinit(&printers);
	ck_assert(TAILQ_EMPTY(&printers.all));
}

static struct printer *offer(const char *name, uint32_t index, bool is_default)
{
	struct message_printer m = {.index = index, .is_default = is_default};
	struct printer *p = printers_get(&printers, name);

	ck_assert_ptr_nonnull(p);
	(void)text_copy(m.name, sizeof(m.name), name);
	ck_assert_int_eq(printers_offer(&printers, p, &m), 0);
	return p;
}

static struct printer *list(const char *name, bool ours, const char *uri)
{
	struct queues_queue q = {.ours = ours};

	(void)text_copy(q.name, sizeof(q.name), name);
	(void)text_copy(q.device_uri, sizeof(q.device_uri), uri);
	(void)text_copy(q.fingerprint, sizeof(q.fingerprint), "f");
	return printers_list_queue(&printers, &q);
}

/* Names are CUPS's: no case. */
START_TEST(test_names)
{
	struct printer *p = offer("Laser", 3, false);

	ck_assert_ptr_eq(printers_find(&printers, "laser"), p);
	ck_assert_ptr_eq(printers_get(&printers, "LASER"), p);
	ck_assert_ptr_null(printers_find(&printers, "lase"));
	ck_assert_uint_eq(printers.count, 1);
}
END_TEST

/* An index is the newest offer's, for one session. */
START_TEST(test_index)
{
	struct printer *a = offer("a", 0, false), *b = offer("b", 5000, false);

	ck_assert_ptr_eq(printers_by_index(&printers, 0), a);
	ck_assert_ptr_eq(printers_by_index(&printers, 5000), b);
	ck_assert_ptr_null(printers_by_index(&printers, 1));
	ck_assert_ptr_null(printers_by_index(&printers, UINT32_MAX));
	a->state_told = true;
	(void)offer("a", 0, true); /* changed: its state is known still */
	ck_assert(a->state_told);
	(void)offer("a", 7, false); /* taken away and added again */
	ck_assert(!a->state_told);
	ck_assert_ptr_null(printers_by_index(&printers, 0));
	ck_assert_ptr_eq(printers_by_index(&printers, 7), a);
	a->reported = REPORT_READY;
	printers_session_over(&printers);
	ck_assert(a->offered && !a->told && !a->reported);
	ck_assert_ptr_null(printers_by_index(&printers, 7));
	ck_assert_ptr_null(printers_by_index(&printers, 5000));
}
END_TEST

/* A new offer is a new chance for its driver; the same one is not. */
START_TEST(test_refused)
{
	struct message_printer m = {.index = 1, .name = "a"};
	struct printer *p = offer("a", 1, false);

	p->refused = true;
	p->retry = 1;
	ck_assert_int_eq(printers_offer(&printers, p, &m), 0);
	ck_assert(p->refused && p->retry);
	m.driver[0] = 1;
	ck_assert_int_eq(printers_offer(&printers, p, &m), 0);
	ck_assert(!p->refused && !p->retry);
}
END_TEST

/* A listing says what is there and what is not any more. */
START_TEST(test_list)
{
	struct printer *a = offer("a", 1, false), *b, *c;

	printers_list_begin(&printers);
	ck_assert_ptr_eq(list("A", true, "platen:/a"), a);
	b = list("b", false, "socket://10.0.0.5");
	c = list("c", true, "platen:/c");
	printers_list_end(&printers);
	ck_assert_int_eq(a->queue, QUEUE_OURS);
	ck_assert_str_eq(a->made_of, "f");
	ck_assert_int_eq(b->queue, QUEUE_BY_HAND);
	a->shown = c->shown = 1;
	printers_list_begin(&printers);
	(void)list("c", true, "platen:/c");
	printers_list_end(&printers);
	ck_assert_int_eq(a->queue, QUEUE_NONE);
	ck_assert_str_eq(a->made_of, "");
	ck_assert_uint_eq(a->shown, 0);
	ck_assert_int_eq(b->queue, QUEUE_NONE);
	ck_assert_uint_eq(c->shown, 1);
	/* Whoever is nowhere any more is forgotten. */
	printers_tidy(&printers, b);
	printers_tidy(&printers, a);
	printers_tidy(&printers, c);
	ck_assert_ptr_null(printers_find(&printers, "b"));
	ck_assert_ptr_eq(printers_find(&printers, "a"), a);
	ck_assert_ptr_eq(printers_find(&printers, "c"), c);
	a->offered = false;
	printers_tidy(&printers, a);
	ck_assert_ptr_null(printers_by_index(&printers, 1));
	c->queue = QUEUE_NONE;
	c->pinned = true; /* a request about it is under way */
	printers_tidy(&printers, c);
	ck_assert_ptr_eq(printers_find(&printers, "c"), c);
	c->pinned = false;
}
END_TEST

/* A person's queue for the same device is found by that, ours never. */
START_TEST(test_device)
{
	uint8_t device[SHA256_SIZE], none[SHA256_SIZE] = {0};

	printers_list_begin(&printers);
	(void)list("mine", false, "socket://10.0.0.5");
	(void)list("usb", false, "usb://A/B");
	(void)list("ours", true, "ipp://10.0.0.6/ipp/print");
	printers_list_end(&printers);
	device_digest("ipp://10.0.0.5/ipp/print", device);
	ck_assert_str_eq(printers_on_device(&printers, device)->name, "mine");
	device_digest("ipp://10.0.0.6/ipp/print", device);
	ck_assert_ptr_null(printers_on_device(&printers, device));
	ck_assert_ptr_null(printers_on_device(&printers, none));
}
END_TEST

/* Each once, the default printer first. */
START_TEST(test_due)
{
	struct printer *a = offer("a", 1, false), *b = offer("b", 2, false);
	struct printer *c = offer("c", 3, true);

	printers_due(&printers, b);
	printers_due(&printers, a);
	printers_due(&printers, b);
	printers_due(&printers, c);
	ck_assert_ptr_eq(printers_next_due(&printers), c);
	ck_assert_ptr_eq(printers_next_due(&printers), b);
	printers_due(&printers, b);
	ck_assert_ptr_eq(printers_next_due(&printers), a);
	ck_assert_ptr_eq(printers_next_due(&printers), b);
	ck_assert_ptr_null(printers_next_due(&printers));
	printers_all_due(&printers);
	ck_assert_ptr_eq(printers_next_due(&printers), c);
	a->offered = false;
	printers_tidy(&printers, a); /* also one that is due */
	ck_assert_ptr_eq(printers_next_due(&printers), b);
	ck_assert_ptr_null(printers_next_due(&printers));
}
END_TEST

/* There is an end to names. */
START_TEST(test_most)
{
	char name[NAME_SIZE];

	for (int i = 0; i < PRINTERS_MOST; i++) {
		(void)snprintf(name, sizeof(name), "p%d", i);
		ck_assert_ptr_nonnull(printers_get(&printers, name));
	}
	ck_assert_ptr_null(printers_get(&printers, "one-more"));
	ck_assert_ptr_nonnull(printers_get(&printers, "p7"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("printers");
	TCase *tc = tcase_create("printers");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_index);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_device);
	tcase_add_test(tc, test_due);
	tcase_add_test(tc, test_most);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
