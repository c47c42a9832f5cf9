/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a restart: its phase × what was heard × time.
 *
 * DRAIN lets jobs and installations come to their end, for a while, and is given up when a person
 * begins to work after all. DOWN is the guest's own to do: without the setting that allows it, no
 * time that passes makes it a reset, and with it there is one, but none once it boots. CHECK ends
 * with a word, good or bad.
 */
#include "host/course.h"

static enum course_step drain(const struct course_view *v)
{
	if (v->gentle && v->applications)
		return COURSE_BUSY;
	if (v->installing)
		return COURSE_INSTALL;
	if (v->gentle && v->passed < COURSE_SETTLE)
		return COURSE_WAIT;
	if (!v->fresh && v->passed < COURSE_FRESH)
		return COURSE_WAIT;
	if (v->jobs && v->passed < COURSE_DRAIN)
		return COURSE_WAIT;
	return COURSE_REQUEST;
}

static enum course_step down(const struct course_view *v)
{
	if (!v->by_libvirt)
		return COURSE_WAIT; /* by hand, whenever that is */
	if (v->booting || v->forced)
		return v->passed < COURSE_DOWN ? COURSE_WAIT : COURSE_LOST;
	if (!v->requested && v->same_boot && v->passed >= COURSE_AGAIN)
		return COURSE_REQUEST;
	if (v->force)
		return v->passed < v->force ? COURSE_WAIT : COURSE_RESET;
	return v->passed < COURSE_DOWN ? COURSE_WAIT : COURSE_STUCK;
}

enum course_step course_next(const struct course_view *v)
{
	switch (v->phase) {
	case PHASE_DRAIN: return drain(v);
	case PHASE_DOWN: return down(v);
	case PHASE_CHECK:
		if (v->printers)
			return COURSE_DONE;
		return v->passed < COURSE_CHECK ? COURSE_WAIT : COURSE_MISSING;
	case PHASE_REST:
	case PHASE_COUNT: break;
	}
	return COURSE_WAIT;
}
