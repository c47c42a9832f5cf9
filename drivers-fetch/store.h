/* SPDX-License-Identifier: Apache-2.0 */
/* The driver store: see proto/base/fetch.h for what lies where. */
#ifndef PLATEN_STORE_H
#define PLATEN_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/fetch.h"

/* What is remembered of a source, for a conditional GET. */
struct store_source {
	char url[512];
	char modified[64];  /* its Last-Modified */
	uint8_t sha256[32]; /* of the driver that came of it */
	uint32_t size, packed_size;
	char make_model[256];
};

/* The record of a URL, if its driver is still there. 0; -ENOENT; -EBADMSG (damaged: as absent). */
int store_source_read(const char *store, const char *url, struct store_source *ret_source);

/* Puts a clean driver into the store unless it is there, with its provenance, and remembers the
 * source. Fills sha256, size, packed_size of `result`. 0 or -errno (-ENOSPC: nothing is left
 * half-made). `left_out`: rows of line, keyword and reason, which are
 * borrowed; NULL: none. */
int store_put(const char *store, const char *text, size_t size, const char *url,
	const char *modified, json_t *left_out, unsigned int dropped, struct fetch_result *result);

/* Remembers what a source has that is no driver for us; takes `record` over. 0 or -errno. */
int store_record_put(const char *store, const char *url, json_t *record);

/* The same driver whole: its text goes into the store too, and with which filters it goes with the
 * source is remembered. Fills in whole_… and filters. 0 or -errno. */
int store_whole_put(const char *store, const char *text, size_t size, const char *url,
	const char *filters, struct fetch_result *result);

/* Fills them in from what is remembered; leaves them empty when there is none. */
void store_whole_get(const char *store, const char *url, struct fetch_result *result);

#endif
