/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done about a printer: a row per situation, and what must come of it. Then that
 * nothing is left to do once it was done, and the same for the default printer and for states.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/reconcile.h"
#include "proto/base/text.h"

enum offer {
	NOT_OFFERED,
	OFFERED,
};

static const struct {
	const char *what;
	enum offer offered;
	enum queue_kind queue;
	const char *made_of; /* of the queue; the offer's is "f" */
	const char *flags;   /* w: the offer is whole, d: driver held, t: device taken, b: busy,
				r: driver refused, s: state told, A: host away, ?: not known */
	enum deed deed;
	bool fetch;
	uint32_t report;
} rows[] = {
	/* An offered printer gets its queue, as soon as its driver is here. */
	{"new", OFFERED, QUEUE_NONE, "", "d", DEED_PUT, false, 0},
	{"new, no driver", OFFERED, QUEUE_NONE, "", "w", DEED_NONE, true, 0},
	{"new, refused", OFFERED, QUEUE_NONE, "", "wdr", DEED_NONE, false, REPORT_DRIVER_REFUSED},
	{"new, host away", OFFERED, QUEUE_NONE, "", "dA", DEED_PUT, false, 0},

	/* It is made anew when it is not what is offered, and left alone when it is. */
	{"as it is", OFFERED, QUEUE_OURS, "f", "wd", DEED_NONE, false, REPORT_READY},
	{"as it is, no driver", OFFERED, QUEUE_OURS, "f", "w", DEED_NONE, false, REPORT_READY},
	{"changed", OFFERED, QUEUE_OURS, "g", "wd", DEED_PUT, false, 0},
	{"half made", OFFERED, QUEUE_OURS, "", "wd", DEED_PUT, false, 0},
	{"changed, no driver", OFFERED, QUEUE_OURS, "g", "w", DEED_NONE, true, 0},
	{"changed, refused", OFFERED, QUEUE_OURS, "g", "wdr", DEED_NONE, false,
		REPORT_DRIVER_REFUSED},

	/* A state is shown when it is known, also beside what else is wrong. */
	{"state", OFFERED, QUEUE_OURS, "f", "wds", DEED_SHOW, false, REPORT_READY},
	{"state, old driver", OFFERED, QUEUE_OURS, "g", "ws", DEED_SHOW, true, 0},
	{"host away", OFFERED, QUEUE_OURS, "f", "dA", DEED_SHOW, false, REPORT_READY},
	{"host away a moment", OFFERED, QUEUE_OURS, "f", "ds?", DEED_NONE, false, REPORT_READY},
	{"no queue, no state", OFFERED, QUEUE_NONE, "", "wsr", DEED_NONE, false,
		REPORT_DRIVER_REFUSED},

	/* People's queues are never touched and never doubled. */
	{"name taken", OFFERED, QUEUE_BY_HAND, "", "wds", DEED_NONE, false, REPORT_NAME_TAKEN},
	{"name taken, its mark", OFFERED, QUEUE_BY_HAND, "f", "wd", DEED_NONE, false,
		REPORT_NAME_TAKEN},
	{"device taken", OFFERED, QUEUE_NONE, "", "wdt", DEED_NONE, false, REPORT_DEVICE_TAKEN},
	{"device taken, no driver", OFFERED, QUEUE_NONE, "", "wt", DEED_NONE, false,
		REPORT_DEVICE_TAKEN},
	{"device taken since", OFFERED, QUEUE_OURS, "f", "wdt", DEED_REMOVE, false,
		REPORT_DEVICE_TAKEN},
	{"device taken, jobs", OFFERED, QUEUE_OURS, "f", "wdtb", DEED_SHOW, false,
		REPORT_DEVICE_TAKEN},
	{"device taken, half an offer", OFFERED, QUEUE_OURS, "f", "dt", DEED_NONE, false,
		REPORT_DEVICE_TAKEN},
	{"by hand, never offered", NOT_OFFERED, QUEUE_BY_HAND, "", "w", DEED_NONE, false,
		REPORT_GONE},

	/* What is withdrawn goes, once the offer is whole and its jobs are settled. */
	{"withdrawn", NOT_OFFERED, QUEUE_OURS, "f", "w", DEED_REMOVE, false, 0},
	{"withdrawn, jobs", NOT_OFFERED, QUEUE_OURS, "f", "wb", DEED_SHOW, false, REPORT_REMOVING},
	{"half an offer", NOT_OFFERED, QUEUE_OURS, "f", "", DEED_NONE, false, 0},
	{"no host yet", NOT_OFFERED, QUEUE_OURS, "f", "?", DEED_NONE, false, 0},
	{"host away at the start", NOT_OFFERED, QUEUE_OURS, "f", "A", DEED_SHOW, false, 0},
	{"removed", NOT_OFFERED, QUEUE_NONE, "", "w", DEED_NONE, false, REPORT_GONE},
};

static struct printer person;

static bool has(const char *flags, char flag)
{
	return strchr(flags, flag) != NULL;
}

static void make(size_t i, struct printer *p, struct circumstances *c)
{
	static struct message_printer offer;
	static struct message_printer_state state;
	const char *flags = rows[i].flags;

	*p = (struct printer){.offered = rows[i].offered == OFFERED,
		.told = rows[i].offered == OFFERED,
		.offer = &offer,
		.queue = rows[i].queue,
		.busy = has(flags, 'b'),
		.refused = has(flags, 'r'),
		.state_told = has(flags, 's'),
		.state = has(flags, 's') ? &state : NULL,
		.name = "laser"};
	state.state = 3;
	(void)text_copy(p->fingerprint, sizeof(p->fingerprint), "f");
	(void)text_copy(p->made_of, sizeof(p->made_of), rows[i].made_of);
	*c = (struct circumstances){
		.presence = has(flags, '?')   ? PRESENCE_UNKNOWN
			    : has(flags, 'A') ? PRESENCE_AWAY
					      : PRESENCE_HERE,
		.whole = has(flags, 'w'),
		.has_driver = has(flags, 'd'),
		.taken = has(flags, 't') ? &person : NULL,
	};
}

START_TEST(test_rows)
{
	struct circumstances c;
	struct decision d;
	struct printer p;

	make((size_t)_i, &p, &c);
	d = reconcile(&p, &c);
	ck_assert_msg(d.deed == rows[_i].deed, "%s: deed %d", rows[_i].what, (int)d.deed);
	ck_assert_msg(d.fetch == rows[_i].fetch, "%s: fetch %d", rows[_i].what, d.fetch);
	ck_assert_msg(d.report == rows[_i].report, "%s: report %u", rows[_i].what, d.report);
}
END_TEST

/* Whatever is asked for is done: then at most a state is left to show, and then nothing. */
START_TEST(test_ends)
{
	struct circumstances c;
	struct queues_state state;
	struct decision d;
	struct printer p;

	make((size_t)_i, &p, &c);
	for (int n = 0; n < 3; n++) {
		d = reconcile(&p, &c);
		switch (d.deed) {
		case DEED_NONE: break;
		case DEED_PUT:
			p.queue = QUEUE_OURS;
			memcpy(p.made_of, p.fingerprint, sizeof(p.made_of));
			p.shown = 0;
			break;
		case DEED_REMOVE: p.queue = QUEUE_NONE; break;
		case DEED_SHOW:
			ck_assert(reconcile_state(&p, &c, &state));
			p.shown = reconcile_state_digest(&state);
			break;
		}
	}
	ck_assert_msg(reconcile(&p, &c).deed == DEED_NONE, "%s: never at rest", rows[_i].what);
}
END_TEST

static const struct {
	const char *what, *wanted, *current, *last;
	enum queue_kind kind; /* of the current one */
	bool due;
} defaults[] = {
	{"none yet", "a", "", "", QUEUE_NONE, true},
	{"none, and one was set before", "a", "", "b", QUEUE_NONE, true},
	{"it is", "a", "a", "a", QUEUE_OURS, false},
	{"the host has another now", "a", "b", "b", QUEUE_OURS, true},
	{"names have no case", "a", "b", "B", QUEUE_OURS, true},
	{"the note is lost", "a", "b", "", QUEUE_OURS, true},
	{"a person chose another of ours", "a", "b", "a", QUEUE_OURS, false},
	{"a person chose a queue of theirs", "a", "b", "a", QUEUE_BY_HAND, false},
	{"a person chose theirs, no note", "a", "b", "", QUEUE_BY_HAND, false},
	{"the host has none", "", "b", "b", QUEUE_OURS, false},
};

START_TEST(test_default)
{
	struct printer wanted = {.offered = true, .queue = QUEUE_OURS};
	struct printer current = {.queue = defaults[_i].kind};
	const struct printer *w = defaults[_i].wanted[0] ? &wanted : NULL;
	const struct printer *c = defaults[_i].current[0] ? &current : NULL;

	(void)text_copy(wanted.name, sizeof(wanted.name), defaults[_i].wanted);
	(void)text_copy(current.name, sizeof(current.name), defaults[_i].current);
	if (w && c && strcmp(w->name, c->name) == 0)
		c = w;
	ck_assert_msg(reconcile_default(w, c, defaults[_i].last) == defaults[_i].due, "%s",
		defaults[_i].what);
	wanted.queue = QUEUE_NONE; /* not before it is there */
	ck_assert(!reconcile_default(w, c, defaults[_i].last));
}
END_TEST

/* Everything that PUT sets is in the fingerprint, and nothing that changes all the time. */
START_TEST(test_fingerprint)
{
	char first[FINGERPRINT_SIZE], text[FINGERPRINT_SIZE];
	struct message_printer offers[7];

	memset(offers, 0, sizeof(offers));
	for (int i = 0; i < 7; i++)
		(void)text_copy(offers[i].name, NAME_SIZE, "laser");
	offers[1].driver[31] = 1;
	(void)text_copy(offers[2].name, NAME_SIZE, "lasers");
	(void)text_copy(offers[3].info, TEXT_SIZE, "x");
	(void)text_copy(offers[4].location, TEXT_SIZE, "x");
	ck_assert_int_eq(options_add(offers[5].defaults, DEFAULTS_SIZE, &offers[5].defaults_size,
				 "sides", "one-sided"),
		0);
	reconcile_fingerprint(&offers[0], first);
	ck_assert_uint_eq(strlen(first), 32);
	for (int i = 1; i < 6; i++) {
		reconcile_fingerprint(&offers[i], text);
		ck_assert_msg(strcmp(first, text) != 0, "offer %d", i);
	}
	offers[6].index = 7;
	offers[6].is_default = offers[6].accepting = 1;
	reconcile_fingerprint(&offers[6], text);
	ck_assert_str_eq(first, text);
}
END_TEST

/* What people see of it. */
START_TEST(test_state)
{
	struct message_printer_state told = {.state = 5,
		.accepting = 0,
		.reasons = "media-jam",
		.text = "Tray 2",
		.marker_levels = "50",
		.marker_names = "Black"};
	struct printer p = {.name = "laser",
		.offered = true,
		.told = true,
		.state_told = true,
		.state = &told,
		.queue = QUEUE_OURS};
	struct circumstances c = {.presence = PRESENCE_HERE, .whole = true};
	struct queues_state s, again;

	ck_assert(reconcile_state(&p, &c, &s));
	ck_assert_uint_eq(s.head.type, QUEUES_STATE);
	ck_assert_str_eq(s.name, "laser");
	ck_assert(s.stopped && !s.accepting);
	ck_assert_str_eq(s.reasons, "media-jam");
	ck_assert_str_eq(s.marker_levels, "50");
	ck_assert(reconcile_state(&p, &c, &again));
	ck_assert_uint_eq(reconcile_state_digest(&s), reconcile_state_digest(&again));

	/* Away: jobs are taken, and wait; supplies stay as they were. */
	c.presence = PRESENCE_AWAY;
	ck_assert(reconcile_state(&p, &c, &s));
	ck_assert(!s.stopped && s.accepting);
	ck_assert_str_eq(s.reasons, "offline-report");
	ck_assert_str_eq(s.text, "Waiting for the host");
	ck_assert_str_eq(s.marker_levels, "50");
	ck_assert_uint_ne(reconcile_state_digest(&s), reconcile_state_digest(&again));

	/* Withdrawn, or taken: no more jobs. */
	c.presence = PRESENCE_HERE;
	c.taken = &person;
	ck_assert(reconcile_state(&p, &c, &s));
	ck_assert(!s.accepting);
	ck_assert_str_ne(s.text, "Tray 2");
	c.taken = NULL;
	p.offered = false;
	ck_assert(reconcile_state(&p, &c, &s));
	ck_assert(!s.accepting);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reconcile");
	TCase *tc = tcase_create("reconcile");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_rows, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, test_ends, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, test_default, 0, sizeof(defaults) / sizeof(defaults[0]));
	tcase_add_test(tc, test_fingerprint);
	tcase_add_test(tc, test_state);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
