/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPP attributes of a device, taken by an allow-list (RFC 8011, PWG 5100.1, .2, .3, .6, .7, .13,
 * .14): what is known, of its proper type, bounded in length and count.
 */
#ifndef PLATEN_DEVICE_ATTRIBUTES_H
#define PLATEN_DEVICE_ATTRIBUTES_H

#include <cups/ipp.h>
#include <stdbool.h>

#define ATTRIBUTES_VALUES_MAX 1000 /* of one attribute; more are left out */
#define ATTRIBUTES_DEPTH_MAX  3	   /* collections in collections */
#define ATTRIBUTES_TEXT_MAX   127  /* bytes of a text or name */

/* A new message with what of `untrusted` may be used; ret_dropped counts what was left out. The
 * caller frees both with ippDelete(). NULL: no memory. */
ipp_t *attributes_take(ipp_t *untrusted, unsigned int *ret_dropped);

/* A text of theirs as one line without quotes, colons, slashes or anything else that has a meaning
 * in a PPD. False when nothing is left of it. */
bool attributes_text(const char *untrusted_text, char *buf, size_t size);

#endif
