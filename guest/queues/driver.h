/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the guest's spooler can read a driver. */
#ifndef PLATEN_QUEUES_DRIVER_H
#define PLATEN_QUEUES_DRIVER_H

#include <stddef.h>

/* Reads a PPD (plain or gzip) from its start on with the parser that cupsd has. 0; -EINVAL: it is
 * no driver; another -errno: that could not be found out. With that parser's words in `why`. The
 * caller keeps `fd`. */
int driver_read(int fd, char *why, size_t size);

#endif
