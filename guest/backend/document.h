/* SPDX-License-Identifier: Apache-2.0 */
/* The document of a backend's job, as an open file. */
#ifndef PLATEN_BACKEND_DOCUMENT_H
#define PLATEN_BACKEND_DOCUMENT_H

/*
 * Opens `path`, or keeps standard input in a file that no name leads to (path NULL, in the
 * environment's TMPDIR). A full disk is said once and waited out, for what came through a pipe
 * cannot be asked for again. `signals` becomes readable when it is to be given up. A descriptor
 * that the caller owns; -EINTR: given up; another -errno: the document cannot be read.
 */
int document_open(const char *path, int signals);

#endif
