/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a document is commands for a printer instead of pages for its driver: what cupsd passes
 * on raw (vendors' languages, escape sequences), and what leaves the language of pages (PJL's UEL).
 * Such a document can change a printer's settings for everybody, so a policy may forbid it.
 */
#ifndef PLATEN_SPOOL_COMMANDS_H
#define PLATEN_SPOOL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMANDS_UEL "\x1B%-12345X" /* Universal Exit Language, HP PJL Technical Reference 2 */

struct commands {
	bool begun;
	size_t tail_size;
	uint8_t tail[sizeof(COMMANDS_UEL) - 2]; /* what a UEL could have begun with */
};

/* Whether documents of this format are pages, as far as its name says: PDF, PostScript, images,
 * text, and what cupsd is to find out (application/octet-stream). */
bool commands_format_is_pages(const char *format);

/* Looks at the next piece of a document; `commands` is zeroed at its beginning. Whether there are
 * printer commands in it. */
bool commands_found(struct commands *commands, const uint8_t *untrusted_bytes, size_t size);

#endif
