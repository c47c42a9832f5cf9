/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packed option list of any bytes: a walk stays within it and always ends, and a list that a
 * message may carry is one that options_add() makes from its pairs.
 */
#include <string.h>

#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message m;
	char built[JOB_OPTIONS_BYTES] = {0}, why[128];
	const char *list = (const char *)data, *name, *value;
	uint32_t pos = 0, built_size = 0, count = 0;

	if (size > JOB_OPTIONS_BYTES)
		return 0;
	while (options_next(list, (uint32_t)size, &pos, &name, &value)) {
		PROMISE(pos <= size);
		PROMISE(name >= list && name + strlen(name) < list + size);
		PROMISE(value > name && value + strlen(value) < list + size);
		PROMISE(options_add(built, sizeof(built), &built_size, name, value) == 0);
		PROMISE(options_get(list, (uint32_t)size, name) != NULL);
		count++;
	}
	PROMISE(built_size == pos && memcmp(built, list, pos) == 0);

	message_init(&m, MESSAGE_JOB_OPEN);
	m.job_open.job.bytes[0] = m.job_open.file = m.job_open.copies = 1;
	memcpy(m.job_open.format, "a/b", 3);
	memcpy(m.job_open.options, data, size);
	m.job_open.options_size = (uint32_t)size;
	if (message_check(&m, m.head.size, why) == 0)
		PROMISE(pos == size && count <= JOB_OPTIONS_MAX);
	return 0;
}
