/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device URIs to kinds, by a table of schemes.
 *
 * A row says what the scheme is when nothing else speaks; a few have a word more to say: IPP to a
 * queue of a print server is shared, IPP to this machine that is no queue is a USB printer behind
 * ipp-usb, HPLIP writes the bus into the path, and beh wraps another URI.
 */
#include "host/spool/uri.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum more {
	MORE_NONE,
	MORE_IPP,   /* a queue's path, or this machine */
	MORE_DNSSD, /* a CUPS server's queue announces itself as …/cups */
	MORE_HP,    /* hp:/net/… or hp:/usb/… */
	MORE_BEH,   /* beh:/1/3/60/URI */
};

static const struct {
	const char *scheme;
	enum printer_kind kind;
	enum more more;
} schemes[] = {
	{"ipp", PRINTER_NETWORK, MORE_IPP},
	{"ipps", PRINTER_NETWORK, MORE_IPP},
	{"ipp14", PRINTER_NETWORK, MORE_IPP},
	{"http", PRINTER_NETWORK, MORE_IPP},
	{"https", PRINTER_NETWORK, MORE_IPP},
	{"socket", PRINTER_NETWORK, MORE_NONE},
	{"lpd", PRINTER_NETWORK, MORE_NONE},
	{"dnssd", PRINTER_NETWORK, MORE_DNSSD},
	{"mdns", PRINTER_NETWORK, MORE_DNSSD},
	{"smb", PRINTER_SHARED, MORE_NONE},
	{"implicitclass", PRINTER_SHARED, MORE_NONE},
	{"hp", PRINTER_LOCAL, MORE_HP},
	{"beh", PRINTER_LOCAL, MORE_BEH},
	{"usb", PRINTER_LOCAL, MORE_NONE},
	{"parallel", PRINTER_LOCAL, MORE_NONE},
	{"serial", PRINTER_LOCAL, MORE_NONE},
	{"file", PRINTER_LOCAL, MORE_NONE},
	{"hpfax", PRINTER_LOCAL, MORE_NONE},
};

static bool is_this_machine(const char *host, size_t len)
{
	return (len >= 9 && strncasecmp(host, "localhost", 9) == 0 &&
		       (len == 9 || host[9] == ':' || host[9] == '.')) ||
	       (len >= 4 && strncmp(host, "127.", 4) == 0) ||
	       (len >= 5 && strncmp(host, "[::1]", 5) == 0);
}

static enum printer_kind ipp_kind(const char *rest)
{
	const char *host = strncmp(rest, "//", 2) == 0 ? rest + 2 : rest;
	size_t len = strcspn(host, "/?");
	const char *path = host + len, *at = memrchr(host, '@', len);

	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (strncmp(path, "/printers/", 10) == 0 || strncmp(path, "/classes/", 9) == 0)
		return PRINTER_SHARED;
	return is_this_machine(host, len) ? PRINTER_LOCAL : PRINTER_NETWORK;
}

/* "/1/3/60/socket://…": three parameters, then the URI. */
static enum printer_kind beh_kind(const char *rest)
{
	for (int i = 0; i < 4; i++) {
		rest = strchr(rest, '/');
		if (!rest)
			return PRINTER_LOCAL;
		rest++;
	}
	return strncasecmp(rest, "beh:", 4) == 0 ? PRINTER_LOCAL : uri_kind(rest);
}

enum printer_kind uri_kind(const char *uri)
{
	size_t len = strcspn(uri, ":");
	const char *rest = uri + len + (uri[len] == ':');

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strlen(schemes[i].scheme) != len ||
			strncasecmp(schemes[i].scheme, uri, len) != 0)
			continue;
		switch (schemes[i].more) {
		case MORE_IPP: return ipp_kind(rest);
		case MORE_DNSSD: return strstr(rest, "/cups") ? PRINTER_SHARED : schemes[i].kind;
		case MORE_HP:
			return strncmp(rest, "/net/", 5) == 0 ? PRINTER_NETWORK : PRINTER_LOCAL;
		case MORE_BEH: return beh_kind(rest);
		case MORE_NONE: return schemes[i].kind;
		}
	}
	return PRINTER_LOCAL;
}

enum printer_kind uri_pool_kind(const enum printer_kind *kinds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (kinds[i] != PRINTER_LOCAL)
			return PRINTER_POOL;
	return PRINTER_LOCAL;
}
