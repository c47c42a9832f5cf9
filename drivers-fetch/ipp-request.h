/* SPDX-License-Identifier: Apache-2.0 */
/* The IPP request that platen-fetch sends: Get-Printer-Attributes. */
#ifndef PLATEN_IPP_REQUEST_H
#define PLATEN_IPP_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define IPP_REQUEST_MAX 2048 /* bytes */

/*
 * Writes Get-Printer-Attributes (RFC 8010 3.1, RFC 8011 4.2.5) for `printer_uri`, asking for all
 * attributes and media-col-database, which "all" leaves out (PWG 5100.7). IPP 2.0 as PWG 5100.14
 * wants. Returns its size, 0 when the URI is too long.
 */
size_t ipp_request_write(const char *printer_uri, uint8_t buf[static IPP_REQUEST_MAX]);

/* The same that asks in `language` for the place of its catalogue of names (printer-strings-uri).
 */
size_t ipp_request_names_write(
	const char *printer_uri, const char *language, uint8_t buf[static IPP_REQUEST_MAX]);

#endif
