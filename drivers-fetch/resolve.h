/* SPDX-License-Identifier: Apache-2.0 */
/* DNS-SD device URIs (dnssd:, as cupsd's backend of that name takes them) to IPP ones. */
#ifndef PLATEN_RESOLVE_H
#define PLATEN_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a device URI is one that names an IPP service by DNS-SD. */
bool resolve_is_needed(const char *device_uri);

/* The name of the service, without percent signs; false when it is not one of IPP on one line. */
bool resolve_service(const char *device_uri, char *buf, size_t size);

/* Whether what came back is an IPP URI in order: scheme, host of letters, digits, '.', '-', ':',
 * '[' and ']', a path, no credentials. */
bool resolve_is_sound(const char *untrusted_uri);

/* Finds the printer's URI. 0; or -errno with one line in ret_why. */
int resolve_uri(const char *device_uri, char *uri, size_t size, char ret_why[static 256]);

#endif
