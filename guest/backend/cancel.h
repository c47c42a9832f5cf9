/* SPDX-License-Identifier: Apache-2.0 */
/* Why cupsd sent SIGTERM. */
#ifndef PLATEN_BACKEND_CANCEL_H
#define PLATEN_BACKEND_CANCEL_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Asks the spooler at the unix socket `cups_socket` (NULL: none) for its job `id`. 1: the job was
 * cancelled, aborted or purged; 2: it is being processed, so the spooler has not stopped it; 0: it
 * is something else; -errno: not known. Takes at most 5 s.
 */
int cancel_asked(const char *cups_socket, uint32_t id);

/* What the spooler's answer, as far as it came, says: as cancel_asked(). */
int cancel_read(const unsigned char *answer, size_t size);

#endif
