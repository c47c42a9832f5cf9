/* SPDX-License-Identifier: Apache-2.0 */
/* What platen-device gives up before it reads a byte. */
#ifndef PLATEN_DEVICE_SANDBOX_H
#define PLATEN_DEVICE_SANDBOX_H

/* No more of the machine than one printer needs; no connection, no other program, for good. 0 or
 * -errno. */
int device_sandbox(void);

#endif
