/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of a printer's driver, tried in the order of the settings. */
#ifndef PLATEN_SOURCE_H
#define PLATEN_SOURCE_H

#include <stdbool.h>

#include "drivers-fetch/http.h"
#include "proto/base/fetch.h"

/* Finds the driver of one printer and puts it into the store. `result` says how it went. */
void source_fetch(const char *store, const struct fetch_get *get, struct fetch_result *result);

/*
 * One source of one printer. True when it had something to say: `result` (whose head and provenance
 * are set before) is filled, whatever it says. False: it is no source for this printer.
 */
typedef bool source_fn(const char *store, const struct fetch_get *get, struct fetch_result *result);

source_fn source_device;  /* the device itself: source-device.c */
source_fn source_smb;	  /* a Windows-type print server: source-smb.c */
source_fn source_generic; /* what the host reports of the queue: source-device.c */

/* Cleans and stores the driver that an admin's file has. */
void source_add(const char *store, int fd, struct fetch_result *result);

/* Says of `source` (a URL or path) what came of it. */
void source_say(
	struct fetch_result *result, enum fetch_code code, const char *source, const char *what);

/* Cleans the PPD that a source gave as its answer's body, and stores it; says how that went. */
void source_take(const char *store, const char *url, const struct http_answer *answer,
	struct fetch_result *result);

/* The request for `url` with what the settings know of its server. */
struct http_request source_request(const struct fetch_get *get, const char *url);

/* Says what an answer without a driver means: no answer (`error` below 0), or its status. */
void source_say_failed(
	struct fetch_result *result, const char *url, const struct http_answer *answer, int error);

/* The URL of a queue's PPD at the CUPS print server that a device URI names; false when it names
 * none. Credentials are left out. */
bool source_server_url(const char *device_uri, char *url, size_t size);

/* The URL at which an IPP printer that is no queue of a print server is asked, and its printer-uri
 * (both of `size` bytes), from its device URI; false when it is none. Credentials are left out. */
bool source_device_url(const char *device_uri, char *url, char *printer_uri, size_t size);

/* Percent-encodes a queue's name (RFC 3986 2.1). False when it does not fit. */
bool source_encode(const char *name, char *buf, size_t size);

#endif
