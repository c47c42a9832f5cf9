/* SPDX-License-Identifier: Apache-2.0 */
/* A PPD from IPP attributes that attributes_take() has gone over, by libcupsfilters. */
#ifndef PLATEN_DEVICE_PPD_MAKE_H
#define PLATEN_DEVICE_PPD_MAKE_H

#include <cups/ipp.h>
#include <stdbool.h>
#include <stdio.h>

/* Writes it to `out`, with each resolution and each finishing as a choice. `names` is the path of a
 * catalogue that strings_take() wrote, or NULL. 0; -ENODATA: there is nothing to make one of; other
 * -errno. */
int ppd_make(ipp_t *attributes, const char *names, FILE *out);

/* Makes the attributes those of a generic PDF printer: its formats, and a model's name that says
 * so. 0 or -ENOMEM. */
int ppd_make_generic(ipp_t *attributes);

#endif
