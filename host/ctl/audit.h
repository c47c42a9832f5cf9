/* SPDX-License-Identifier: Apache-2.0 */
/* The log that auditd(8) keeps, where there is one: denials that the journal may not have. */
#ifndef PLATEN_CTL_AUDIT_H
#define PLATEN_CTL_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "host/ctl/denial.h"

#define AUDIT_LOG     "/var/log/audit/audit.log" /* log_file of auditd.conf(5) */
#define DENIALS_SHOWN 4

/* Distinct denials, the last ones. */
struct denials {
	struct denial shown[DENIALS_SHOWN];
	size_t count;
};

/* Takes a denial in if there is room, and none of its kind is there. */
void denials_add(struct denials *denials, const struct denial *denial);

/* Takes in what `path` has of Platen's since then (seconds since 1970), of its last MiB, the last
 * first. 0, or -errno. */
int audit_read(const char *path, int64_t since, struct denials *denials);

#endif
