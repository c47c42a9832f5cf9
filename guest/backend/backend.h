/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CUPS backend `platen` and platen-agent say to each other (fixed messages over the
 * SOCK_SEQPACKET socket RUNDIR/backend, which takes only the spooler's backend, by its peer
 * credentials). The backend passes its open document, not the bytes.
 */
#ifndef PLATEN_BACKEND_H
#define PLATEN_BACKEND_H

#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"

/* The mark of a held job of which nobody knows whether it was printed: an attribute, integer, that
 * cupsd hands on as an option when a person has released the job. */
#define BACKEND_ASKED "platen-asked"

enum backend_message {
	BACKEND_OPEN = 1, /* backend → agent: struct backend_open, with the document's descriptor */
	BACKEND_CANCEL,	  /* backend → agent: struct ipc_head: the spooler's job was cancelled (a
			     backend that is only stopped hangs up without it: the job comes
			     again, with the same UUID) */
	BACKEND_STATUS,	  /* agent → backend: struct backend_status: to be shown by the spooler */
	BACKEND_END,	  /* agent → backend: struct backend_end: exit with this */
	BACKEND_SUPPLIES, /* backend → agent: struct backend_open without document: a command file
			     asks for levels */
};

/* Seconds that the guest's cupsd lets a job take: set for each of our queues instead of
 * cupsd.conf's MaxJobTime (3 h), for a job waits as long as its printer or the host is away. Ten
 * years, and no option of the job: the backend leaves out just this value. */
#define JOB_PATIENCE 315360000

/* cups_backend_t of backend(7), which is an interface of numbers: nobody here needs libcups. */
enum backend_exit {
	BACKEND_EXIT_OK = 0,
	BACKEND_EXIT_FAILED = 1,
	BACKEND_EXIT_HOLD = 3,
	BACKEND_EXIT_STOP = 4,
	BACKEND_EXIT_CANCEL = 5,
	BACKEND_EXIT_RETRY_CURRENT = 7, /* cupsd runs the job again at once, whatever the policy */
};

struct backend_open {
	struct ipc_head head;
	uint32_t file; /* 1 for standard input, else what argv[6]'s name ends in */
	uint32_t copies;
	uint32_t guest_job; /* argv[1] */
	uint32_t rendered;  /* bool: filters of this guest made the document ready for the device */
	uint32_t more;	    /* bool: the job has files behind this one, see main.c */
	uint32_t answer;    /* from the job's mark BACKEND_ASKED, or 0 */
	uint8_t same[JOB_FILES_MAX / 8 + 1]; /* bit n: file n of the job says the same, n > file */
	uint8_t reserved[3];
	struct uuid job;
	char printer[NAME_SIZE]; /* from the device URI */
	uint64_t created;	 /* seconds since 1970, 0: the spooler did not say */
	char title[TEXT_SIZE];
	char user[USER_SIZE];
	char format[MIME_SIZE];
	uint32_t options_size;
	char options[JOB_OPTIONS_BYTES];
};

/* Everything is checked by the agent; the backend writes it as STATE:, ATTR:, PAGE:, INFO: lines
 * with its own quoting. Empty members are not written. */
struct backend_status {
	struct ipc_head head;
	uint32_t progress;	    /* percent of the transfer, 0 to 100 */
	uint32_t pages;		    /* total so far, 0: not known */
	char text[MESSAGE_SIZE];    /* INFO: */
	char reasons[REASONS_SIZE]; /* STATE: the whole set, the backend knows which it set */
	char marker_names[MARKERS_SIZE];
	char marker_types[REASONS_SIZE];
	char marker_colors[REASONS_SIZE];
	char marker_levels[TEXT_SIZE];
	char marker_low_levels[TEXT_SIZE];
	char marker_high_levels[TEXT_SIZE];
};

struct backend_end {
	struct ipc_head head;
	uint32_t exit_code;	 /* enum backend_exit */
	char text[MESSAGE_SIZE]; /* ERROR: or INFO: before the end */
};

#endif
