/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the PPD: libcupsfilters does it, as it does for driverless(1) and cups-browsed(8).
 *
 * It writes a temporary file, which we unlink and pass on. It offers three print qualities where a
 * device has many resolutions, so these are added as the option that PPDs have for them; the
 * spooler's raster filters know it. Finishings that it leaves out are added likewise.
 */
#include "drivers-fetch/device/ppd-make.h"

#include <cups/cups.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers-fetch/device/finishings.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define RESOLUTIONS_MAX 32
#define PPD_MAX		(4 * 1024 * 1024) /* bytes, as platen-fetch takes */

/* Its header, cupsfilters/ppdgenerator.h, wants the config.h of its own build
 * (libcupsfilters 1.28).
 */
char *ppdCreateFromIPP2(char *buffer, size_t bufsize, ipp_t *response, const char *make_model,
	const char *pdl, int color, int duplex, cups_array_t *conflicts, cups_array_t *sizes,
	char *default_pagesize, const char *default_cluster_color);

#ifdef __SANITIZE_ADDRESS__
__attribute__((weak)) const char *__lsan_default_suppressions(void);

/* LeakSanitizer asks for it, of a test that has a longer list first. libcupsfilters 1.28 forgets a
 * few of the names that it has read of a catalogue with names of the device's own
 * (add_choice_to_array()); we read one or two, and end. */
const char *__lsan_default_suppressions(void)
{
	return "leak:add_choice_to_array";
}
#endif

struct resolution {
	int x, y; /* per inch */
};

static bool resolution_of(ipp_attribute_t *a, int i, struct resolution *ret_resolution)
{
	struct resolution r;
	ipp_res_t units;

	if (!a || i >= ippGetCount(a))
		return false;
	r.x = ippGetResolution(a, i, &r.y, &units);
	if (units == IPP_RES_PER_CM) {
		r.x = r.x * 254 / 100;
		r.y = r.y * 254 / 100;
	}
	*ret_resolution = r;
	return true;
}

static const char *resolution_name(const struct resolution *r, char buf[static 32])
{
	if (r->x == r->y)
		(void)snprintf(buf, 32, "%ddpi", r->x);
	else
		(void)snprintf(buf, 32, "%dx%ddpi", r->x, r->y);
	return buf;
}

static void put_resolutions(ipp_t *attributes, FILE *out)
{
	ipp_attribute_t *all =
		ippFindAttribute(attributes, "printer-resolution-supported", IPP_TAG_RESOLUTION);
	ipp_attribute_t *first =
		ippFindAttribute(attributes, "printer-resolution-default", IPP_TAG_RESOLUTION);
	struct resolution r;
	char name[32];

	if (!all || ippGetCount(all) < 2)
		return;
	fputs("*OpenUI *Resolution/Resolution: PickOne\n"
	      "*OrderDependency: 10 AnySetup *Resolution\n",
		out);
	if (resolution_of(first, 0, &r) || resolution_of(all, 0, &r))
		fprintf(out, "*DefaultResolution: %s\n", resolution_name(&r, name));
	for (int i = 0; i < RESOLUTIONS_MAX && resolution_of(all, i, &r); i++) {
		(void)resolution_name(&r, name);
		fprintf(out, "*Resolution %s/%.*s dpi: \"\"\n", name, (int)strlen(name) - 3, name);
	}
	fputs("*CloseUI: *Resolution\n", out);
}

/* Whether a line says what we say ourselves, or what cannot hold: the constraint that this resolver
 * is for has another name in libcupsfilters 1.28. */
static bool is_left_out(const char *line, bool own_resolutions)
{
	static const char resolution[] = "*DefaultResolution:",
			  resolver[] = "*cupsUIResolver finishing-template:",
			  constraint[] = "*cupsUIConstraint finishing-template:";

	return (own_resolutions && strncmp(line, resolution, sizeof(resolution) - 1) == 0) ||
	       strncmp(line, resolver, sizeof(resolver) - 1) == 0 ||
	       strncmp(line, constraint, sizeof(constraint) - 1) == 0;
}

/* Passes the PPD on, with the choices that it lacks. */
static void copy(const char *ppd, bool own_resolutions, struct finishings *finishings,
	const char *names, FILE *out)
{
	static const char close[] = "*CloseUI: *";
	char option[64];

	for (size_t n; *ppd; ppd += n) {
		n = strcspn(ppd, "\n");
		n += ppd[n] == '\n';
		if (strncmp(ppd, close, sizeof(close) - 1) == 0 &&
			sscanf(ppd + sizeof(close) - 1, "%63[A-Za-z]", option) == 1)
			finishings_put_choices(finishings, option, names, out);
		if (!is_left_out(ppd, own_resolutions))
			(void)fwrite(ppd, 1, n, out);
	}
}

/* The PPD as libcupsfilters makes it, terminated. */
static int generate(ipp_t *attributes, const char *names, char **ret_ppd)
{
	_cleanup_free_ char *ppd = malloc(PPD_MAX + 1);
	ipp_attribute_t *uri = NULL;
	char path[1024];
	char *made;
	FILE *file;
	size_t n;

	if (!ppd)
		return -ENOMEM;
	if (names)
		uri = ippAddString(attributes, IPP_TAG_PRINTER, IPP_TAG_URI, "printer-strings-uri",
			NULL, names);
	made = ppdCreateFromIPP2(
		path, sizeof(path), attributes, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL);
	if (uri)
		ippDeleteAttribute(attributes, uri);
	if (!made)
		return -ENODATA;
	file = fopen(path, "re");
	(void)unlink(path);
	if (!file)
		return -errno;
	n = fread(ppd, 1, PPD_MAX + 1, file);
	(void)fclose(file);
	if (n > PPD_MAX)
		return -EFBIG;
	ppd[n] = '\0';
	*ret_ppd = steal_ptr(ppd);
	return 0;
}

int ppd_make(ipp_t *attributes, const char *names, FILE *out)
{
	ipp_attribute_t *resolutions =
		ippFindAttribute(attributes, "printer-resolution-supported", IPP_TAG_RESOLUTION);
	_cleanup_free_ char *ppd = NULL;
	struct finishings finishings;
	int r;

	if (!ippFindAttribute(attributes, "document-format-supported", IPP_TAG_MIMETYPE))
		return -ENODATA;
	r = generate(attributes, names, &ppd);
	if (r < 0)
		return r;
	finishings = finishings_missing(attributes, ppd);
	copy(ppd, resolutions && ippGetCount(resolutions) > 1, &finishings, names, out);
	finishings_put_rest(&finishings, names, out);
	put_resolutions(attributes, out);
	return fflush(out) == 0 ? 0 : -errno;
}

int ppd_make_generic(ipp_t *attributes)
{
	static const char *const leave[] = {"document-format-supported", "printer-make-and-model",
		"urf-supported", "ipp-features-supported", "finishings-col-database",
		"finishing-template-supported"};
	ipp_attribute_t *model =
		ippFindAttribute(attributes, "printer-make-and-model", IPP_TAG_TEXT);
	char name[256];

	(void)text_printf(name, sizeof(name), "%.127s (generic driver, vendor options are missing)",
		model ? ippGetString(model, 0, NULL) : "Generic printer");
	for (size_t i = 0; i < sizeof(leave) / sizeof(leave[0]); i++)
		ippDeleteAttribute(
			attributes, ippFindAttribute(attributes, leave[i], IPP_TAG_ZERO));
	return ippAddString(attributes, IPP_TAG_PRINTER, IPP_TAG_TEXT, "printer-make-and-model",
		       NULL, name) &&
			       ippAddString(attributes, IPP_TAG_PRINTER, IPP_TAG_MIMETYPE,
				       "document-format-supported", NULL, "application/pdf")
		       ? 0
		       : -ENOMEM;
}
