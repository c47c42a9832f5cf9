/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Windows-type print server is called, and what it calls its files.
 *
 * The device URI is the admin's; the names of files are the server's, and hostile. They become
 * arguments of samba's tools, for which a quote, ';' or '!' begins a command: so a name is taken
 * only when each of its characters is known to be plain, and is never mended. So is the rest of
 * what rpcclient prints: a server may put any text into it, a line of another field included, and
 * gains no more by it than by that field.
 */
#include "drivers-fetch/smb-parse.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/text.h"

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
	if (!host || !decode(p, host, uri->server, sizeof(uri->server)) || uri->server[0] == '-')
		return false;
	for (p = uri->server; *p; p++)
		if (!is_plain(*p) || strchr(" +()", *p))
			return false;
	return true;
}

bool smb_is_uri(const char *uri)
{
	return strncasecmp(uri, "smb://", 6) == 0;
}

bool smb_parse_uri(const char *text, struct smb_uri *ret_uri)
{
	const char *p, *at, *colon, *slash, *last;
	struct smb_uri uri = {0};

	if (!smb_is_uri(text))
		return false;
	p = text + 6;
	last = strrchr(p, '/');
	if (!last || !decode(last + 1, strlen(last + 1), uri.printer, sizeof(uri.printer)) ||
		!*uri.printer || strpbrk(uri.printer, "/\\\";"))
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

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), n = strlen(suffix);

	return length > n && strcasecmp(name + length - n, suffix) == 0;
}

/* One file of a driver, by its UNC path. */
static void take_file(struct smb_driver *driver, const char *unc)
{
	const char *slash = strrchr(unc, '\\'), *name = slash ? slash + 1 : unc;
	char path[sizeof(driver->ppd)];

	if (!*name)
		return;
	if (driver->file_count < SMB_FILES_MAX)
		text_copy_line(driver->files[driver->file_count++], sizeof(driver->files[0]), name);
	if (!driver->ppd[0] && has_suffix(name, ".ppd") && smb_parse_path(unc, path, sizeof(path)))
		memcpy(driver->ppd, path, sizeof(path));
	if (has_suffix(name, ".cat")) {
		text_copy_line(driver->catalog, sizeof(driver->catalog), name);
		driver->is_signed = true;
	}
}

/* MS-RPRN 2.2.2.4.8: four words of 16 bits. */
static void take_version(struct smb_driver *driver, const char *value)
{
	uint64_t v = strtoull(value, NULL, 16);

	if (v)
		(void)snprintf(driver->version, sizeof(driver->version), "%u.%u.%u.%u",
			(unsigned int)(v >> 48), (unsigned int)(v >> 32 & 0xffff),
			(unsigned int)(v >> 16 & 0xffff), (unsigned int)(v & 0xffff));
}

static void take_field(struct smb_driver *driver, const char *name, const char *value)
{
	static const char *const files[] = {
		"Driver Path", "Datafile", "Configfile", "Helpfile", "Dependentfiles"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(name, files[i]) == 0)
			return take_file(driver, value);
	if (strcmp(name, "Driver Name") == 0)
		text_copy_line(driver->name, sizeof(driver->name), value);
	else if (strcmp(name, "Version") == 0)
		(void)snprintf(driver->version, sizeof(driver->version), "type %lu",
			strtoul(value, NULL, 16));
	else if (strcmp(name, "Driver Version") == 0)
		take_version(driver, value);
	else if (strcmp(name, "Printer Driver Attributes") == 0 && strtoull(value, NULL, 16) & 1)
		driver->is_signed = true; /* PRINTER_DRIVER_PACKAGE_AWARE */
}

/* `\tName: [value]` in its parts; false for any other line. */
static bool split_field(
	const char *line, size_t length, char name[static 64], char value[static 512])
{
	const char *colon = memmem(line, length, ": [", 3);
	size_t n;

	if (line[0] != '\t' || !colon || line[length - 1] != ']')
		return false;
	n = (size_t)(colon - line) - 1;
	if (n >= 64 || (size_t)(line + length - 1 - (colon + 3)) >= 512)
		return false;
	(void)snprintf(name, 64, "%.*s", (int)n, line + 1);
	(void)snprintf(value, 512, "%.*s", (int)(line + length - 1 - (colon + 3)), colon + 3);
	return true;
}

/* What one section is worth to us. */
static int worth(const struct smb_driver *driver)
{
	return 1 + (driver->ppd[0] ? 2 : 0) + (strstr(driver->architecture, "x64") ? 1 : 0);
}

bool smb_parse_driver(const char *text, struct smb_driver *ret_driver)
{
	struct smb_driver one = {0}, best = {0};
	bool is_open = false, is_found = false;
	char name[64], value[512];

	for (const char *line = text, *end; line && *line; line = *end ? end + 1 : end) {
		size_t length = strcspn(line, "\r\n");

		end = line + length;
		if (length && split_field(line, length, name, value)) {
			if (is_open)
				take_field(&one, name, value);
		} else if (length > 2 && line[0] == '[' && line[length - 1] == ']') {
			if (is_open && (!is_found || worth(&one) > worth(&best)))
				best = one;
			is_found |= is_open;
			one = (struct smb_driver){0};
			(void)snprintf(value, sizeof(value), "%.*s", (int)(length - 2), line + 1);
			text_copy_line(one.architecture, sizeof(one.architecture), value);
			is_open = true;
		}
	}
	if (is_open && (!is_found || worth(&one) > worth(&best)))
		best = one;
	if (is_open)
		*ret_driver = best;
	return is_open;
}
