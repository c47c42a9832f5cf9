/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target is: tests/fuzz/fuzz-NAME.c with the one function below, which calls the
 * production entry with the bytes and aborts on a broken promise. libFuzzer drives it (tests/fuzz/
 * run), and so does replay.c, with the seeds and the past crashes, in the ordinary test run.
 */
#ifndef PLATEN_TESTS_FUZZ_H
#define PLATEN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asserts are the point here: they hold whatever NDEBUG says. */
#define PROMISE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(                                                             \
				stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
