/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device URI as a queue may have it, or as something on the network gave it: what each of those
 * who read it makes of it agrees with the others, and no credentials get through.
 */
#include <string.h>

#include "drivers-fetch/resolve.h"
#include "drivers-fetch/source.h"
#include "guest/backend/args.h"
#include "host/config.h"
#include "host/spool/uri.h"
#include "proto/base/text.h"
#include "proto/device.h"
#include "tests/fuzz/fuzz.h"

/* A URL that is asked has no user, one host, and is no longer than its buffer. */
static void look_at_url(const char *url, size_t size, const char *first, const char *second)
{
	const char *host;

	PROMISE(strnlen(url, size) < size);
	PROMISE(strncmp(url, first, strlen(first)) == 0 ||
		strncmp(url, second, strlen(second)) == 0);
	host = strstr(url, "://") + 3;
	PROMISE(!memchr(host, '@', strcspn(host, "/")));
	PROMISE(!strpbrk(url, "?#"));
}

static void sources(const char *uri, size_t size)
{
	char *url = malloc(size), *printer_uri = malloc(size), *service = malloc(size);

	PROMISE(url && printer_uri && service);
	if (source_server_url(uri, url, size)) {
		look_at_url(url, size, "http://", "https://");
		PROMISE(strcmp(url + strlen(url) - 4, ".ppd") == 0);
		PROMISE(!source_device_url(uri, url, printer_uri, size));
	} else if (source_device_url(uri, url, printer_uri, size)) {
		look_at_url(url, size, "http://", "https://");
		look_at_url(printer_uri, size, "ipp://", "ipps://");
	}
	if (resolve_service(uri, service, size))
		PROMISE(text_is_line(service) && strlen(service) < size && service[0] != '-');
	/* What came of DNS-SD is asked as it is, unless it is a print server's queue without a
	 * name.
	 */
	if (resolve_is_sound(uri) && strlen(uri) + 16 < size)
		PROMISE(source_server_url(uri, url, size) ||
			source_device_url(uri, url, printer_uri, size) ||
			strstr(uri, "/printers/") || strstr(uri, "/classes/"));
	free(url);
	free(printer_uri);
	free(service);
}

static void queue(const char *uri, size_t size)
{
	char *name = malloc(size), *encoded = malloc(size * 3 + 8), back[128];

	PROMISE(name && encoded);
	if (args_queue(uri, name, size) == 0) {
		PROMISE(text_is_queue(name) && text_terminated(name, size));
		PROMISE(source_encode(name, encoded, size * 3 + 1));
		memmove(encoded + 7, encoded, strlen(encoded) + 1);
		memcpy(encoded, "platen:", 7);
		PROMISE(args_queue(encoded, back, sizeof(back)) == 0 && strcmp(back, name) == 0);
	}
	free(name);
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_server server = {.host = "10.0.0.5"};
	const struct config config = {.servers = &server, .server_count = 1};
	uint8_t digest[SHA256_SIZE];
	enum printer_kind kind;
	char *uri;

	if (size < 1)
		return 0;
	uri = malloc(size);
	PROMISE(uri);
	memcpy(uri, data + 1, size - 1);
	uri[size - 1] = '\0';
	kind = uri_kind(uri);
	PROMISE(kind == PRINTER_NETWORK || kind == PRINTER_SHARED || kind == PRINTER_LOCAL);
	device_digest(uri, digest);
	if (config_server_find(&config, uri))
		PROMISE(strstr(uri, "://"));
	sources(uri, 8 + (size_t)data[0] * 4);
	queue(uri, 1 + (size_t)data[0]);
	free(uri);
	return 0;
}
