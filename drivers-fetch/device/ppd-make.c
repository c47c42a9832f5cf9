/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the PPD: libcupsfilters does it, as it does for driverless(1) and cups-browsed(8).
 *
 * It writes a temporary file, which we unlink and pass on. It offers three print qualities where a
 * device has many resolutions, so these are added as the option that PPDs have for them; the
 * spooler's raster filters know it.
 */
#include "drivers-fetch/device/ppd-make.h"

#include <cups/cups.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/text.h"

#define RESOLUTIONS_MAX 32

/* Its header, cupsfilters/ppdgenerator.h, wants the config.h of its own build
 * (libcupsfilters 1.28).
 */
char *ppdCreateFromIPP2(char *buffer, size_t bufsize, ipp_t *response, const char *make_model,
	const char *pdl, int color, int duplex, cups_array_t *conflicts, cups_array_t *sizes,
	char *default_pagesize, const char *default_cluster_color);

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

/* Passes the file on, but for the default resolution when we have written the option. */
static int copy(FILE *in, bool without_default, FILE *out)
{
	char line[1024];
	bool at_begin = true, skip = false;

	while (fgets(line, sizeof(line), in)) {
		if (at_begin)
			skip = without_default && strncmp(line, "*DefaultResolution:", 19) == 0;
		if (!skip)
			fputs(line, out);
		at_begin = strchr(line, '\n') != NULL;
	}
	return ferror(in) || ferror(out) ? -EIO : 0;
}

int ppd_make(ipp_t *attributes, FILE *out)
{
	ipp_attribute_t *all =
		ippFindAttribute(attributes, "printer-resolution-supported", IPP_TAG_RESOLUTION);
	char path[1024];
	FILE *file;
	int r;

	if (!ippFindAttribute(attributes, "document-format-supported", IPP_TAG_MIMETYPE))
		return -ENODATA;
	if (!ppdCreateFromIPP2(
		    path, sizeof(path), attributes, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL))
		return -ENODATA;
	file = fopen(path, "re");
	(void)unlink(path);
	if (!file)
		return -errno;
	r = copy(file, all && ippGetCount(all) > 1, out);
	(void)fclose(file);
	if (r == 0)
		put_resolutions(attributes, out);
	return fflush(out) == 0 ? r : -errno;
}

int ppd_make_generic(ipp_t *attributes)
{
	static const char *const leave[] = {"document-format-supported", "printer-make-and-model",
		"urf-supported", "ipp-features-supported", "finishing-col-database",
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
