/* SPDX-License-Identifier: Apache-2.0 */
/* Which job options a guest may set: an allow-list, by name and by the printer's driver. */
#ifndef PLATEN_ALLOWED_H
#define PLATEN_ALLOWED_H

#include "host/spool/spool.h"

struct host;

/* Copies the options of a job that may pass into a submission: those of IPP and CUPS that say how
 * pages come out (PWG 5100.1 to 5100.13, lp(1)), and those that the driver (its digest) declares.
 * Returns how many were left out, with their names in ret_names, as far as they fit. */
uint32_t allowed_options(const struct host *host, const uint8_t driver[static SHA256_SIZE],
	const struct message_job_open *open, struct submit_open *submission,
	char ret_names[static TEXT_SIZE]);

#endif
