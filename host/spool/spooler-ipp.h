/* SPDX-License-Identifier: Apache-2.0 */
/* What both lives of platen-spool need of libcups: a connection and typed reads of attributes. */
#ifndef PLATEN_SPOOLER_IPP_H
#define PLATEN_SPOOLER_IPP_H

#include <cups/cups.h>

#include "host/spool/spool.h"

#define SPOOL_ATTR_OWNER "platen-owner" /* name: whose job it is; cupsd hides the real one */
#define CONNECT_MSEC	 10000

/* Who asks about jobs. A policy hides of them what it calls private (JobPrivateValues: as it comes,
 * name and owner; "all": also which they are) from all but their owner and the SystemGroup, and
 * believes who it is that only looks (CUPS 2.4.2, cupsdGetPrivateAttrs()), unless the connection
 * says who it is, as libcups does from the first request on that a policy wanted it for. */
#define SPOOL_READER "root"

/* Connects to cupsd's socket. NULL when it does not answer. */
http_t *ipp_connect(const char *socket);

/* A request about a printer (or about the server with NULL), in `user`'s name. */
ipp_t *ipp_request(ipp_op_t op, const char *printer, const char *user);

/* Sends it; steals `request`. 0 with the answer, which the caller deletes; -errno otherwise
 * (cupsLastError() tells more). */
int ipp_do(http_t *http, ipp_t *request, ipp_t **ret_response);
/* The same for long answers; cupsLastError() does not tell. */
int ipp_do_list(http_t *http, ipp_t *request, ipp_t **ret_response);

/* The first value as one line of text, the tail zeroed; empty if there is none. */
void ipp_text(ipp_t *ipp, const char *name, char *buf, size_t size);

/* All values of a keyword or name attribute, comma-separated. */
void ipp_list(ipp_t *ipp, const char *name, char *buf, size_t size);

int ipp_int(ipp_t *ipp, const char *name, int otherwise);

/* What an IPP status means for a job that was to be taken. */
enum job_refusal ipp_refusal(ipp_status_t status);

/* Reads SPOOL_ATTR_JOB, "<uuid>/<file>". 0 or -EINVAL. */
int ipp_job_key(const char *text, struct uuid *ret_job, uint32_t *ret_file);
void ipp_job_key_format(const struct uuid *job, uint32_t file, char buf[static 64]);

/* Whether a job is the one with that key, and whose. 0; -ESTALE: its number was given out again; or
 * another -errno. */
int ipp_is_job(http_t *http, uint32_t host_job, const struct uuid *job, uint32_t file,
	char ret_owner[static USER_SIZE]);

/* Cancels a job if it is still the one with that key. 0 or -errno. */
int ipp_cancel(http_t *http, uint32_t host_job, const struct uuid *job, uint32_t file);

/* Gives up what it does not need (proto/base/sandbox.h), once what is made at the start is there. 0
 * or -errno. sync_sandbox() leaves no more than what syncs a file that it is handed. */
int spool_sandbox(void);
int sync_sandbox(void);

int watch_run(const char *socket, const char *run_dir);
/* Cancels what this user subscribed to for us. 0 or -errno; -ENOTCONN: cupsd does not answer. */
int watch_unsubscribe(const char *socket);
int submit_run(const char *socket);

/* Serves platend at IPC_FD, see spool.h. 0 when it closed the connection, or -errno. */
int sync_run(void);

#endif
