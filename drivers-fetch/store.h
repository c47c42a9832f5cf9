/* SPDX-License-Identifier: Apache-2.0 */
/* The driver store: see proto/base/fetch.h for what lies where. */
#ifndef PLATEN_STORE_H
#define PLATEN_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proto/base/fetch.h"

/* A descriptor that holds the store's lock until it is closed; -1: there is none to be had. */
int store_lock(const char *store);

/* What is remembered of a source, for a conditional GET. */
struct store_source {
	char url[512];
	char modified[64];  /* its Last-Modified */
	uint8_t sha256[32]; /* of the driver that came of it */
	uint32_t size, packed_size;
	char make_model[256];
};

/* The record of a URL, if its driver is still there. 0; -ENOENT; -EBADMSG (damaged: as absent);
 * -ESTALE: another version of Platen has cleaned it, it is to be had again. */
int store_source_read(const char *store, const char *url, struct store_source *ret_source);

/* The driver, as it is stored, of a record for which store_source_read() says -ESTALE. 0; -ENOENT:
 * there is none; other -errno. The caller frees it. */
int store_stale_read(const char *store, const char *url, uint8_t **ret_bytes, size_t *ret_size);

/* Puts a clean driver into the store unless it is there, brings its provenance up to date, and
 * remembers the source. Fills sha256, size, packed_size of `result`. 0 or -errno (-ENOSPC: nothing
 * is left half-made). `left_out`: rows of line, keyword and reason, which are
 * borrowed; NULL: none. */
int store_put(const char *store, const char *text, size_t size, const char *url,
	const char *modified, json_t *left_out, unsigned int dropped, struct fetch_result *result);

/* Remembers what a source has that is no driver for us; takes `record` over. 0 or -errno. */
int store_record_put(const char *store, const char *url, json_t *record);

/* The source has said that `result`'s driver is still the one: its provenance gets the time. */
void store_checked(const char *store, const char *url, const struct fetch_result *result);

/* Keeps what an admin added by hand beside the driver that came of it, for a later cleaning. 0 or
 * -errno. */
int store_original_put(
	const char *store, const uint8_t sha256[static 32], const void *bytes, size_t size);

/*
 * Gives the drivers that are in `used` the time `now`, and removes those that have not had one for
 * `days` (0: none), with all that is known of them; also what a writer that died left behind. 0 or
 * -errno.
 */
int store_prune(const char *store, const uint8_t (*used)[32], size_t count, unsigned int days,
	time_t now, unsigned int *ret_removed);

/* The same driver whole: its text goes into the store too, and with which filters it goes with the
 * source is remembered. Fills in whole_… and filters. 0 or -errno. */
int store_whole_put(const char *store, const char *text, size_t size, const char *url,
	const char *filters, struct fetch_result *result);

/* Fills them in from what is remembered; leaves them empty when there is none. */
void store_whole_get(const char *store, const char *url, struct fetch_result *result);

#endif
