/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of a printer's driver, tried in order. */
#ifndef PLATEN_SOURCE_H
#define PLATEN_SOURCE_H

#include <stdbool.h>

#include "proto/base/fetch.h"

/* Finds the driver of one printer and puts it into the store. `result` says how it went. */
void source_fetch(const char *store, const struct fetch_get *get, struct fetch_result *result);

/* The URL of a queue's PPD at the CUPS print server that a device URI names; false when it names
 * none. Credentials are left out. */
bool source_server_url(const char *device_uri, char *url, size_t size);

#endif
