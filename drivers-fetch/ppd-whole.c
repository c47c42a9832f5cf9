/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for a workspace that renders by itself.
 *
 * Its filters read what the cleaned driver leaves out: their own attributes, and the code that
 * selects a tray. So that passes, as bounded printable text. What does not pass here either is what
 * makes something else run: a filter is one name in the spooler's own folder, never a path or a
 * command line, and foomatic-rip, whose command line stands in the PPD, is no filter that we take
 * (CVE-2024-47175 and after).
 */
#include "drivers-fetch/ppd-whole.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PARTS_MAX 6
#define PART_SIZE 128 /* bytes */

/* Banners are the host's, as are questions about supplies: a command file runs the backend, which
 * also knows the driver by its mark. */
const char ppd_whole_head[] = "*platenRendering: Guest\n"
			      "*cupsFilter: \"application/vnd.cups-command 0 -\"\n"
			      "*APRemoteQueueID: \"\"\n"
			      "*cupsSNMPSupplies: False\n";

static const struct {
	const char *keyword;
	int types; /* media types before the cost */
} lines[] = {{"cupsFilter", 1}, {"cupsFilter2", 2}, {"cupsPreFilter", 1}};

static const char *const commanding[] = {"foomatic-rip", "foomatic-gswrapper", "cupsomatic"};

bool ppd_is_filter(const char *keyword)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strcmp(lines[i].keyword, keyword) == 0)
			return true;
	return false;
}

static bool is_of(const char *s, const char *extra)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789";

	if (!*s)
		return false;
	for (; *s; s++)
		if (!strchr(letters, *s) && !strchr(extra, *s))
			return false;
	return true;
}

static bool is_type(const char *s)
{
	const char *slash = strchr(s, '/');

	return is_of(s, "/*.+-_") && slash && slash != s && slash[1] && !strchr(slash + 1, '/');
}

static bool is_program(const char *s)
{
	if (strcmp(s, "-") == 0)
		return true;
	if (!is_of(s, "._-") || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < sizeof(commanding) / sizeof(commanding[0]); i++)
		if (strcmp(commanding[i], s) == 0)
			return false;
	return true;
}

/* Splits at blanks. Returns the number of parts, or 0 when there are too many or too long ones. */
static int split(const char *value, char parts[PARTS_MAX][PART_SIZE])
{
	int n = 0;

	for (;;) {
		size_t len;

		value += strspn(value, " \t\r\n");
		if (!*value)
			return n;
		len = strcspn(value, " \t\r\n");
		if (n == PARTS_MAX || len >= PART_SIZE)
			return 0;
		memcpy(parts[n], value, len);
		parts[n++][len] = '\0';
		value += len;
	}
}

/* Adds a name to "a,b,c" unless it is there. */
static bool add_name(char filters[static PPD_FILTERS_SIZE], const char *name)
{
	size_t used = strlen(filters), len = strlen(name);

	for (const char *at = filters; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, len) == 0 && (at[len] == ',' || !at[len]))
			return true;
	if (used + len + 2 > PPD_FILTERS_SIZE)
		return false;
	(void)snprintf(filters + used, PPD_FILTERS_SIZE - used, "%s%s", used ? "," : "", name);
	return true;
}

bool ppd_filter_write(const char *keyword, const char *value, char *line, size_t size,
	char filters[static PPD_FILTERS_SIZE], const char **ret_why)
{
	char parts[PARTS_MAX][PART_SIZE];
	int n = split(value, parts), types = 0;
	size_t used;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strcmp(lines[i].keyword, keyword) == 0)
			types = lines[i].types;
	*ret_why = "it is no filter line: types, a cost, a program";
	if (types == 0 || n != types + 2 || strspn(parts[types], "0123456789") == 0 ||
		strlen(parts[types]) > 6 ||
		strspn(parts[types], "0123456789") != strlen(parts[types]))
		return false;
	for (int i = 0; i < types; i++)
		if (!is_type(parts[i]))
			return false;
	*ret_why = "its program is not one of the spooler's own filters by its bare name";
	if (!is_program(parts[types + 1]))
		return false;
	*ret_why = "it names more filters than any driver has";
	if (strcmp(parts[types + 1], "-") != 0 && !add_name(filters, parts[types + 1]))
		return false;
	used = (size_t)snprintf(line, size, "*%s: \"", keyword);
	for (int i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(line + used, size - used, "%s%s", i ? " " : "", parts[i]);
	if (used < size)
		used += (size_t)snprintf(line + used, size - used, "\"\n");
	return used < size;
}

bool ppd_code_is_sound(const char *value)
{
	size_t n = 0;

	for (; *value; value++, n++) {
		if (*value != '\n' && *value != '\r' && *value != '\t' &&
			(*value < ' ' || *value >= 0x7F || *value == '"'))
			return false;
		if ((*value == '\n' || *value == '\r') && value[1] == '*')
			return false; /* for who loses count of quotes, a statement */
		if (*value == '\\' && !value[1])
			return false; /* an escape of nothing: read past by libppd, CVE-2023-4504 */
	}
	return n <= PPD_CODE_MAX;
}

bool ppd_attribute_passes(const char *keyword, const char *value, const char **ret_why)
{
	static const char *const kept[] = {"cupsManualCopies", "cupsColorProfile"};
	static const char *const prefixes[] = {
		"cups", "AP", "foomatic", "platen", "Include", "PPD", "End", "?"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcmp(kept[i], keyword) == 0)
			return ppd_code_is_sound(value);
	*ret_why = "not known to the model, nor a filter's own";
	/* Spoolers look attributes up without regard to case. */
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncasecmp(keyword, prefixes[i], strlen(prefixes[i])) == 0)
			return false;
	*ret_why = "its value is a path";
	if (value[0] == '/' || strstr(value, "../"))
		return false;
	*ret_why = "its value is no bounded printable text";
	return ppd_code_is_sound(value);
}
