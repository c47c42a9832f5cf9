/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a DNS-SD service is.
 *
 * A queue of a `dnssd:` URI names a service, and its backend finds the printer anew for each job.
 * We ask the same way, by ippfind(1) of CUPS: it speaks with avahi, knows the TXT record's path,
 * and is kept with cupsd. What it says was said by whoever answered on the network, so it is taken
 * only when it is an IPP URI and nothing else.
 */
#include "drivers-fetch/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers-fetch/run.h"
#include "proto/base/text.h"

#define FIND_SEC  "5" /* that ippfind(1) listens */
#define FIND_MSEC 10000
#define FIND_MAX  4096 /* bytes that it may say */

bool resolve_is_needed(const char *device_uri)
{
	char service[256];

	return resolve_service(device_uri, service, sizeof(service));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool resolve_service(const char *device_uri, char *buf, size_t size)
{
	static const char *const types[] = {"._ipp._tcp.", "._ipps._tcp."};
	size_t used = 0;
	const char *p;

	if (strncasecmp(device_uri, "dnssd://", 8) != 0)
		return false;
	for (p = device_uri + 8; *p && *p != '/' && *p != '?'; p++) {
		if (used + 1 >= size)
			return false;
		if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			buf[used++] = (char)(hex(p[1]) << 4 | hex(p[2]));
			if (!buf[used - 1])
				return false;
			p += 2;
		} else {
			buf[used++] = *p;
		}
	}
	buf[used] = '\0';
	if (!text_is_line(buf) || buf[0] == '-' || buf[0] == '_')
		return false;
	return strstr(buf, types[0]) || strstr(buf, types[1]);
}

bool resolve_is_sound(const char *untrusted_uri)
{
	const char *host = untrusted_uri;
	size_t len;

	if (strncmp(host, "ipp://", 6) == 0)
		host += 6;
	else if (strncmp(host, "ipps://", 7) == 0)
		host += 7;
	else
		return false;
	len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]");
	if (len == 0 || len > 255 || host[len] != '/' || !text_is_line(host))
		return false;
	return !strpbrk(host + len, " \"'<>\\`@#?") && !strstr(host + len, "..");
}

int resolve_uri(const char *device_uri, char *uri, size_t size, char ret_why[static 256])
{
	char service[256];
	const char *argv[] = {"ippfind", service, "-T", FIND_SEC, "--print", NULL};
	struct run_answer answer;
	int r;

	if (!resolve_service(device_uri, service, sizeof(service)))
		return -EINVAL;
	r = run_program(argv, NULL, 0, FIND_MAX, FIND_MSEC, &answer);
	if (r == 0 && answer.size) {		/* the first of several is as good as any */
		answer.out[answer.size] = '\0'; /* run_program() leaves room */
		answer.out[strcspn((char *)answer.out, "\r\n")] = '\0';
	}
	if (r == 0 && (answer.size == 0 || !resolve_is_sound((char *)answer.out) ||
			      text_copy(uri, size, (char *)answer.out) < 0))
		r = answer.size ? -EBADMSG : -ENOENT;
	free(answer.out);
	if (r < 0)
		(void)text_printf(ret_why, 256, "%.100s: %s", service,
			r == -ENOENT	? "nobody on the network answers for it (is avahi-daemon "
					  "running, and ippfind there?)"
			: r == -EBADMSG ? "what answers for it gives no proper address"
					: strerror(-r));
	return r;
}
