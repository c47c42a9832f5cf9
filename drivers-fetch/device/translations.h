/* SPDX-License-Identifier: Apache-2.0 */
/* A PPD with its options' texts in several languages (CUPS PPD extensions, "Globalized PPD
 * Support"). */
#ifndef PLATEN_DEVICE_TRANSLATIONS_H
#define PLATEN_DEVICE_TRANSLATIONS_H

#include <stddef.h>
#include <stdio.h>

struct translation {
	char language[16]; /* "de", "zh-tw" */
	char *ppd;	   /* made with the names of that language */
};

/* Writes `ppd`, and of each translation the texts of all options and choices. */
void translations_write(
	const char *ppd, const struct translation *translations, size_t count, FILE *out);

#endif
