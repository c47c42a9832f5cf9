/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any program of ours can do without, by calls that every Linux has: new privileges, a core
 * file, and more memory, time and descriptors than it has a use for.
 */
#ifndef PLATEN_BASE_CONFINE_H
#define PLATEN_BASE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct confine {
	uint64_t memory;      /* bytes of address space; 0, here and below: as it is */
	uint64_t file_size;   /* bytes of a file that it writes */
	unsigned int cpu_sec; /* of processor time, in all */
	unsigned int files;   /* descriptors */
	bool secret;	      /* nobody of its user may trace it or read its memory */
};

/*
 * From now on, for this process and its children, for good. Less than that may hold already. 0 or
 * -errno. A build with a sanitizer keeps its memory and can be traced: the search for leaks needs
 * both.
 */
int confine(const struct confine *limits);

/* Whether this build has a sanitizer. */
bool confine_is_sanitized(void);

#endif
