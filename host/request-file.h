/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in which cupsd writes a document that is not whole yet.
 */
#ifndef PLATEN_REQUEST_FILE_H
#define PLATEN_REQUEST_FILE_H

#include <stdint.h>

/* Bytes of a document that cupsd may have got and not yet written, and more. */
#define REQUEST_FILE_LAG (4U << 20)

/*
 * Opens, to be read, the file in `spool` (cupsd's RequestRoot) of a document of which cupsd was
 * given `offset` bytes: of those that bear the name of a request and are about as long, the
 * longest. It may be that of another document that is as far: what is done with it must be right
 * for any. Returns a descriptor, the caller's; -ENOENT where there is none; -EMFILE and others of
 * open(2).
 */
int request_file_open(const char *spool, uint64_t offset);

#endif
