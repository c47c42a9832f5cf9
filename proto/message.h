/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the channel as plain structs, and their passage to and from protobuf.
 *
 * A struct message is what the rest of Platen sees: fixed arrays, checked, without pointers except
 * for the bytes of a document or driver. The same structs travel between platen-channel and
 * platend (proto/base/ipc.h), where message_check() is applied a second time, for a
 * platen-channel that a guest took over must not be believed more than the guest.
 *
 * PROTOCOL.md says who may send what when; session.h checks it.
 */
#ifndef PLATEN_MESSAGE_H
#define PLATEN_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"

#define SHA256_SIZE 32 /* bytes: a driver's address */
#define DIGEST_SIZE 16 /* bytes: XXH3-128 of a document, canonical (big-endian) form */

enum message_type {
	MESSAGE_HELLO = 1,
	MESSAGE_WELCOME,
	MESSAGE_BYE,
	MESSAGE_PING,
	MESSAGE_PONG,
	MESSAGE_OFFER_BEGIN,
	MESSAGE_PRINTER,
	MESSAGE_PRINTER_GONE,
	MESSAGE_OFFER_END,
	MESSAGE_PRINTER_STATE,
	MESSAGE_PRINTER_REPORT,
	MESSAGE_DRIVER_GET,
	MESSAGE_DRIVER_DATA,
	MESSAGE_JOB_OPEN,
	MESSAGE_JOB_ACCEPT,
	MESSAGE_JOB_DATA,
	MESSAGE_JOB_CREDIT,
	MESSAGE_JOB_SEAL,
	MESSAGE_JOB_STATE,
	MESSAGE_JOB_CANCEL,
	MESSAGE_JOB_CLOSE,
	MESSAGE_GUEST_STATUS,
	MESSAGE_RESTART_NEED,
	MESSAGE_ACTIVITY,
	MESSAGE_RESTART_ANSWER,
	MESSAGE_ACTIVITY_GET,
	MESSAGE_RESTART_ASK,
	MESSAGE_RESTART_ASK_END,
	MESSAGE_PACKAGE_GET,
	MESSAGE_PACKAGE_DATA,
	MESSAGE_JOB_RELEASE, /* since version 2 */
	MESSAGE_TYPE_COUNT,
};

/* guest → host, first. */
struct message_hello {
	uint32_t version_min, version_max; /* protocol versions the agent speaks */
	char agent[VERSION_SIZE];	   /* "platen-agent 0.1.0": one line */
	struct uuid machine;	    /* DMI product UUID, or null; a hint, never an identity */
	uint8_t offer[SHA256_SIZE]; /* digest of the offer that the guest has applied, or 0 */
};

/* host → guest, the answer. */
struct message_welcome {
	uint32_t version;	   /* the one spoken from here on */
	uint32_t keepalive_msec;   /* the host's; the guest adopts it */
	char host[TEXT_SIZE];	   /* the host's name, for people */
	char workspace[TEXT_SIZE]; /* the domain's name, for people */
	struct uuid identity;	   /* the domain's UUID, or null: the host does not say */
	struct uuid ledger;	   /* names what the host knows of this workspace's jobs, or null */
};

enum bye_code {
	BYE_CLOSING = 1, /* orderly end; the sender comes back */
	BYE_VERSION,	 /* no common protocol version */
	BYE_VIOLATION,	 /* the peer broke the protocol */
	BYE_OFF,	 /* redirection is off for this workspace */
	BYE_BUSY,	 /* another session of this workspace is in use */
	BYE_CODE_COUNT,
};

struct message_bye {
	uint32_t code;		 /* enum bye_code */
	char text[MESSAGE_SIZE]; /* one line for the log */
};

struct message_ping {
	uint32_t serial; /* comes back in the pong */
};

/* host → guest. An offer is everything that the workspace should have: BEGIN, PRINTER × count,
 * END. Between offers, PRINTER adds or replaces one and PRINTER_GONE takes one away. */
struct message_offer_begin {
	uint32_t count;		    /* of printers that follow */
	uint32_t unchanged;	    /* bool: hello.offer is still true, no PRINTER follows */
	uint8_t offer[SHA256_SIZE]; /* digest of the whole offer */
};

enum printer_kind {
	PRINTER_NETWORK = 1, /* reached over the network */
	PRINTER_SHARED,	     /* a print server's queue */
	PRINTER_LOCAL,	     /* USB, parallel, serial, file, unknown */
	PRINTER_POOL,	     /* a CUPS class */
	PRINTER_KIND_COUNT,
};

/* Where the pages of a printer are made ready for its device. */
enum rendering {
	RENDERING_HOST = 0, /* by the host's driver: the guest runs no filter */
	RENDERING_GUEST,    /* by the guest's filters: the job arrives printer-ready */
	RENDERING_COUNT,
};

/* What something that was installed needs; the greater contains the lesser. */
enum restart_level {
	LEVEL_NONE = 0,
	LEVEL_SPOOLER,	 /* the guest's cupsd: the agent restarts it by itself */
	LEVEL_WORKSPACE, /* the whole guest */
	LEVEL_COUNT,
};

struct message_printer {
	uint32_t index;		      /* what jobs name; stays for the session, never reused */
	uint32_t kind;		      /* enum printer_kind */
	uint32_t is_default;	      /* bool */
	uint32_t accepting;	      /* bool */
	uint32_t driver_size;	      /* bytes, unpacked */
	uint8_t driver[SHA256_SIZE];  /* of the unpacked PPD */
	uint8_t device[SHA256_SIZE];  /* device_digest() of its port, or 0: unknown */
	char name[NAME_SIZE];	      /* the host's queue name, text_is_queue() */
	char info[TEXT_SIZE];	      /* printer-info, one line */
	char location[TEXT_SIZE];     /* printer-location, one line */
	char make_model[TEXT_SIZE];   /* printer-make-and-model, one line */
	uint32_t defaults_size;	      /* bytes used of defaults[] */
	char defaults[DEFAULTS_SIZE]; /* "name\0value\0…": option defaults, without "-default" */
	/* With RENDERING_GUEST only; otherwise all zeros. `driver` is what the guest uses as long
	 * as it cannot render by itself. */
	uint32_t rendering;	      /* enum rendering: what the host would like */
	uint32_t whole_size;	      /* bytes, unpacked */
	uint8_t whole[SHA256_SIZE];   /* of the unpacked PPD with its filter lines */
	char filters[FILTERS_SIZE];   /* that it names: "rastertoqpdl,pstops" */
	uint32_t package_size;	      /* bytes; 0: the host knows no package */
	uint32_t restart;	      /* enum restart_level that the package was declared with */
	uint8_t package[SHA256_SIZE]; /* of the package that brings the filters */
	char package_name[NAME_SIZE]; /* its file name, without a folder, for people */
};

struct message_printer_gone {
	uint32_t index;
};

/* host → guest, whenever it changes (RFC 8011 5.4.11 ff., PWG 5100.9 markers). */
struct message_printer_state {
	uint32_t index;
	uint32_t state;		    /* 3 idle, 4 processing, 5 stopped (RFC 8011 5.4.11) */
	uint32_t accepting;	    /* bool */
	char reasons[REASONS_SIZE]; /* keywords, comma-separated; empty for none */
	char text[MESSAGE_SIZE];    /* printer-state-message, one line */
	/* Lists in the form of filter(7)'s ATTR: lines; empty when the printer has no supplies. */
	char marker_names[MARKERS_SIZE];
	char marker_types[REASONS_SIZE];
	char marker_colors[REASONS_SIZE];
	char marker_levels[TEXT_SIZE];
	char marker_low_levels[TEXT_SIZE];
	char marker_high_levels[TEXT_SIZE];
};

enum report_code {
	REPORT_READY = 1,      /* the queue is there and as offered */
	REPORT_NAME_TAKEN,     /* a person's queue has the name: left alone */
	REPORT_DEVICE_TAKEN,   /* a person's queue prints to the same device: left alone */
	REPORT_DRIVER_REFUSED, /* the guest's cupsd did not take the driver */
	REPORT_SPOOLER_DOWN,   /* the guest's cupsd does not answer */
	REPORT_REMOVING,       /* withdrawn, but jobs are still to be settled */
	REPORT_GONE,	       /* withdrawn and removed */
	REPORT_FAILED,	       /* anything else, see text */
	REPORT_CODE_COUNT,
};

/* guest → host: what became of one offered printer. */
struct message_printer_report {
	uint32_t index;
	uint32_t code;		 /* enum report_code */
	char text[MESSAGE_SIZE]; /* one line; with READY: what is not as the host would like it */
	uint32_t rendering;	 /* enum rendering that is in force, with READY */
};

struct message_driver_get {
	uint8_t driver[SHA256_SIZE]; /* one that was offered in this session */
};

/* host → guest: the driver, gzip-compressed, in order, without gaps. */
struct message_driver_data {
	uint8_t driver[SHA256_SIZE];
	uint32_t total;	     /* bytes of the compressed whole; 0: no longer there */
	uint32_t offset;     /* bytes before this piece */
	uint32_t data_size;  /* bytes here, 1 to FRAME_DATA_MAX (0 only with total 0) */
	const uint8_t *data; /* borrowed from the frame */
};

struct message_package_get {
	uint8_t package[SHA256_SIZE]; /* one that was offered in this session */
};

/* host → guest: the package as it is, in order, without gaps. */
struct message_package_data {
	uint8_t package[SHA256_SIZE];
	uint32_t total;	     /* bytes of the whole; 0: no longer there */
	uint32_t offset;     /* bytes before this piece */
	uint32_t data_size;  /* bytes here, 1 to FRAME_DATA_MAX (0 only with total 0) */
	const uint8_t *data; /* borrowed from the frame */
};

/* guest → host. A job is known by (workspace, uuid, file); `ref` is its short name while open. */
struct message_job_open {
	uint32_t ref;		/* not in use in this session, the guest's choice */
	uint32_t printer;	/* index of an offered printer */
	struct uuid job;	/* job-uuid of the guest's spooler */
	uint32_t file;		/* 1 to JOB_FILES_MAX: which document of that job */
	uint32_t copies;	/* 1 to JOB_COPIES_MAX */
	uint32_t guest_job;	/* the guest spooler's job-id, for people */
	uint64_t size;		/* bytes of the document */
	char title[TEXT_SIZE];	/* one line */
	char user[USER_SIZE];	/* the guest's originating user: recorded, never acted for */
	char format[MIME_SIZE]; /* MIME type, text_is_mime() */
	uint32_t options_size;	/* bytes used of options[] */
	char options[JOB_OPTIONS_BYTES]; /* "name\0value\0…" */
	uint32_t rendered; /* bool: the guest's filters made it ready for the device */
	uint32_t sealed;   /* bool: it was sealed before, and the guest has not heard of it since */
	struct uuid sealed_by; /* with sealed: Welcome's ledger then, or null */
	uint32_t answer; /* JOB_STATE's ask: a person released the job, it is printed again; or 0 */
};

/* host → guest: send from `offset` on, `window` bytes ahead of credit at most. */
struct message_job_accept {
	uint32_t ref;
	uint32_t window; /* bytes */
	uint64_t offset; /* bytes of the document that the host already has */
};

struct message_job_data {
	uint32_t ref;
	uint32_t data_size;  /* 1 to FRAME_DATA_MAX */
	uint64_t offset;     /* of the first byte in the document: must be the next one */
	const uint8_t *data; /* borrowed from the frame */
};

struct message_job_credit {
	uint32_t ref;
	uint32_t bytes; /* more that may be sent, 1 to JOB_WINDOW */
};

struct message_job_seal {
	uint32_t ref;
	uint32_t reserved;
	uint64_t size;		     /* bytes of the whole document */
	uint8_t digest[DIGEST_SIZE]; /* XXH3-128 of it */
};

enum job_phase {
	JOB_PHASE_TRANSFER = 1, /* held on the host, document incomplete */
	JOB_PHASE_PENDING,	/* released: the host's spooler has it, whole */
	JOB_PHASE_PROCESSING,	/* the host prints it */
	JOB_PHASE_STOPPED,	/* the host's printer stopped over it; goes on there later */
	JOB_PHASE_COMPLETED,	/* ended: printed */
	JOB_PHASE_CANCELED,	/* ended: cancelled on either side */
	JOB_PHASE_ABORTED,	/* ended: the host's spooler gave it up */
	JOB_PHASE_REFUSED,	/* ended: never accepted; see refusal */
	JOB_PHASE_ASK,		/* it cannot be known whether paper came out: a person decides */
	JOB_PHASE_COUNT,
};

enum job_refusal {
	REFUSAL_NONE = 0,
	REFUSAL_PRINTER_GONE,  /* was offered, is not any more: keep */
	REFUSAL_NOT_ACCEPTING, /* the host's queue rejects jobs: keep, try later */
	REFUSAL_SPOOLER_DOWN,  /* the host's cupsd does not answer: keep, try later */
	REFUSAL_NO_SPACE,      /* the host's disk is full: keep, try later */
	REFUSAL_QUOTA,	       /* too much at once: keep, try later */
	REFUSAL_MISMATCH,      /* length or digest differ: send again */
	REFUSAL_FORMAT,	       /* the host's queue does not take this format: never will */
	REFUSAL_EMPTY,	       /* a document of 0 bytes: nothing to print */
	REFUSAL_POLICY,	       /* not allowed for this workspace: never will */
	REFUSAL_FAILED,	       /* anything else: keep, try later */
	REFUSAL_COUNT,
};

/* host → guest, at every change and as the answer to an open of a known job. */
struct message_job_state {
	uint32_t ref;
	uint32_t phase;	   /* enum job_phase */
	uint32_t refusal;  /* enum job_refusal; REFUSAL_NONE unless phase is REFUSED */
	uint32_t final;	   /* bool: the guest's job ends now; the ref is closed by the guest */
	uint32_t host_job; /* the host spooler's job-id, 0 when there is none */
	uint32_t pages;	   /* job-impressions-completed so far */
	char reasons[REASONS_SIZE]; /* job-state-reasons, comma-separated keywords */
	char text[MESSAGE_SIZE];    /* one line */
	uint32_t ask;		    /* not 0 exactly with JOB_PHASE_ASK, new each time */
};

struct message_job_cancel {
	uint32_t ref;
};

/* guest → host: this ref is over for the guest; the job goes on by itself. */
struct message_job_close {
	uint32_t ref;
};

/* host → guest, since version 2: a person has decided about a job whose outcome was not known, and
 * that is held in the guest's spooler: it is to be released there, and opened again. */
struct message_job_release {
	struct uuid job;
	uint32_t file;	    /* 1 to JOB_FILES_MAX */
	uint32_t guest_job; /* the guest spooler's job-id, not 0 */
};

/* guest → host: for doctor, at the start and at a change. */
struct message_guest_status {
	uint32_t spooler_up;	    /* bool */
	uint32_t queues;	    /* of Platen's in the guest's spooler */
	uint32_t jobs;		    /* in transfer or followed */
	char spooler[VERSION_SIZE]; /* "CUPS/2.4.2", or empty */
};

enum need_state {
	NEED_OPEN = 1,
	NEED_MET,   /* a restart has met it */
	NEED_UNMET, /* there was a restart, and it is needed still: an error */
	NEED_STATE_COUNT,
};

/* guest → host, at the start of a session and at a change. */
struct message_restart_need {
	uint8_t need[NEED_SIZE];   /* its name: a digest of what was installed; not 0 */
	uint32_t level;		   /* enum restart_level */
	uint32_t state;		   /* enum need_state */
	char reason[MESSAGE_SIZE]; /* one line, for people */
};

enum activity_state {
	ACTIVITY_NOBODY = 1,   /* no session of a person, nothing that holds a shutdown up */
	ACTIVITY_IDLE,	       /* sessions, but no application in them */
	ACTIVITY_APPLICATIONS, /* applications run, or a shutdown is inhibited */
	ACTIVITY_STATE_COUNT,
};

/* guest → host, at the start of a session, at a change, and as the answer to ACTIVITY_GET. */
struct message_activity {
	struct uuid boot; /* the guest kernel's boot id */
	uint32_t state;	  /* enum activity_state */
	uint32_t sessions, applications, inhibitors;
	uint32_t installing;	 /* driver packages on their way into the system */
	char text[MESSAGE_SIZE]; /* which, one line */
};

enum answer_choice {
	ANSWER_NOW = 1,
	ANSWER_LATER,	    /* after after_sec */
	ANSWER_SESSION_END, /* when nobody is logged in any more */
	ANSWER_NOBODY,	    /* nobody could be asked */
	ANSWER_CHOICE_COUNT,
};

/* guest → host: a person's word. */
struct message_restart_answer {
	uint32_t ask;	      /* of the RESTART_ASK; 0: said without being asked */
	uint32_t choice;      /* enum answer_choice */
	uint32_t after_sec;   /* 1 to RESTART_SEC_MAX for LATER, else 0 */
	char user[USER_SIZE]; /* the guest's user: for people */
};

/* host → guest. A second one takes the place of the first. */
struct message_restart_ask {
	uint32_t ask;		   /* not 0 */
	uint32_t limit_sec;	   /* until it restarts without a question; 0: it does not */
	uint32_t reminder;	   /* bool: it was deferred, and the limit comes near */
	char reason[MESSAGE_SIZE]; /* one line */
};

/* host → guest: the question is over. */
struct message_restart_ask_end {
	uint32_t ask;
	char text[MESSAGE_SIZE]; /* why, one line */
};

struct message {
	struct ipc_head head; /* type: enum message_type; size: message_size(type) */
	union {
		struct message_hello hello;
		struct message_welcome welcome;
		struct message_bye bye;
		struct message_ping ping; /* also PONG */
		struct message_offer_begin offer_begin;
		struct message_printer printer;
		struct message_printer_gone printer_gone;
		struct message_printer_state printer_state;
		struct message_printer_report printer_report;
		struct message_driver_get driver_get;
		struct message_driver_data driver_data;
		struct message_job_open job_open;
		struct message_job_accept job_accept;
		struct message_job_data job_data;
		struct message_job_credit job_credit;
		struct message_job_seal job_seal;
		struct message_job_state job_state;
		struct message_job_cancel job_cancel;
		struct message_job_close job_close;
		struct message_guest_status guest_status;
		struct message_restart_need restart_need;
		struct message_activity activity;
		struct message_restart_answer restart_answer;
		struct message_restart_ask restart_ask;
		struct message_restart_ask_end restart_ask_end;
		struct message_package_get package_get;
		struct message_package_data package_data;
		struct message_job_release job_release;
	};
};

/* Bytes of a struct message of this type, head included; 0 for an unknown type. OFFER_END and
 * ACTIVITY_GET have no body. */
size_t message_size(uint32_t type);

/* Zeroes `m` as far as the type reaches and sets its head. Aborts on an unknown type. */
void message_init(struct message *m, enum message_type type);

/* "JobOpen", for logs; "unknown" otherwise. */
const char *message_name(uint32_t type);

/*
 * The one place where a peer's values are judged: every length, count, name, enum and string of
 * `m`, of which `size` bytes were received. 0, or -EBADMSG with one line about the first fault in
 * ret_why (at least 128 bytes). Never changes `m`.
 */
int message_check(const struct message *m, size_t size, char ret_why[static 128]);

/*
 * Reads one frame's payload: unpacks with a memory budget, fills `m`, and checks it. The data
 * pointer of JOB_DATA, DRIVER_DATA and PACKAGE_DATA is valid until the next call. 0, or -EBADMSG
 * with ret_why (a violation; passing the memory budget is one too).
 */
int message_decode(
	const uint8_t *untrusted_bytes, size_t size, struct message *m, char ret_why[static 128]);

/* Packs a checked message into `buf` (FRAME_PAYLOAD_MAX bytes). Returns its size. Aborts if the
 * message does not pass message_check(): we never send what we would not take. */
size_t message_encode(const struct message *m, uint8_t *buf);

/*
 * Option lists, packed "name\0value\0…": appends a pair. 0, or -E2BIG (nothing is appended).
 */
int options_add(
	char *options, size_t capacity, uint32_t *size, const char *name, const char *value);

/* Walks a packed list: *pos starts at 0. Returns false at the end. */
bool options_next(const char *options, uint32_t size, uint32_t *pos, const char **ret_name,
	const char **ret_value);

/* The value of the first pair of that name, or NULL. */
const char *options_get(const char *options, uint32_t size, const char *name);

#endif
