/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in which cupsd writes a document that is not whole yet.
 */
#ifndef PLATEN_REQUEST_FILE_H
#define PLATEN_REQUEST_FILE_H

#include <stdint.h>

/* Bytes of a document that cupsd may have got and not yet written: what is in its socket, and more.
 */
#define REQUEST_FILE_LAG (1U << 20)

/* Bytes that it may have got since it was told how many it had. */
#define REQUEST_FILE_LEAD (16U << 20)

/* Names that are looked at: a spool that keeps more jobs than these does without. */
#define REQUEST_FILE_NAMES 20000

/*
 * Opens, to be read, the file in `spool` (cupsd's RequestRoot) of a document of which cupsd was
 * given `offset` bytes: the one that bears the name of a request and is about as long. Returns a
 * descriptor, the caller's; -ENOENT where there is none; -EEXIST where several are as long, for a
 * worker has no business with the documents of others, and -E2BIG where there are more names than
 * can be looked at, for the same reason; -EMFILE and others of open(2).
 */
int request_file_open(const char *spool, uint64_t offset);

#define REQUEST_FILES_MOST 64

/*
 * Opens, to be read, all that bear the name of a request and have REQUEST_FILE_LAG bytes or more,
 * up to REQUEST_FILES_MOST. Returns how many descriptors, the caller's, are in `ret`; or -errno.
 */
int request_files_open(const char *spool, int ret[static REQUEST_FILES_MOST]);

#endif
