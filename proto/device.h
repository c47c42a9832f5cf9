/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two device URIs name the same hardware, without telling the URI.
 *
 * The host sends device_digest() of a printer's port beside it; the agent makes the same of each
 * queue that a person added by hand, and leaves a printer alone that is there already.
 */
#ifndef PLATEN_DEVICE_H
#define PLATEN_DEVICE_H

#include <stdint.h>

#include "proto/message.h"

/*
 * SHA-256 of what a device URI points at: the host in lower case (with the port if it is this
 * machine), and for a print server's queue or an SMB share its name. Scheme, user, options and,
 * for a device, the path are left out: ipp://10.0.0.5/ipp/print and socket://10.0.0.5 are one
 * printer. All zeros when the URI has no host (usb:, file:, hp:/net/…); a dnssd: name is taken as
 * it is.
 */
void device_digest(const char *uri, uint8_t ret_digest[static SHA256_SIZE]);

#endif
