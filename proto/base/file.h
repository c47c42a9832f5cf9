/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that are there whole, or not at all. */
#ifndef PLATEN_BASE_FILE_H
#define PLATEN_BASE_FILE_H

#include <stddef.h>

/* Writes all of it, however often that takes. 0 or -errno. */
int file_write_all(int fd, const void *data, size_t size);

/* Puts `size` bytes at `path`, mode 0644, in place of what was there: written under a name of its
 * own, synced (fsync(2)) and renamed. 0 or -errno; nothing is left half-made. */
int file_put(const char *path, const void *data, size_t size);

#endif
