/* SPDX-License-Identifier: Apache-2.0 */
/* A host's addresses, asked for by a process that is gone before a byte of the host's is read. */
#ifndef PLATEN_NAMES_H
#define PLATEN_NAMES_H

#include <stddef.h>

/*
 * Looks `host` up, at most 15 s long, and writes its addresses to `buf`: at most eight, separated
 * by commas, IPv6 in brackets (CURLOPT_RESOLVE(3)). 0; -ENODATA: it has none, -EINVAL: it is an
 * address already; other -errno.
 */
int names_find(const char *host, char *buf, size_t size);

#endif
