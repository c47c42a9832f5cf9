/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a device's answer.
 *
 * libcups parses the message; nothing here asks it anything but whether it is whole. It takes a
 * short read of a pipe for the end of the message, so that it gets bytes that are all there.
 */
#include "drivers-fetch/device/answer.h"

#include <cups/cups.h>
#include <errno.h>
#include <string.h>

#include "proto/base/text.h"

struct input {
	const uint8_t *bytes;
	size_t size, used;
};

static ssize_t on_read(void *userdata, ipp_uchar_t *buf, size_t size)
{
	struct input *input = userdata;
	size_t left = input->size - input->used;

	if (size > left)
		size = left;
	memcpy(buf, input->bytes + input->used, size);
	input->used += size;
	return (ssize_t)size;
}

int answer_read(
	const uint8_t *untrusted_bytes, size_t size, ipp_t **ret_untrusted, size_t *ret_used)
{
	struct input input = {.bytes = untrusted_bytes, .size = size};
	ipp_t *untrusted = ippNew();
	ipp_state_t state;

	if (!untrusted)
		return -ENOMEM;
	do
		state = ippReadIO(&input, on_read, 1, NULL, untrusted);
	while (state != IPP_STATE_DATA && state != IPP_STATE_ERROR);
	if (state == IPP_STATE_DATA &&
		ippGetStatusCode(untrusted) < IPP_STATUS_REDIRECTION_OTHER_SITE) {
		*ret_untrusted = untrusted;
		*ret_used = input.used;
		return 0;
	}
	ippDelete(untrusted);
	return state == IPP_STATE_DATA ? -EREMOTEIO : -EBADMSG;
}

bool answer_strings_path(ipp_t *untrusted, char path[static ANSWER_PATH_SIZE])
{
	ipp_attribute_t *a = ippFindAttribute(untrusted, "printer-strings-uri", IPP_TAG_URI);
	const char *uri = a ? ippGetString(a, 0, NULL) : NULL;
	char scheme[32], user[256], host[256];
	int port;

	return uri &&
	       httpSeparateURI(HTTP_URI_CODING_NONE, uri, scheme, sizeof(scheme), user,
		       sizeof(user), host, sizeof(host), &port, path,
		       ANSWER_PATH_SIZE) == HTTP_URI_STATUS_OK &&
	       path[0] == '/' && text_is_line(path) && !strpbrk(path, " \"<>\\#@");
}
