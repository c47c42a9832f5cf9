/* SPDX-License-Identifier: Apache-2.0 */
/* One helper program, bounded in what it says and for how long. */
#ifndef PLATEN_RUN_H
#define PLATEN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_answer {
	int status;   /* wait(2); only with 0 of run_program() */
	uint8_t *out; /* malloc'ed, what it wrote to standard output, with room for one byte more */
	size_t size;  /* bytes */
	char why[256]; /* the first line that it wrote to standard error, one line */
};

/*
 * Runs argv (argv[0]: a path, or a name that PATH finds) without a shell, with `in` at its standard
 * input, no other descriptor than 0 to 2, and an environment of PATH, LANG=C and the bus. At most
 * `max` bytes of output are taken. 0 when it ended by itself, however; -ETIMEDOUT after `msec`,
 * -EFBIG (it is then killed); other -errno. The caller frees answer->out.
 */
int run_program(const char *const *argv, const uint8_t *in, size_t in_size, size_t max,
	unsigned int msec, struct run_answer *answer);

/* The path of the program of ours called `name`, which lies beside this one. False: not known, or
 * too long. */
bool run_beside(const char *name, char *path, size_t size);

#endif
