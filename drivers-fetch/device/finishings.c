/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device can do with paper, without a loss.
 *
 * libcupsfilters sorts finishings into options by place: staples, bindings and stitches; folds;
 * punches; cuts; a booklet. One that has no place, "staple" as the printer thinks best, and what
 * fits into no such option, a cover or a lamination, it leaves out. They become choices of the
 * same options, by the words that libcups has for them, or switches of their own; cupsd takes each
 * by its *cupsIPPFinishings.
 */
#include "drivers-fetch/device/finishings.h"

#include <string.h>

#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/strings.h"

static const struct {
	int value;	     /* of the enum */
	const char *keyword; /* its name */
	const char *option, *option_text;
	const char *choice, *choice_text; /* NULL: the option is a switch */
} known[FINISHINGS_COUNT] = {
	{4, "staple", "StapleLocation", "Staple", "SingleAuto", "Staple"},
	{7, "bind", "StapleLocation", "Staple", "BindAuto", "Bind"},
	{9, "edge-stitch", "StapleLocation", "Staple", "EdgeStitchAuto", "Edge Stitch"},
	{5, "punch", "PunchMedia", "Punch", "SingleAuto", "Punch"},
	{6, "cover", "Cover", "Cover", NULL, NULL},
	{12, "bale", "Bale", "Bale", NULL, NULL},
	{14, "jog-offset", "JogOffset", "Offset Each Set", NULL, NULL},
	{15, "coat", "Coat", "Coat", NULL, NULL},
	{16, "laminate", "Laminate", "Laminate", NULL, NULL},
};

struct finishings finishings_missing(ipp_t *attributes, const char *ppd)
{
	ipp_attribute_t *a = ippFindAttribute(attributes, "finishings-supported", IPP_TAG_ENUM);
	struct finishings f = {0};
	char line[64];

	for (size_t i = 0; a && i < FINISHINGS_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "\n*cupsIPPFinishings %d/", known[i].value);
		f.missing[i] = ippContainsInteger(a, known[i].value) && !strstr(ppd, line);
	}
	return f;
}

static const char *text_of(size_t i, const char *names, char buf[static STRINGS_LINE_MAX])
{
	char key[32];

	(void)snprintf(key, sizeof(key), "finishings.%d", known[i].value);
	if (names && strings_find(names, key, buf))
		return buf;
	return known[i].choice ? known[i].choice_text : known[i].option_text;
}

static void put_choice(size_t i, const char *names, FILE *out)
{
	char buf[STRINGS_LINE_MAX];

	fprintf(out, "*%s %s/%s: \"\"\n*cupsIPPFinishings %d/%s: \"*%s %s\"\n", known[i].option,
		known[i].choice, text_of(i, names, buf), known[i].value, known[i].keyword,
		known[i].option, known[i].choice);
}

void finishings_put_choices(struct finishings *f, const char *option, const char *names, FILE *out)
{
	for (size_t i = 0; i < FINISHINGS_COUNT; i++) {
		if (!f->missing[i] || !known[i].choice || strcmp(known[i].option, option) != 0)
			continue;
		put_choice(i, names, out);
		f->missing[i] = false;
	}
}

static void put_switch(size_t i, const char *names, FILE *out)
{
	char buf[STRINGS_LINE_MAX];
	const char *option = known[i].option;

	fprintf(out,
		"*OpenUI *%s/%s: Boolean\n*OrderDependency: 10 AnySetup *%s\n"
		"*Default%s: False\n*%s False/Off: \"\"\n*%s True/On: \"\"\n"
		"*cupsIPPFinishings %d/%s: \"*%s True\"\n*CloseUI: *%s\n",
		option, text_of(i, names, buf), option, option, option, option, known[i].value,
		known[i].keyword, option, option);
}

void finishings_put_rest(struct finishings *f, const char *names, FILE *out)
{
	for (size_t i = 0; i < FINISHINGS_COUNT; i++) {
		const char *option = known[i].option;

		if (!f->missing[i])
			continue;
		if (!known[i].choice) {
			put_switch(i, names, out);
			continue;
		}
		fprintf(out,
			"*OpenUI *%s/%s: PickOne\n*OrderDependency: 10 AnySetup *%s\n"
			"*Default%s: None\n*%s None/None: \"\"\n",
			option, known[i].option_text, option, option, option);
		finishings_put_choices(f, option, names, out);
		fprintf(out, "*CloseUI: *%s\n", option);
	}
}
