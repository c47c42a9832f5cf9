/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's cupsd: one connection to it, kept, and made anew when it is needed. */
#ifndef PLATEN_QUEUES_CUPSD_H
#define PLATEN_QUEUES_CUPSD_H

#include <cups/cups.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/queues/queues.h"
#include "proto/base/cleanup.h"
#include "proto/ipp/exchange.h"

struct cupsd {
	const char *socket;
	http_t *http;		 /* NULL: not connected */
	ino_t inode;		 /* of the connection: libcups renews one by itself */
	uint32_t connections;	 /* so far: another number may mean another cupsd */
	int64_t used;		 /* msec: the last answer */
	char server[64];	 /* "CUPS/2.4" of the last answer */
	char text[MESSAGE_SIZE]; /* one line about the last failure: cupsd's words, or ours */
};

int64_t cupsd_msec(void); /* the monotonic clock */

/* `socket` is kept, not copied. */
void cupsd_init(struct cupsd *cupsd, const char *socket);
void cupsd_disconnect(struct cupsd *cupsd);

/* Whether it answers a question that costs nothing. */
bool cupsd_answers(struct cupsd *cupsd);

/* Notices when cupsd has closed the connection. */
void cupsd_check(struct cupsd *cupsd);

/* A request about a queue (printer-uri) or, with NULL, about the spooler. */
ipp_t *cupsd_request(ipp_op_t op, const char *queue);
/* A request about a job. */
ipp_t *cupsd_job_request(ipp_op_t op, int job);
void cupsd_want(ipp_t *request, const char *const *names, size_t count);

/*
 * Sends a request, which it frees, with what `file` has from its start on unless that is -1.
 * 0, and the answer in ret_response unless that is NULL; or -errno with a line in cupsd->text:
 * -ECONNREFUSED nobody answers, -ECONNRESET it went away meanwhile, -ENOENT no such queue or job,
 * -EINVAL the driver is refused, -EACCES, -EBUSY cupsd is busy, -EIO anything else.
 */
int cupsd_run(
	struct cupsd *cupsd, ipp_t *request, const char *resource, int file, ipp_t **ret_response);
/* The same; `meanwhile` is called once while cupsd works on the request, or not at all (see
 * ipp_exchange()). */
int cupsd_run_meanwhile(struct cupsd *cupsd, ipp_t *request, const char *resource, int file,
	exchange_fn *meanwhile, void *userdata, ipp_t **ret_response);

/* Attributes of an answer as plain values; what is not there is empty or 0. */
void cupsd_text(ipp_t *ipp, const char *name, char *buf, size_t size);
int cupsd_int(ipp_t *ipp, const char *name); /* also booleans */

PLATEN_DEFINE_CLEANUP(ipp_t *, ippDelete)
#define _cleanup_ipp_ PLATEN_CLEANUP(ippDeletep)

#endif
