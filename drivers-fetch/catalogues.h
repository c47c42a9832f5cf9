/* SPDX-License-Identifier: Apache-2.0 */
/* A device's own names for its options, in the languages that are wanted. */
#ifndef PLATEN_CATALOGUES_H
#define PLATEN_CATALOGUES_H

#include "drivers-fetch/http.h"

/*
 * Puts the device's catalogues (PWG 5100.13 5.6.22) behind its answer to Get-Printer-Attributes,
 * each but the first begun by a line of NAMES_MARK and its language. They are asked of the device
 * itself, wherever it says they are: `asked` is the request that it answered, `program` the path of
 * platen-device. `languages` as fetch_languages_parse() writes them. What cannot be had is left
 * out, and is no reason to have no driver.
 */
void catalogues_add(const struct http_request *asked, const char *printer_uri,
	const char *languages, const char *program, struct http_answer *answer);

#endif
