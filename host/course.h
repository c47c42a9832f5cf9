/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a restart that was decided goes on (pure): from its first step to its printers' being there.
 *
 * All times are handed in, as in restart.h.
 */
#ifndef PLATEN_COURSE_H
#define PLATEN_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#define COURSE_SETTLE 3	  /* sec: what is installed together comes within it, and is one restart */
#define COURSE_FRESH  10  /* sec: an answer to ACTIVITY_GET is waited for so long */
#define COURSE_DRAIN  60  /* sec: so are jobs under way; then they resume afterwards */
#define COURSE_AGAIN  30  /* sec: from the start of platend, to a request that may have been lost */
#define COURSE_DOWN   600 /* sec: from the request, or the reset, to the guest's coming back */
#define COURSE_CHECK  120 /* sec: from the guest's coming back to its printers' */

enum course_phase {
	PHASE_REST = 0,
	PHASE_DRAIN,
	PHASE_DOWN,
	PHASE_CHECK,
	PHASE_COUNT,
};

struct course_view {
	enum course_phase phase;
	int64_t passed;	   /* sec, in this phase */
	bool gentle;	   /* it began because nothing runs there */
	bool fresh;	   /* what runs there was told since it began */
	bool applications; /* they do */
	bool installing;   /* a driver package is on its way */
	bool jobs;	   /* some are under way */
	bool by_libvirt;   /* it can be restarted by us */
	bool requested;	   /* it was, since platend started */
	bool same_boot;	   /* the agent is there, and the guest has not restarted */
	int64_t force;	   /* sec: after which it may be reset, 0: never */
	bool booting;	   /* it has gone down, and begins anew */
	bool forced;	   /* it was */
	bool printers;	   /* all are there */
};

enum course_step {
	COURSE_WAIT = 0,
	COURSE_BUSY,	/* back to rest: an application was started */
	COURSE_INSTALL, /* back to rest: a driver package came */
	COURSE_REQUEST, /* the guest is to shut itself down and start again */
	COURSE_RESET,	/* it did not: without asking it */
	COURSE_STUCK,	/* failed: it did not, and may not be reset */
	COURSE_LOST,	/* failed: it went down, or was reset, and did not come back */
	COURSE_MISSING, /* over, but printers are missing */
	COURSE_DONE,
	COURSE_STEP_COUNT,
};

enum course_step course_next(const struct course_view *view);

#endif
