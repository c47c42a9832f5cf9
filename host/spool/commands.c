/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding printer commands in a document.
 *
 * An ESC at the beginning is a printer's own language (PCL, ESC/P). A UEL anywhere ends the job's
 * language, whatever that is, and what follows is PJL: cupsd hands PostScript on nearly as it came,
 * so the whole document is looked through, also where two pieces meet.
 */
#include "host/spool/commands.h"

#include <string.h>
#include <strings.h>

#define UEL_SIZE (sizeof(COMMANDS_UEL) - 1)
#define ESC	 0x1B

bool commands_format_is_pages(const char *format)
{
	static const char *const names[] = {"application/pdf", "application/postscript",
		"application/octet-stream", "application/vnd.cups-pdf",
		"application/vnd.cups-postscript", "application/rss+xml", "application/x-shell",
		"application/x-perl", "application/x-cshell", "application/x-csource"};

	if (strncasecmp(format, "image/", 6) == 0 || strncasecmp(format, "text/", 5) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(names[i], format) == 0)
			return true;
	return false;
}

/* Whether a UEL lies across the border between the tail and the next piece. */
static bool across(const struct commands *c, const uint8_t *bytes, size_t size)
{
	uint8_t both[2 * UEL_SIZE];
	size_t more = size < UEL_SIZE ? size : UEL_SIZE;

	memcpy(both, c->tail, c->tail_size);
	memcpy(both + c->tail_size, bytes, more);
	return memmem(both, c->tail_size + more, COMMANDS_UEL, UEL_SIZE) != NULL;
}

bool commands_found(struct commands *c, const uint8_t *untrusted_bytes, size_t size)
{
	const uint8_t *bytes = untrusted_bytes;
	size_t keep;

	if (size == 0)
		return false;
	if (!c->begun && bytes[0] == ESC)
		return true;
	c->begun = true;
	if (across(c, bytes, size) || memmem(bytes, size, COMMANDS_UEL, UEL_SIZE))
		return true;
	if (size >= sizeof(c->tail)) {
		memcpy(c->tail, bytes + size - sizeof(c->tail), sizeof(c->tail));
		c->tail_size = sizeof(c->tail);
		return false;
	}
	keep = sizeof(c->tail) - size < c->tail_size ? sizeof(c->tail) - size : c->tail_size;
	memmove(c->tail, c->tail + c->tail_size - keep, keep);
	memcpy(c->tail + keep, bytes, size);
	c->tail_size = keep + size;
	return false;
}
