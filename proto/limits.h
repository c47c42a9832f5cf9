/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound of the channel, with its unit and where it comes from. Both sides keep to them, and
 * a peer that passes one has broken the protocol (see PROTOCOL.md).
 */
#ifndef PLATEN_LIMITS_H
#define PLATEN_LIMITS_H

#define PROTOCOL_VERSION_MIN 1
#ifndef PROTOCOL_VERSION_MAX /* tests build an agent that is older */
#define PROTOCOL_VERSION_MAX 2
#endif

/* Frames. 64 KiB writes are the fastest into cupsd and virtio-serial (measured: 16 KiB 0.55 of
 * it); a larger frame would only make control messages wait longer behind it. */
#define FRAME_DATA_MAX	  65536			  /* bytes of document or driver in one message */
#define FRAME_PAYLOAD_MAX (FRAME_DATA_MAX + 1024) /* bytes of one packed message */
#define FRAME_HEAD_SIZE	  16			  /* bytes */
#define FRAME_MAX	  (FRAME_HEAD_SIZE + FRAME_PAYLOAD_MAX)

/* Memory that one unpacked message may take: twice its bytes and a table of options. The largest
 * message of each type fits (tests/unit/test-message-wire.c). */
#define MESSAGE_BUDGET (FRAME_PAYLOAD_MAX * 2 + 65536) /* bytes */

/* Offer. ChromeOS stops at 40 printers, RDS at 20; sites have 1,000 (see the scale bench). */
#define OFFER_PRINTERS_MAX 4096
#define DRIVER_SIZE_MAX	   (4 * 1024 * 1024) /* bytes unpacked; the largest of Debian's is 482 K */
#define DRIVER_PACKED_MAX  (2 * 1024 * 1024) /* bytes, gzip (RFC 1952) */
#define PACKAGE_SIZE_MAX   (256 * 1024 * 1024) /* bytes; Debian's largest of a driver is 40 MiB */

/* Jobs. */
#define JOBS_OPEN_MAX	  64		       /* at once in one session */
#define JOB_WINDOW	  (4 * FRAME_DATA_MAX) /* bytes a guest may send ahead of credit */
#define JOB_OPTIONS_MAX	  256		       /* name=value pairs */
#define JOB_OPTIONS_BYTES 16384		       /* packed, see struct message_job_open */
#define JOB_FILES_MAX	  999		       /* files of one guest job; cupsd names d…-001 on */
#define JOB_ASK_MAX	  1000000000	       /* an IPP integer: it stands in a job's attribute */
#define JOB_COPIES_MAX	  9999		       /* ipp copies-supported of cupsd (MaxCopies) */

/* Text, bytes with the NUL. RFC 8011 5.1: name 255, text 1023, keyword 255, uri 1023 octets. */
#define NAME_SIZE     128  /* queue name: CUPS allows 127 */
#define TEXT_SIZE     256  /* printer-info, -location, -make-and-model, a title */
#define MESSAGE_SIZE  512  /* printer-state-message, job-state-message, a report's text */
#define REASONS_SIZE  512  /* state reasons, comma-separated keywords */
#define MARKERS_SIZE  1024 /* one marker-* list in the form of filter(7)'s ATTR: lines */
#define USER_SIZE     64
#define MIME_SIZE     128
#define DEFAULTS_SIZE 2048 /* option defaults of a printer, packed */
#define VERSION_SIZE  64   /* a program's version string */
#define FILTERS_SIZE  256  /* names of a driver's filters, comma-separated keywords */

/* Restart. */
#define NEED_SIZE	  16	  /* bytes: a need's name */
#define RESTART_NEEDS_MAX 32	  /* needs of a workspace at once */
#define RESTART_SEC_MAX	  2592000 /* seconds a restart may be deferred by: 30 days */

/* Time. */
#define KEEPALIVE_MSEC	    60000 /* silence after which a peer is pinged */
#define KEEPALIVE_DEAD_MSEC 15000 /* without an answer to a ping: the peer is gone */
#define SYNC_MSEC	    2000  /* between two tries to synchronise */
#define HELLO_MSEC	    10000 /* from synchronisation to a greeting */

/* Ports. */
#define VSOCK_PORT     6310 /* host; unassigned by IANA */
#define VSOCK_PEER_MAX 1023 /* highest port that only the guest's root can bind */
#define VIRTIO_PORT    "org.platen.0"

#endif
