/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to Get-Printer-Attributes, out of bytes of a device or of cupsd. */
#ifndef PLATEN_DEVICE_ANSWER_H
#define PLATEN_DEVICE_ANSWER_H

#include <cups/ipp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_PATH_SIZE 512 /* bytes of a path on the device */

/* Reads one IPP message (RFC 8010 3.1). 0 with the message, which the caller frees with
 * ippDelete(), and how many bytes it has: what follows it is something else. -EBADMSG: it is not in
 * order, or was cut off; -EREMOTEIO: it is, and says that there are no attributes; -ENOMEM. */
int answer_read(
	const uint8_t *untrusted_bytes, size_t size, ipp_t **ret_untrusted, size_t *ret_used);

/* Where on the device the names of its options are (printer-strings-uri, PWG 5100.13 5.6.22): a
 * path and nothing else, whatever host it says. False: nowhere, or not in order. */
bool answer_strings_path(ipp_t *untrusted, char path[static ANSWER_PATH_SIZE]);

#endif
