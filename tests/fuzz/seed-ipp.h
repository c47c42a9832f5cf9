/* SPDX-License-Identifier: Apache-2.0 */
/* seed.c's part that makes IPP messages. */
#ifndef PLATEN_TESTS_FUZZ_SEED_IPP_H
#define PLATEN_TESTS_FUZZ_SEED_IPP_H

#include <stddef.h>

typedef void seed_save_fn(const char *fuzzer, const char *name, const void *data, size_t size);

/* Saves each by `save`. */
void seed_ipp(seed_save_fn *save);

#endif
