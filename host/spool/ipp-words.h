/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IPP attributes (PWG 5100.1, .2, .3, .7, RFC 8011) that choices of a driver mean which was
 * made of a device's attributes: a queue of the host's that has no such driver, or none, does not
 * know its words.
 */
#ifndef PLATEN_IPP_WORDS_H
#define PLATEN_IPP_WORDS_H

#include <cups/cups.h>

/* Adds what is meant by the options that are there, in place of the same attributes. Returns the
 * new count; the list is cups's. */
int ipp_words_add(int count, cups_option_t **options);

#endif
