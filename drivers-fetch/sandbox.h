/* SPDX-License-Identifier: Apache-2.0 */
/* What platen-fetch gives up before it hears from a server, a device or a file. */
#ifndef PLATEN_FETCH_SANDBOX_H
#define PLATEN_FETCH_SANDBOX_H

#include "proto/base/fetch.h"

/*
 * Prepares for what `get` names (the server's addresses are looked up, the host's spooler is
 * connected to) and enters the sandbox that fits it: for good. `get` NULL: no connection and no
 * program at all. `store` NULL: nothing is written. 0 or -errno: the caller then reads nothing.
 */
int fetch_sandbox(const char *store, const struct fetch_get *get);

#endif
