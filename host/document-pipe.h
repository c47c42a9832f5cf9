/* SPDX-License-Identifier: Apache-2.0 */
/* What a document flows through, from platen-channel to a `platen-spool submit`. */
#ifndef PLATEN_DOCUMENT_PIPE_H
#define PLATEN_DOCUMENT_PIPE_H

/*
 * Makes one, whose ends do not block. ret[0] can only be read, and is at its end when all copies of
 * ret[1] are closed and all is read. ret[1] can only be written (EPIPE when ret[0] is closed
 * everywhere); who reads there finds nothing but the end. Both are the caller's. 0, or -EMFILE,
 * -ENFILE, -ENOBUFS of socketpair(2).
 */
int document_pipe(int ret[static 2]);

#endif
