/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame's payload, as a guest may have written it: what is taken for a message passes the
 * check, and comes back from the wire as it was when we pack it ourselves.
 */
#include <string.h>

#include "proto/base/text.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

/* The data pointer and its size, of the messages that have one. */
static const uint8_t **data_of(struct message *m, uint32_t *ret_size)
{
	if (m->head.type == MESSAGE_JOB_DATA) {
		*ret_size = m->job_data.data_size;
		return &m->job_data.data;
	}
	if (m->head.type == MESSAGE_DRIVER_DATA) {
		*ret_size = m->driver_data.data_size;
		return &m->driver_data.data;
	}
	if (m->head.type == MESSAGE_PACKAGE_DATA) {
		*ret_size = m->package_data.data_size;
		return &m->package_data.data;
	}
	*ret_size = 0;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message first, second;
	static uint8_t packed[FRAME_PAYLOAD_MAX], again[FRAME_PAYLOAD_MAX], body[FRAME_DATA_MAX];
	const uint8_t **first_data, **second_data;
	size_t packed_size;
	uint32_t n;
	char why[128] = "";

	if (message_decode(data, size, &first, why) < 0) {
		PROMISE(why[0] && text_is_line(why));
		return 0;
	}
	PROMISE(message_check(&first, first.head.size, why) == 0);
	PROMISE(first.head.size == message_size(first.head.type));
	first_data = data_of(&first, &n);
	if (first_data) { /* it lies in the decoder's memory, which is used again below */
		PROMISE(n <= sizeof(body));
		if (n)
			memcpy(body, *first_data, n);
		*first_data = body;
	}
	packed_size = message_encode(&first, packed);
	PROMISE(packed_size <= sizeof(packed));
	PROMISE(message_decode(packed, packed_size, &second, why) == 0);
	second_data = data_of(&second, &n);
	if (second_data) {
		PROMISE(n == 0 || memcmp(*second_data, body, n) == 0);
		*second_data = body;
	}
	PROMISE(memcmp(&first, &second, first.head.size) == 0);
	PROMISE(message_encode(&second, again) == packed_size);
	PROMISE(memcmp(packed, again, packed_size) == 0);
	return 0;
}
