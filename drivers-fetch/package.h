/* SPDX-License-Identifier: Apache-2.0 */
/* Driver packages in the store: DIR/packages/<sha256>.deb or .rpm. */
#ifndef PLATEN_FETCH_PACKAGE_H
#define PLATEN_FETCH_PACKAGE_H

#include "proto/base/fetch.h"

#define FETCH_PACKAGE_MAX (256 * 1024 * 1024) /* bytes: PACKAGE_SIZE_MAX of the channel */

/* Copies a package into the store. `result`: FETCH_OK with sha256, size and, as source, "deb" or
 * "rpm"; FETCH_REFUSED or FETCH_FAILED with the reason. The caller keeps `fd`. */
void package_keep(const char *store, int fd, struct fetch_result *result);

#endif
