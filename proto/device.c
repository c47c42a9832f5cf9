/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device URI reduced to what it points at, and hashed.
 *
 * The guest learns no address this way (beyond what guessing one yields), and the two sides need
 * no common idea of schemes: a queue at a print server is told apart by its name, a device by its
 * host alone. Loopback keeps its port, since there many printers share one host.
 */
#include "proto/device.h"

#include <ctype.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_SIZE 1024

static bool is_scheme(const char *scheme, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(scheme, name, len) == 0;
}

/* What stands behind "://" is no host: no other machine can have a queue for the same device. */
static bool is_local(const char *scheme, size_t len)
{
	return is_scheme(scheme, len, "usb") || is_scheme(scheme, len, "file") ||
	       is_scheme(scheme, len, "parallel") || is_scheme(scheme, len, "serial") ||
	       is_scheme(scheme, len, "implicitclass");
}

static bool is_loopback(const char *host, size_t len)
{
	return (len >= 4 && strncmp(host, "127.", 4) == 0) ||
	       (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
	       (len == 5 && strncmp(host, "[::1]", 5) == 0);
}

/* The queue's name when the path is that of a print server's queue, else NULL. An SMB path may
 * begin with a workgroup in the host's place, so the whole of it counts. */
static const char *queue_of(
	const char *scheme, size_t scheme_len, const char *path, size_t *ret_len)
{
	const char *end = "?/";

	if (is_scheme(scheme, scheme_len, "smb")) {
		path += *path == '/';
		end = "?";
	} else if (is_scheme(scheme, scheme_len, "lpd")) {
		path += *path == '/';
	} else if (strncmp(path, "/printers/", 10) == 0) {
		path += 10;
	} else if (strncmp(path, "/classes/", 9) == 0) {
		path += 9;
	} else {
		return NULL;
	}
	*ret_len = strcspn(path, end);
	return path;
}

void device_digest(const char *uri, uint8_t ret_digest[static SHA256_SIZE])
{
	char key[KEY_SIZE];
	struct sha256_ctx sha;
	const char *host = strstr(uri, "://"), *queue, *port;
	size_t scheme_len, host_len, queue_len = 0, used = 0;

	memset(ret_digest, 0, SHA256_SIZE);
	if (!host)
		return;
	scheme_len = (size_t)(host - uri);
	if (is_local(uri, scheme_len))
		return;
	host += 3;
	host_len = strcspn(host, "/?");
	if (memchr(host, '@', host_len)) {
		const char *at = memrchr(host, '@', host_len);

		host_len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	queue = queue_of(uri, scheme_len, host + host_len, &queue_len);
	port = host[0] == '[' ? memchr(host, ']', host_len) : host;
	port = port ? memchr(port, ':', (size_t)(host + host_len - port)) : NULL;
	if (port && !is_loopback(host, (size_t)(port - host)))
		host_len = (size_t)(port - host);
	if (host_len == 0 || host_len + 256 > sizeof(key))
		return;
	for (size_t i = 0; i < host_len; i++)
		key[used++] = (char)tolower((unsigned char)host[i]);
	if (queue)
		used += (size_t)snprintf(
			key + used, sizeof(key) - used, "/%.*s", (int)queue_len, queue);
	if (used >= sizeof(key))
		used = sizeof(key) - 1;
	sha256_init(&sha);
	sha256_update(&sha, used, (const uint8_t *)key);
	sha256_digest(&sha, SHA256_SIZE, ret_digest);
}
