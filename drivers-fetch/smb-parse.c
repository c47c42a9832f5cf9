/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Windows-type print server is called, and what it calls its files.
 *
 * The device URI is the admin's; the names of files are the server's, and hostile. They become
 * arguments of samba's tools, for which a quote, ';' or '!' begins a command: so a name is taken
 * only when each of its characters is known to be plain, and is never mended.
 */
#include "drivers-fetch/smb-parse.h"

#include <string.h>
#include <strings.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes `length` bytes (RFC 3986 2.1). False: too long, a broken escape, a control character. */
static bool decode(const char *from, size_t length, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = from[i];

		if (c == '%') {
			if (length - i < 3 || hex(from[i + 1]) < 0 || hex(from[i + 2]) < 0)
				return false;
			c = (char)(hex(from[i + 1]) << 4 | hex(from[i + 2]));
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f || used + 1 >= size)
			return false;
		buf[used++] = c;
	}
	buf[used] = '\0';
	return true;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._-+ ()", c));
}

static bool parse_server(const char *p, size_t length, struct smb_uri *uri)
{
	const char *colon = memchr(p, ':', length);
	size_t host = colon ? (size_t)(colon - p) : length;

	if (colon && (length - host < 2 || !decode(colon + 1, length - host - 1, uri->port, 6) ||
			     strspn(uri->port, "0123456789") != strlen(uri->port)))
		return false;
	if (!host || *p == '-' || !decode(p, host, uri->server, sizeof(uri->server)))
		return false;
	for (p = uri->server; *p; p++)
		if (!is_plain(*p) || strchr(" +()", *p))
			return false;
	return true;
}

bool smb_parse_uri(const char *text, struct smb_uri *ret_uri)
{
	const char *p, *at, *colon, *slash, *last;
	struct smb_uri uri = {0};

	if (strncasecmp(text, "smb://", 6) != 0)
		return false;
	p = text + 6;
	last = strrchr(p, '/');
	if (!last || !decode(last + 1, strlen(last + 1), uri.printer, sizeof(uri.printer)) ||
		!*uri.printer || strpbrk(uri.printer, "/\\\""))
		return false;
	at = memrchr(p, '@', (size_t)(last - p));
	if (at) {
		colon = memchr(p, ':', (size_t)(at - p));
		if (colon && !decode(colon + 1, (size_t)(at - colon - 1), uri.password,
				     sizeof(uri.password)))
			return false;
		if (!decode(p, (size_t)((colon ? colon : at) - p), uri.user, sizeof(uri.user)))
			return false;
		p = at + 1;
	}
	slash = memchr(p, '/', (size_t)(last - p));
	if (slash) {
		if (!decode(p, (size_t)(slash - p), uri.workgroup, sizeof(uri.workgroup)))
			return false;
		p = slash + 1;
	}
	if (memchr(p, '/', (size_t)(last - p)) || !parse_server(p, (size_t)(last - p), &uri))
		return false;
	*ret_uri = uri;
	return true;
}

bool smb_parse_path(const char *untrusted_unc, char *buf, size_t size)
{
	const char *p = untrusted_unc, *share;
	bool begins = true;
	size_t used = 0;

	if (strncmp(p, "\\\\", 2) != 0 || !(share = strchr(p + 2, '\\')) || share == p + 2 ||
		strncasecmp(share, "\\print$\\", 8) != 0 || strlen(share + 8) >= size)
		return false;
	for (p = share + 8; *p; p++) {
		if (*p == '\\' ? begins : !is_plain(*p) || (begins && strchr(".- ", *p)))
			return false;
		begins = *p == '\\';
		buf[used++] = begins ? '/' : *p;
	}
	buf[used] = '\0';
	return !begins;
}
