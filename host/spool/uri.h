/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device URI says about where a printer is.
 *
 * printer-type does not tell local from network (usb, parallel and file have the bits of socket),
 * so the scheme and the host decide. Sources: backend(7), the URIs that CUPS, HPLIP, cups-filters
 * and ipp-usb write.
 */
#ifndef PLATEN_SPOOL_URI_H
#define PLATEN_SPOOL_URI_H

#include "proto/message.h"

/* PRINTER_NETWORK, PRINTER_SHARED or PRINTER_LOCAL; unknown schemes are local: what cannot be told
 * is not offered by default. */
enum printer_kind uri_kind(const char *uri);

/* The kind of a class: local if every member is, else PRINTER_POOL. `kinds` are the members'. */
enum printer_kind uri_pool_kind(const enum printer_kind *kinds, size_t count);

#endif
