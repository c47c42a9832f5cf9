/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platend and platen-spool say to each other (fixed messages, proto/base/ipc.h).
 *
 * platen-spool is the only host program that uses libcups, with two lives, and one more that syncs:
 *   platen-spool watch   lists and watches printers and Platen's jobs, cancels jobs; one
 *   platen-spool submit  takes one job at a time into the spooler; a few stand ready
 *   platen-spool sync    syncs files of cupsd; one, when there are such
 * Both reconnect to cupsd by themselves. libcups may block, so platend sets their deadlines.
 */
#ifndef PLATEN_SPOOL_H
#define PLATEN_SPOOL_H

#include <stdint.h>

#include "proto/base/device-id.h"
#include "proto/base/ipc.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"
#include "proto/message.h"

#define SPOOL_URI_SIZE 1024

/* Attributes of our own on a held job; cupsd keeps unknown ones, also over a restart. */
#define SPOOL_ATTR_JOB	     "platen-job-uuid"	     /* name: "<job uuid>/<file>" */
#define SPOOL_ATTR_WORKSPACE "platen-workspace-uuid" /* name */
#define SPOOL_ATTR_USER	     "platen-guest-user"     /* name */
#define SPOOL_ATTR_NUMBER    "platen-guest-job"	     /* integer: job-id in the guest */

enum spool_message {
	/* platend → watch */
	SPOOL_PING = 1, /* struct ipc_head */
	SPOOL_CANCEL,	/* struct spool_cancel */
	SPOOL_CHECK,	/* struct ipc_head: something failed; look whether cupsd is as we think */
	SPOOL_SYNC,	/* platend → sync: struct spool_look, with the file that cupsd saved that
			   job in: sync it */
	SPOOL_LOOK,	/* struct spool_look: tell of this job, whether or not it is news */
	/* watch → platend */
	SPOOL_PONG,
	SPOOL_UP,	    /* struct spool_text: connected, "CUPS/2.4.2" */
	SPOOL_DOWN,	    /* struct spool_text: why; what was told before stays believed */
	SPOOL_PRINTER,	    /* struct spool_printer: there, or changed */
	SPOOL_PRINTER_GONE, /* struct spool_printer_gone */
	SPOOL_EVENTS,	    /* struct spool_text: why no events come; empty: they do */
	SPOOL_SYNCED,	    /* sync → platend: struct spool_look: answer to SYNC */
	SPOOL_LISTING, /* struct ipc_head: now all of Platen's jobs are told, also those known */
	SPOOL_LISTED,  /* struct ipc_head: all printers and all of Platen's jobs were told */
	SPOOL_JOB, /* struct spool_job: one of Platen's jobs, there or changed; without UUIDs: a job
		      that was in this state before it was purged */
	/* platend → submit */
	SUBMIT_OPEN,	/* struct submit_open, with the read end of the document's pipe */
	SUBMIT_QUERY,	/* struct ipc_head: how much of the document is there (drain the pipe first)
			 */
	SUBMIT_SEAL,	/* struct submit_seal: the document is this long and has this digest */
	SUBMIT_SYNC,	/* struct ipc_head, with the file that cupsd has of the document: sync it */
	SUBMIT_RELEASE, /* struct ipc_head: print it */
	SUBMIT_ABORT,	/* struct ipc_head: drop it: break off the document, cancel the held job */
	/* submit → platend */
	SUBMIT_READY, /* struct ipc_head: at start and after each job: takes the next SUBMIT_OPEN */
	SUBMIT_OPENED,	 /* struct submit_progress: the held job exists */
	SUBMIT_OFFSET,	 /* struct submit_progress: answer to QUERY */
	SUBMIT_SEALED,	 /* struct submit_progress: whole in the spooler, still held */
	SUBMIT_SYNCED,	 /* struct submit_progress: answer to SYNC, if it went well */
	SUBMIT_RELEASED, /* struct submit_progress: cupsd will print it */
	SUBMIT_FAILED,	 /* struct submit_failed: the held job, if any, is cancelled */
	/* both, as they came later */
	SUBMIT_PING,	  /* struct ipc_head: platend → submit, while a document is under way */
	SUBMIT_PONG,	  /* struct ipc_head: submit → platend */
	SUBMIT_UNDER_WAY, /* struct submit_progress: submit → platend, of a large document, now and
			     then until WRITE_BACK */
	SUBMIT_WRITE_BACK, /* struct ipc_head: platend → submit, with the file that cupsd writes:
			      bring it to the disk meanwhile */
	SPOOL_WRITE_BACK,  /* struct ipc_head: platend → sync, with a file that cupsd writes: the
			      same, once, and no answer */
};

struct spool_cancel {
	struct ipc_head head;
	uint32_t host_job;
	uint32_t file;
	struct uuid job; /* must be what SPOOL_ATTR_JOB says: numbers are given out again */
};

struct spool_look {
	struct ipc_head head;
	uint32_t host_job;
	uint32_t error; /* of SPOOL_SYNCED: an errno, or 0 */
};

struct spool_text {
	struct ipc_head head;
	char text[MESSAGE_SIZE];
};

struct spool_printer_gone {
	struct ipc_head head;
	char name[NAME_SIZE];
};

struct spool_printer {
	struct ipc_head head;
	uint32_t kind;	      /* enum printer_kind */
	uint32_t is_default;  /* bool */
	uint32_t accepting;   /* bool */
	uint32_t state;	      /* 3, 4, 5 */
	uint64_t config_time; /* printer-config-change-time: a change may mean another PPD */
	struct uuid uuid;     /* printer-uuid: another one when it is made again; null: not told */
	char name[NAME_SIZE];
	char info[TEXT_SIZE];
	char location[TEXT_SIZE];
	char make_model[TEXT_SIZE];
	char device_id[DEVICE_ID_SIZE];	 /* device_id_is_sound(), or empty */
	char device_uri[SPOOL_URI_SIZE]; /* of a class: of its first member, for its driver */
	char members[MESSAGE_SIZE];	 /* of a class: queue names, comma-separated */
	uint32_t defaults_size;
	char defaults[DEFAULTS_SIZE]; /* options_add(): changed -default values worth mirroring */
	char reasons[REASONS_SIZE];
	char text[MESSAGE_SIZE];
	char marker_names[MARKERS_SIZE];
	char marker_types[REASONS_SIZE];
	char marker_colors[REASONS_SIZE];
	char marker_levels[TEXT_SIZE];
	char marker_low_levels[TEXT_SIZE];
	char marker_high_levels[TEXT_SIZE];
};

struct spool_job {
	struct ipc_head head;
	uint32_t host_job; /* job-id */
	uint32_t state;	   /* 3 pending … 9 completed (RFC 8011 5.3.7) */
	uint32_t pages;	   /* job-impressions-completed */
	uint32_t file;
	uint32_t released;  /* bool: it is or was to be printed; otherwise it only was held */
	uint32_t guest_job; /* from SPOOL_ATTR_NUMBER, or 0 */
	uint32_t k_octets;  /* job-k-octets */
	uint32_t sheets;    /* job-media-sheets-completed */
	uint32_t began;	    /* bool: some of it may be on paper, whatever its state is by now */
	uint32_t given_up;  /* bool: it was cancelled, by cupsd itself or at the device */
	uint64_t created, ended; /* seconds since the epoch; ended 0: not yet */
	struct uuid job;	 /* from SPOOL_ATTR_JOB */
	struct uuid workspace;	 /* from SPOOL_ATTR_WORKSPACE */
	char printer[NAME_SIZE];
	char reasons[REASONS_SIZE];
	char text[MESSAGE_SIZE]; /* job-printer-state-message */
	char title[TEXT_SIZE];
	char user[USER_SIZE];  /* from SPOOL_ATTR_USER */
	char owner[USER_SIZE]; /* job-originating-user-name */
};

struct submit_open {
	struct ipc_head head;
	uint32_t file;
	uint32_t copies;
	uint32_t pages_only; /* bool: printer commands are refused, see commands.h */
	uint32_t guest_job;
	uint32_t of_device; /* bool: the options are of a driver made of IPP attributes */
	uint32_t reserved;
	uint64_t size; /* bytes of the document, as announced; 1 or more */
	struct uuid job;
	struct uuid workspace;
	char printer[NAME_SIZE];
	char owner[USER_SIZE]; /* requesting-user-name */
	char user[USER_SIZE];  /* the guest's, recorded */
	char title[TEXT_SIZE];
	char format[MIME_SIZE];
	uint32_t options_size;
	char options[JOB_OPTIONS_BYTES]; /* options_add(); already allowed by platend */
};

struct submit_seal {
	struct ipc_head head;
	uint64_t size;
	uint8_t digest[DIGEST_SIZE];
};

struct submit_progress {
	struct ipc_head head;
	uint32_t host_job;
	uint32_t reserved;
	uint64_t offset; /* bytes of the document taken from the pipe */
};

struct submit_failed {
	struct ipc_head head;
	uint32_t refusal;  /* enum job_refusal */
	uint32_t released; /* bool: the release was asked for and its answer is not known */
	uint32_t host_job; /* 0: none was made */
	char text[MESSAGE_SIZE];
};

#endif
