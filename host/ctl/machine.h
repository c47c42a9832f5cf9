/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor sees of the machine with the eyes of who asks, where platend's sandbox sees nothing.
 */
#ifndef PLATEN_CTL_MACHINE_H
#define PLATEN_CTL_MACHINE_H

#include <jansson.h>

/*
 * Appends to doctor's checks what is wrong on this machine beside what platend found: what a
 * security module refused since platend's start, that the kernel has no vsock for workspaces that
 * want it. `data` is platend's answer; NULL: it does not answer, and that is a check too.
 * Nothing is appended where all is well. Borrows both.
 */
void machine_checks(const json_t *data, json_t *checks);

#endif
