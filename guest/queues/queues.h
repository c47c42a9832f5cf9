/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-agent and its worker platen-queues say to each other (fixed messages).
 *
 * platen-queues is the only guest program that links libcups. It lists the guest spooler's queues
 * and makes, changes, removes and marks those that are Platen's (device URI "platen:…"): it
 * refuses to touch any other, whatever it is told. libcups may block, hence a worker; it does one
 * request at a time, in order, and answers each with QUEUES_DONE.
 */
#ifndef PLATEN_QUEUES_H
#define PLATEN_QUEUES_H

#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"
#include "proto/message.h"

#define QUEUES_URI_SIZE 1024
#define QUEUES_FINGERPRINT                                                                         \
	"platen-fingerprint" /* a queue's option default: what it was made of                      \
			      */
#define FINGERPRINT_SIZE 40  /* 32 hex digits and their NUL, padded */

enum queues_message {
	/* agent → worker */
	QUEUES_PING = 1, /* struct queues_request: answered when the earlier ones are done */
	QUEUES_LIST,	 /* struct queues_request: QUEUES_QUEUE for each queue, then DONE */
	QUEUES_PUT,	 /* struct queues_put, with the PPD's descriptor (plain or gzip) or none */
	QUEUES_REMOVE,	 /* struct queues_request.name; DONE -EBUSY while it has jobs */
	QUEUES_STATE,	 /* struct queues_state */
	QUEUES_DEFAULT,	 /* struct queues_request.name: make it the spooler's default */
	QUEUES_WATCH,	 /* struct queues_request: from now on QUEUES_UP and QUEUES_DOWN */
	/* worker → agent */
	QUEUES_QUEUE, /* struct queues_queue */
	QUEUES_DONE,  /* struct queues_done */
	QUEUES_UP,    /* struct queues_done.text: "CUPS/2.4": the guest's cupsd answers; also again
			 without DOWN, when it may have been restarted: it may have forgotten
			 what it had not saved, and all states are to be told anew */
	QUEUES_DOWN,  /* struct queues_done.text: it does not */
	/* agent → worker */
	QUEUES_JOB, /* struct queues_job: a backend hung up in the middle of it: what about the job?
		       DONE 0: it is there and runs again, by itself or because it was made to;
		       -ENOENT: it is not; -ECANCELED: it was cancelled; -EALREADY: cupsd takes it
		       for printed, and cannot run it again */
	QUEUES_HELD,  /* struct queues_held: marks or releases a held job. DONE 0; -EALREADY it was
			 released and waits; -EBUSY it is not held (yet); -ENOENT, -ECANCELED as
			 JOB */
	QUEUES_ENDED, /* struct queues_ended: jobs of our queues that were completed: a
			 QUEUES_JOB_ENDED with the newest job's number and no UUID, one for each
			 that was not told before, then DONE */
	/* worker → agent */
	QUEUES_JOB_ENDED, /* struct queues_ended */
};

struct queues_request {
	struct ipc_head head;
	uint32_t serial;
	char name[NAME_SIZE];
};

struct queues_job {
	struct ipc_head head;
	uint32_t serial;
	uint32_t number; /* job-id in the guest's spooler */
	uint32_t hold;	 /* bool: it is not to run again, but to be held for a person */
	struct uuid job; /* its job-uuid: numbers are given out again */
};

struct queues_ended {
	struct ipc_head head;
	uint32_t serial;
	uint32_t number; /* the request's: only jobs behind this one */
	uint32_t anew;	 /* with the request, bool: also those that were told before */
	uint32_t files;	 /* of the job; 0: they are gone */
	struct uuid job;
	char name[NAME_SIZE]; /* its queue */
};

struct queues_held {
	struct ipc_head head;
	uint32_t serial;
	uint32_t number;
	uint32_t ask;	 /* for BACKEND_ASKED, or 0 */
	uint32_t hold;	 /* bool: hold it first; neither: release it */
	struct uuid job; /* must be its job-uuid: numbers are given out again */
};

struct queues_put {
	struct ipc_head head;
	uint32_t serial;
	uint32_t accepting; /* bool */
	uint32_t there;	    /* bool: it is to be changed, not made: -ENOENT if it has gone */
	char name[NAME_SIZE];
	char info[TEXT_SIZE];
	char location[TEXT_SIZE];
	char fingerprint[FINGERPRINT_SIZE];
	uint32_t defaults_size;
	char defaults[DEFAULTS_SIZE]; /* options_add(): set as NAME-default */
};

/* As struct message_printer_state, for a queue by name. `stopped`: the queue does not start jobs; a
 * queue that a person stopped is not started. DONE comes when all but the supplies is shown; those
 * follow when the queue is idle, by a job that makes cupsd run the backend (BACKEND_SUPPLIES). As
 * cupsd wipes message and some reasons away at the end of any job, the state is to be told again
 * when the backend has ended. */
struct queues_state {
	struct ipc_head head;
	uint32_t serial;
	uint32_t stopped;
	uint32_t accepting;
	char name[NAME_SIZE];
	char reasons[REASONS_SIZE];
	char text[MESSAGE_SIZE];
	char marker_names[MARKERS_SIZE];
	char marker_types[REASONS_SIZE];
	char marker_colors[REASONS_SIZE];
	char marker_levels[TEXT_SIZE];
	char marker_low_levels[TEXT_SIZE];
	char marker_high_levels[TEXT_SIZE];
};

struct queues_queue {
	struct ipc_head head;
	uint32_t ours;	     /* bool: device URI is platen:… */
	uint32_t is_default; /* bool */
	uint32_t jobs;	     /* queued-job-count, with a supply report's */
	uint32_t state;	     /* 3, 4, 5 */
	char name[NAME_SIZE];
	char device_uri[QUEUES_URI_SIZE];
	char fingerprint[FINGERPRINT_SIZE]; /* empty: none */
	char text[MESSAGE_SIZE];
};

struct queues_done {
	struct ipc_head head;
	uint32_t serial;
	int32_t error; /* 0 or -errno: -EPERM not ours, -ENOENT, -EBUSY, -ECONNREFUSED no cupsd,
			  -EINVAL driver refused, … */
	uint32_t made; /* bool, of a PUT: there was no such queue; now it is idle, and says nothing
			*/
	char name[NAME_SIZE];
	char text[MESSAGE_SIZE];
};

#endif
