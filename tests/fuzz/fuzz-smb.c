/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Windows-type print server's words and its device URI: what becomes an argument of samba's tools
 * has only plain signs, and what is shown is one line.
 *
 * The first byte says what the rest is: 0 a device URI, 1 the path of a file, else what
 * rpcclient(1) prints of a driver.
 */
#include <string.h>

#include "drivers-fetch/smb-parse.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

#define ENDS(a) PROMISE(memchr(a, '\0', sizeof(a)))

/* No sign that begins another command, nor a way up or out. */
static void look_at_path(const char *path)
{
	PROMISE(path[0] && path[0] != '/' && path[0] != '-' && path[0] != '.');
	PROMISE(!strstr(path, "..") || !strstr(path, "/.."));
	PROMISE(!strpbrk(path, "\\\"';!|&$`<>*?~#%\n\r\t"));
	PROMISE(text_is_line(path));
}

static void uri(const char *text)
{
	struct smb_uri u;

	if (!smb_parse_uri(text, &u))
		return;
	PROMISE(smb_is_uri(text));
	ENDS(u.user);
	ENDS(u.password);
	ENDS(u.workgroup);
	ENDS(u.port);
	PROMISE(u.server[0] && u.server[0] != '-' && !strpbrk(u.server, "/\\\"; !$`&|"));
	PROMISE(u.printer[0] && !strpbrk(u.printer, "/\\\";\n\r"));
	PROMISE(strspn(u.port, "0123456789") == strlen(u.port));
}

static void driver(const char *text)
{
	struct smb_driver d;

	if (!smb_parse_driver(text, &d))
		return;
	PROMISE(text_terminated(d.name, sizeof(d.name)) && text_is_line(d.name));
	PROMISE(text_terminated(d.architecture, sizeof(d.architecture)));
	PROMISE(text_is_line(d.architecture));
	PROMISE(text_terminated(d.catalog, sizeof(d.catalog)) && text_is_line(d.catalog));
	ENDS(d.version);
	PROMISE(text_is_line(d.version) && d.file_count <= SMB_FILES_MAX);
	for (unsigned int i = 0; i < d.file_count; i++)
		PROMISE(text_terminated(d.files[i], sizeof(d.files[i])) &&
			text_is_line(d.files[i]));
	if (d.ppd[0])
		look_at_path(d.ppd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, path[64];

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	PROMISE(text);
	if (data[0] == 0)
		uri(text);
	else if (data[0] == 1 && smb_parse_path(text, path, sizeof(path)))
		look_at_path(path);
	else if (data[0] > 1)
		driver(text);
	free(text);
	return 0;
}
