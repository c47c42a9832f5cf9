/* SPDX-License-Identifier: Apache-2.0 */
/* Finishings (PWG 5100.1) that libcupsfilters 1.28 leaves out of the PPDs it makes. */
#ifndef PLATEN_DEVICE_FINISHINGS_H
#define PLATEN_DEVICE_FINISHINGS_H

#include <cups/ipp.h>
#include <stdbool.h>
#include <stdio.h>

#define FINISHINGS_COUNT 9

/* Which are missing: supported by the device, and not in `ppd`. */
struct finishings {
	bool missing[FINISHINGS_COUNT];
};

struct finishings finishings_missing(ipp_t *attributes, const char *ppd);

/* Writes the missing choices of an option that the PPD has, before it is closed, and forgets them;
 * `names` as for ppd_make(). */
void finishings_put_choices(
	struct finishings *finishings, const char *option, const char *names, FILE *out);

/* Writes those that are left, with options of their own. */
void finishings_put_rest(struct finishings *finishings, const char *names, FILE *out);

#endif
