/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a restart, row by row, and what no time that passes may bring.
 */
#include <check.h>

#include "host/course.h"

#define DAY 86400

static const struct {
	const char *what;
	struct course_view v;
	enum course_step step;
} rows[] = {
	/* Jobs and news are waited for, and not for ever. */
	{"at once", {.phase = PHASE_DRAIN}, COURSE_WAIT},
	{"told", {.phase = PHASE_DRAIN, .fresh = true}, COURSE_REQUEST},
	{"nobody, told", {.phase = PHASE_DRAIN, .gentle = true, .fresh = true}, COURSE_WAIT},
	{"nobody, told, settled",
		{.phase = PHASE_DRAIN, .gentle = true, .fresh = true, .passed = COURSE_SETTLE},
		COURSE_REQUEST},
	{"never told", {.phase = PHASE_DRAIN, .passed = COURSE_FRESH - 1}, COURSE_WAIT},
	{"never told, late", {.phase = PHASE_DRAIN, .passed = COURSE_FRESH}, COURSE_REQUEST},
	{"a job", {.phase = PHASE_DRAIN, .fresh = true, .jobs = true, .passed = COURSE_DRAIN - 1},
		COURSE_WAIT},
	{"a job, long", {.phase = PHASE_DRAIN, .fresh = true, .jobs = true, .passed = COURSE_DRAIN},
		COURSE_REQUEST},
	/* What comes in between. */
	{"an application",
		{.phase = PHASE_DRAIN, .gentle = true, .fresh = true, .applications = true},
		COURSE_BUSY},
	{"an application, and it was ordered or agreed to",
		{.phase = PHASE_DRAIN, .fresh = true, .applications = true}, COURSE_REQUEST},
	{"a package", {.phase = PHASE_DRAIN, .fresh = true, .installing = true}, COURSE_INSTALL},
	/* The guest's own shutdown, and force only if policy allows. */
	{"requested", {.phase = PHASE_DOWN, .by_libvirt = true, .requested = true}, COURSE_WAIT},
	{"by hand", {.phase = PHASE_DOWN, .passed = DAY, .force = 60}, COURSE_WAIT},
	{"does not go down",
		{.phase = PHASE_DOWN, .by_libvirt = true, .requested = true, .passed = COURSE_DOWN},
		COURSE_STUCK},
	{"may be reset, not yet",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.force = 60,
			.passed = 59},
		COURSE_WAIT},
	{"is reset",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.force = 60,
			.passed = 60},
		COURSE_RESET},
	{"was reset",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.force = 60,
			.forced = true,
			.passed = 60},
		COURSE_WAIT},
	{"was reset, and does not come",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.force = 60,
			.forced = true,
			.passed = COURSE_DOWN},
		COURSE_LOST},
	{"may be reset after long",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.force = 2 * COURSE_DOWN,
			.passed = COURSE_DOWN},
		COURSE_WAIT},
	/* It has gone down: a slow boot is not cut off, and not waited for without end. */
	{"boots",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.booting = true,
			.force = 60,
			.passed = COURSE_DOWN - 1},
		COURSE_WAIT},
	{"boots, and never comes",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.requested = true,
			.booting = true,
			.force = 60,
			.passed = COURSE_DOWN},
		COURSE_LOST},
	/* platend ended between its decision and the request. */
	{"not requested, the guest shuts down",
		{.phase = PHASE_DOWN, .by_libvirt = true, .passed = COURSE_AGAIN}, COURSE_WAIT},
	{"not requested, the guest is there, at first",
		{.phase = PHASE_DOWN, .by_libvirt = true, .same_boot = true}, COURSE_WAIT},
	{"not requested, and the guest stays",
		{.phase = PHASE_DOWN,
			.by_libvirt = true,
			.same_boot = true,
			.passed = COURSE_AGAIN},
		COURSE_REQUEST},
	/* Its printers. */
	{"not yet there", {.phase = PHASE_CHECK, .passed = COURSE_CHECK - 1}, COURSE_WAIT},
	{"there", {.phase = PHASE_CHECK, .printers = true}, COURSE_DONE},
	{"missing", {.phase = PHASE_CHECK, .passed = COURSE_CHECK}, COURSE_MISSING},
	{"there, late", {.phase = PHASE_CHECK, .passed = DAY, .printers = true}, COURSE_DONE},
	{"at rest", {.phase = PHASE_REST, .passed = DAY, .force = 60}, COURSE_WAIT},
};

START_TEST(test_next)
{
	enum course_step step = course_next(&rows[_i].v);

	ck_assert_msg(step == rows[_i].step, "%s: step %d", rows[_i].what, step);
}
END_TEST

/* Whatever was heard, and however long it takes. */
START_TEST(test_invariants)
{
	static const int64_t times[] = {0, 1, 59, 60, 61, 599, 600, 601, DAY, -DAY};

	for (uint32_t i = 0; i < 4u << 12; i++)
		for (uint32_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
			struct course_view v = {.phase = i % 4,
				.passed = times[t],
				.gentle = i >> 2 & 1,
				.fresh = i >> 3 & 1,
				.applications = i >> 4 & 1,
				.installing = i >> 5 & 1,
				.jobs = i >> 6 & 1,
				.by_libvirt = i >> 7 & 1,
				.requested = i >> 8 & 1,
				.same_boot = i >> 9 & 1,
				.force = (i >> 10 & 1) * 60,
				.forced = i >> 11 & 1,
				.printers = i >> 12 & 1,
				.booting = i >> 13 & 1};
			enum course_step step = course_next(&v);

			/* No reset unless the settings allow it, none before its time, and one. */
			if (step == COURSE_RESET)
				ck_assert(v.phase == PHASE_DOWN && v.force && !v.forced &&
					  v.passed >= v.force && v.by_libvirt && !v.booting);
			if (v.phase == PHASE_DRAIN && v.installing)
				ck_assert(step == COURSE_BUSY || step == COURSE_INSTALL);
			if (step == COURSE_DONE)
				ck_assert(v.printers);
			if (v.phase == PHASE_CHECK && v.passed >= COURSE_CHECK)
				ck_assert(step == COURSE_DONE || step == COURSE_MISSING);
		}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("course");
	TCase *tc = tcase_create("course");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_next, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_invariants);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
