/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the audit subsystem, taken apart.
 *
 * Its fields are NAME=VALUE with or without quotes, and come in any order. A name of a file may be
 * anything that somebody called a file, so each value is taken for a text and nothing more; the
 * kernel writes one with odd bytes in hexadecimal, which is left so.
 */
#include "host/ctl/denial.h"

#include <stddef.h>
#include <string.h>

#include "proto/base/text.h"

static void take(char *buf, size_t size, const char *begin, size_t length)
{
	char value[512];

	if (length >= sizeof(value))
		length = sizeof(value) - 1;
	memcpy(value, begin, length);
	value[length] = '\0';
	text_copy_line(buf, size, value);
}

/* The value of a field; a name that only ends like it is another field. */
static void field(const char *line, const char *name, char *buf, size_t size)
{
	size_t length = strlen(name);
	const char *at = line;

	buf[0] = '\0';
	while ((at = strstr(at, name))) {
		const char *value = at + length + 1;

		if ((at > line && at[-1] != ' ' && at[-1] != '(') || at[length] != '=') {
			at += length;
			continue;
		}
		if (*value == '"')
			take(buf, size, value + 1, strcspn(value + 1, "\""));
		else
			take(buf, size, value, strcspn(value, " "));
		return;
	}
}

bool denial_read(const char *untrusted_line, struct denial *ret_denial)
{
	const char *avc = strstr(untrusted_line, "avc:  denied  {");
	struct denial d = {.selinux = avc != NULL};

	if (avc && strstr(avc, " permissive=1")) /* noted, and let be */
		return false;
	if (!avc && !strstr(untrusted_line, "apparmor=\"DENIED\""))
		return false;
	field(untrusted_line, "comm", d.who, sizeof(d.who));
	field(untrusted_line, avc ? "scontext" : "profile", d.profile, sizeof(d.profile));
	field(untrusted_line, "name", d.name, sizeof(d.name));
	if (avc && !d.name[0])
		field(untrusted_line, "path", d.name, sizeof(d.name));
	if (avc) {
		avc += strlen("avc:  denied  {");
		avc += strspn(avc, " ");
		take(d.operation, sizeof(d.operation), avc, strcspn(avc, " }"));
	} else {
		field(untrusted_line, "operation", d.operation, sizeof(d.operation));
	}
	*ret_denial = d;
	return strncmp(d.who, "platen", 6) == 0 || strncmp(d.profile, "platen", 6) == 0 ||
	       strstr(d.name, "/platen") != NULL;
}
