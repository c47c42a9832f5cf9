/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing one IPP request.
 *
 * The answer is hostile and is parsed by libcups in platen-device, which may not use the network;
 * the question is five attributes of ours, and is written here so that the network stays with
 * libcurl and its limits.
 */
#include "drivers-fetch/ipp-request.h"

#include <stdbool.h>
#include <string.h>

enum {
	TAG_OPERATION = 0x01, /* RFC 8010 3.5.1 */
	TAG_END = 0x03,
	TAG_KEYWORD = 0x44, /* RFC 8010 3.5.2 */
	TAG_URI = 0x45,
	TAG_CHARSET = 0x47,
	TAG_LANGUAGE = 0x48,
};

struct writer {
	uint8_t *buf;
	size_t used;
	bool full;
};

static void put(struct writer *w, const void *bytes, size_t size)
{
	if (w->full || size > IPP_REQUEST_MAX - w->used) {
		w->full = true;
		return;
	}
	memcpy(w->buf + w->used, bytes, size);
	w->used += size;
}

static void put_counted(struct writer *w, const char *s)
{
	size_t n = strlen(s);
	uint8_t head[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	put(w, head, sizeof(head));
	put(w, s, n);
}

/* An empty name is one more value of the attribute before it. */
static void put_attribute(struct writer *w, uint8_t tag, const char *name, const char *value)
{
	put(w, &tag, 1);
	put_counted(w, name);
	put_counted(w, value);
}

static void begin(struct writer *w, const char *printer_uri, const char *language)
{
	static const uint8_t head[] = {2, 0, 0x00, 0x0B, 0, 0, 0, 1, TAG_OPERATION};

	put(w, head, sizeof(head));
	put_attribute(w, TAG_CHARSET, "attributes-charset", "utf-8");
	put_attribute(w, TAG_LANGUAGE, "attributes-natural-language", language);
	put_attribute(w, TAG_URI, "printer-uri", printer_uri);
}

static size_t end(struct writer *w)
{
	static const uint8_t tag = TAG_END;

	put(w, &tag, 1);
	return w->full ? 0 : w->used;
}

size_t ipp_request_write(const char *printer_uri, uint8_t buf[static IPP_REQUEST_MAX])
{
	struct writer w = {.buf = buf};

	begin(&w, printer_uri, "en");
	put_attribute(&w, TAG_KEYWORD, "requested-attributes", "all");
	put_attribute(&w, TAG_KEYWORD, "", "media-col-database");
	return end(&w);
}

size_t ipp_request_names_write(
	const char *printer_uri, const char *language, uint8_t buf[static IPP_REQUEST_MAX])
{
	struct writer w = {.buf = buf};

	begin(&w, printer_uri, language);
	put_attribute(&w, TAG_KEYWORD, "requested-attributes", "printer-strings-uri");
	return end(&w);
}
