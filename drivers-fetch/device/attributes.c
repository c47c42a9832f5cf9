/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device says of itself, rebuilt value by value.
 *
 * A printer's attributes are text from a stranger (CVE-2024-47076, -47175): a model's name with a
 * newline and a quote in it becomes statements of the PPD that is made of it. So nothing is handed
 * on as it came: a new message is built of the attributes that a driver is made of, and each value
 * passes the rule of its type or is left out. Addresses are never taken: the maker of the PPD
 * would fetch them.
 */
#include "drivers-fetch/device/attributes.h"

#include <string.h>

#include "proto/base/text.h"

enum type {
	TYPE_KEYWORD, /* keyword, or a name that looks like one */
	TYPE_TEXT,
	TYPE_MIME,
	TYPE_INTEGER,
	TYPE_ENUM,
	TYPE_BOOLEAN,
	TYPE_RESOLUTION,
	TYPE_COLLECTION,
	TYPE_SIZE, /* integer, or a range of them */
	TYPE_OCTETS,
};

static const struct known {
	const char *name;
	enum type type;
} known[] = {
	{"color-supported", TYPE_BOOLEAN},
	{"copies-supported", TYPE_SIZE},
	{"document-format-supported", TYPE_MIME},
	{"finishings-col-database", TYPE_COLLECTION},
	{"finishing-template-supported", TYPE_KEYWORD},
	{"finishings-default", TYPE_ENUM},
	{"finishings-supported", TYPE_ENUM},
	{"ipp-features-supported", TYPE_KEYWORD},
	{"ipp-versions-supported", TYPE_KEYWORD},
	{"job-account-id-supported", TYPE_BOOLEAN},
	{"job-accounting-user-id-supported", TYPE_BOOLEAN},
	{"landscape-orientation-requested-preferred", TYPE_ENUM},
	{"media-bottom-margin-supported", TYPE_INTEGER},
	{"media-col-database", TYPE_COLLECTION},
	{"media-col-default", TYPE_COLLECTION},
	{"media-col-ready", TYPE_COLLECTION},
	{"media-default", TYPE_KEYWORD},
	{"media-left-margin-supported", TYPE_INTEGER},
	{"media-right-margin-supported", TYPE_INTEGER},
	{"media-size-supported", TYPE_COLLECTION},
	{"media-source-supported", TYPE_KEYWORD},
	{"media-supported", TYPE_KEYWORD},
	{"media-top-margin-supported", TYPE_INTEGER},
	{"media-type-supported", TYPE_KEYWORD},
	{"output-bin-default", TYPE_KEYWORD},
	{"output-bin-supported", TYPE_KEYWORD},
	{"output-mode-default", TYPE_KEYWORD},
	{"output-mode-supported", TYPE_KEYWORD},
	{"pclm-source-resolution-default", TYPE_RESOLUTION},
	{"pclm-source-resolution-supported", TYPE_RESOLUTION},
	{"print-color-mode-default", TYPE_KEYWORD},
	{"print-color-mode-supported", TYPE_KEYWORD},
	{"print-content-optimize-default", TYPE_KEYWORD},
	{"print-content-optimize-supported", TYPE_KEYWORD},
	{"print-quality-default", TYPE_ENUM},
	{"print-quality-supported", TYPE_ENUM},
	{"print-rendering-intent-default", TYPE_KEYWORD},
	{"print-rendering-intent-supported", TYPE_KEYWORD},
	{"print-scaling-default", TYPE_KEYWORD},
	{"print-scaling-supported", TYPE_KEYWORD},
	{"printer-make-and-model", TYPE_TEXT},
	{"printer-output-tray", TYPE_OCTETS},
	{"printer-resolution-default", TYPE_RESOLUTION},
	{"printer-resolution-supported", TYPE_RESOLUTION},
	{"pwg-raster-document-resolution-supported", TYPE_RESOLUTION},
	{"pwg-raster-document-sheet-back", TYPE_KEYWORD},
	{"pwg-raster-document-type-supported", TYPE_KEYWORD},
	{"sides-default", TYPE_KEYWORD},
	{"sides-supported", TYPE_KEYWORD},
	{"urf-supported", TYPE_KEYWORD},
	/* members of the collections */
	{"finishing-template", TYPE_KEYWORD},
	{"media-bottom-margin", TYPE_INTEGER},
	{"media-color", TYPE_KEYWORD},
	{"media-left-margin", TYPE_INTEGER},
	{"media-right-margin", TYPE_INTEGER},
	{"media-size", TYPE_COLLECTION},
	{"media-size-name", TYPE_KEYWORD},
	{"media-source", TYPE_KEYWORD},
	{"media-top-margin", TYPE_INTEGER},
	{"media-type", TYPE_KEYWORD},
	{"x-dimension", TYPE_SIZE},
	{"y-dimension", TYPE_SIZE},
};

struct taking {
	unsigned int dropped;
};

bool attributes_text(const char *untrusted_text, char *buf, size_t size)
{
	bool any = false;

	text_copy_line(buf, size, untrusted_text);
	for (char *p = buf; *p; p++) {
		if (strchr("\":;<>\\`/%*()$|&{}", *p))
			*p = ' ';
		any |= *p != ' ';
	}
	return any;
}

/* A keyword as it may become a word of a PPD: at most 63 bytes, not beginning with a sign. */
static bool is_keyword(const char *s)
{
	return s && text_is_keyword(s) && strlen(s) < 64 && !strchr(".-_", *s);
}

static bool is_string(ipp_tag_t tag, enum type type)
{
	if (type == TYPE_TEXT)
		return tag == IPP_TAG_TEXT || tag == IPP_TAG_TEXTLANG || tag == IPP_TAG_NAME ||
		       tag == IPP_TAG_NAMELANG;
	if (type == TYPE_MIME)
		return tag == IPP_TAG_MIMETYPE;
	return tag == IPP_TAG_KEYWORD || tag == IPP_TAG_NAME || tag == IPP_TAG_NAMELANG;
}

static bool take_string(
	ipp_t *to, ipp_attribute_t **attr, ipp_attribute_t *from, const struct known *as, int i)
{
	static const ipp_tag_t tags[] = {[TYPE_KEYWORD] = IPP_TAG_KEYWORD,
		[TYPE_TEXT] = IPP_TAG_TEXT,
		[TYPE_MIME] = IPP_TAG_MIMETYPE};
	const char *value = ippGetString(from, i, NULL);
	char text[ATTRIBUTES_TEXT_MAX + 1];

	if (!value || !is_string(ippGetValueTag(from), as->type))
		return false;
	if (as->type == TYPE_TEXT) {
		if (!attributes_text(value, text, sizeof(text)))
			return false;
		value = text;
	} else if (as->type == TYPE_MIME ? !text_is_mime(value) : !is_keyword(value)) {
		return false;
	}
	if (*attr)
		return ippSetString(to, attr, ippGetCount(*attr), value);
	*attr = ippAddString(to, IPP_TAG_PRINTER, tags[as->type], as->name, NULL, value);
	return *attr != NULL;
}

static bool take_number(
	ipp_t *to, ipp_attribute_t **attr, ipp_attribute_t *from, const struct known *as, int i)
{
	ipp_tag_t tag = as->type == TYPE_ENUM ? IPP_TAG_ENUM : IPP_TAG_INTEGER;
	int value, upper;

	if (as->type == TYPE_SIZE && ippGetValueTag(from) == IPP_TAG_RANGE) {
		value = ippGetRange(from, i, &upper);
		if (value < 0 || upper < value || *attr)
			return false;
		*attr = ippAddRange(to, IPP_TAG_PRINTER, as->name, value, upper);
		return *attr != NULL;
	}
	value = ippGetInteger(from, i);
	if (ippGetValueTag(from) != tag || value < 0 || (*attr && ippGetValueTag(*attr) != tag))
		return false;
	if (*attr)
		return ippSetInteger(to, attr, ippGetCount(*attr), value);
	*attr = ippAddInteger(to, IPP_TAG_PRINTER, tag, as->name, value);
	return *attr != NULL;
}

static bool take_resolution(
	ipp_t *to, ipp_attribute_t **attr, ipp_attribute_t *from, const struct known *as, int i)
{
	ipp_res_t units;
	int x, y = 0;

	if (ippGetValueTag(from) != IPP_TAG_RESOLUTION)
		return false;
	x = ippGetResolution(from, i, &y, &units);
	if (x < 1 || x > 100000 || y < 1 || y > 100000 ||
		(units != IPP_RES_PER_INCH && units != IPP_RES_PER_CM))
		return false;
	if (*attr)
		return ippSetResolution(to, attr, ippGetCount(*attr), units, x, y);
	*attr = ippAddResolution(to, IPP_TAG_PRINTER, as->name, units, x, y);
	return *attr != NULL;
}

/* printer-output-tray (PWG 5100.13): "type=…;pagedelivery=faceUp;…". */
static bool take_octets(
	ipp_t *to, ipp_attribute_t **attr, ipp_attribute_t *from, const struct known *as, int i)
{
	int size = 0;
	const unsigned char *bytes;

	if (ippGetValueTag(from) != IPP_TAG_STRING)
		return false;
	bytes = ippGetOctetString(from, i, &size);
	if (!bytes || size < 1 || size > 255)
		return false;
	for (int n = 0; n < size; n++)
		if (bytes[n] < ' ' || bytes[n] > '~')
			return false;
	if (*attr)
		return ippSetOctetString(to, attr, ippGetCount(*attr), bytes, size);
	*attr = ippAddOctetString(to, IPP_TAG_PRINTER, as->name, bytes, size);
	return *attr != NULL;
}

static ipp_t *take_all(struct taking *t, ipp_t *from, int depth);

static bool take_collection(struct taking *t, ipp_t *to, ipp_attribute_t **attr,
	ipp_attribute_t *from, const struct known *as, int i, int depth)
{
	bool taken = false;
	ipp_t *inner;

	if (ippGetValueTag(from) != IPP_TAG_BEGIN_COLLECTION || depth >= ATTRIBUTES_DEPTH_MAX)
		return false;
	inner = take_all(t, ippGetCollection(from, i), depth + 1);
	if (!inner)
		return false;
	if (!ippFirstAttribute(inner)) {
		taken = false; /* nothing of it is left */
	} else if (*attr) {
		taken = ippSetCollection(to, attr, ippGetCount(*attr), inner);
	} else {
		*attr = ippAddCollection(to, IPP_TAG_PRINTER, as->name, inner);
		taken = *attr != NULL;
	}
	ippDelete(inner); /* it counts its users */
	return taken;
}

static bool take_value(struct taking *t, ipp_t *to, ipp_attribute_t **attr, ipp_attribute_t *from,
	const struct known *as, int i, int depth)
{
	switch (as->type) {
	case TYPE_KEYWORD:
	case TYPE_TEXT:
	case TYPE_MIME: return take_string(to, attr, from, as, i);
	case TYPE_INTEGER:
	case TYPE_SIZE:
	case TYPE_ENUM: return take_number(to, attr, from, as, i);
	case TYPE_RESOLUTION: return take_resolution(to, attr, from, as, i);
	case TYPE_OCTETS: return take_octets(to, attr, from, as, i);
	case TYPE_COLLECTION: return take_collection(t, to, attr, from, as, i, depth);
	case TYPE_BOOLEAN:
		if (ippGetValueTag(from) != IPP_TAG_BOOLEAN || *attr)
			return false;
		*attr = ippAddBoolean(to, IPP_TAG_PRINTER, as->name, (char)ippGetBoolean(from, i));
		return *attr != NULL;
	}
	return false;
}

static const struct known *known_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

static ipp_t *take_all(struct taking *t, ipp_t *from, int depth)
{
	ipp_t *to = ippNew();
	ipp_attribute_t *a;

	for (a = to ? ippFirstAttribute(from) : NULL; a; a = ippNextAttribute(from)) {
		const struct known *as = known_find(ippGetName(a));
		ipp_attribute_t *made = NULL;
		int count = ippGetCount(a);

		if (!as || ippFindAttribute(to, as->name, IPP_TAG_ZERO)) {
			t->dropped++;
			continue;
		}
		for (int i = 0; i < count; i++)
			if (i >= ATTRIBUTES_VALUES_MAX ||
				!take_value(t, to, &made, a, as, i, depth))
				t->dropped++;
	}
	return to;
}

ipp_t *attributes_take(ipp_t *untrusted, unsigned int *ret_dropped)
{
	struct taking t = {0};
	ipp_t *to = take_all(&t, untrusted, 0);

	*ret_dropped = t.dropped;
	return to;
}
