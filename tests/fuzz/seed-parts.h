/* SPDX-License-Identifier: Apache-2.0 */
/* seed.c's parts: each saves its seeds by the function that it is given. */
#ifndef PLATEN_TESTS_FUZZ_SEED_PARTS_H
#define PLATEN_TESTS_FUZZ_SEED_PARTS_H

#include <stddef.h>

typedef void seed_save_fn(const char *fuzzer, const char *name, const void *data, size_t size);

void seed_ipp(seed_save_fn *save);    /* IPP messages */
void seed_script(seed_save_fn *save); /* what goes on between a daemon and its workers */

#endif
