/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libcups, which is what reads our drivers, takes for the filters of a PPD: whatever our own
 * parser believes, this is what would run.
 */
#ifndef PLATEN_TESTS_FUZZ_LIBCUPS_PPD_H
#define PLATEN_TESTS_FUZZ_LIBCUPS_PPD_H

#include <cups/ppd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Of clang's sanitizer. libcups 2.4.2 forgets some strings of statements that come twice. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:^_ppdOpen$\n";
}

/* NULL: it does not read it. The caller frees it with ppdClose(). */
static ppd_file_t *libcups_read(const char *text, size_t size)
{
	int fd = memfd_create("ppd", MFD_CLOEXEC);

	PROMISE(fd >= 0 && write(fd, text, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	return ppdOpenFd(fd); /* which closes it */
}

#endif
