/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document that is looked through for printer commands: however it is cut into pieces, what is
 * found is what is there.
 *
 * The bytes are the document; where it is cut comes of the first byte.
 */
#include <string.h>
#include <strings.h>

#include "host/spool/commands.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t uel = sizeof(COMMANDS_UEL) - 1;
	struct commands commands = {0};
	const uint8_t *document = data + 1;
	bool found = false, there;
	size_t step, at = 0;
	char *format;

	if (size < 1)
		return 0;
	size--;
	there = size && (document[0] == 0x1B || memmem(document, size, COMMANDS_UEL, uel));
	step = data[0];
	while (at < size && !found) {
		size_t n = 1 + step % 13;

		n = n < size - at ? n : size - at;
		found = commands_found(&commands, document + at, n);
		PROMISE(commands.tail_size <= sizeof(commands.tail));
		at += n;
		step = step * 7 + 3;
	}
	PROMISE(found == there);

	format = strndup((const char *)document, size);
	PROMISE(format);
	if (commands_format_is_pages(format))
		PROMISE(strchr(format, '/') && strcasecmp(format, "application/vnd.cups-raw") != 0);
	free(format);
	return 0;
}
