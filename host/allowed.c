/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest may ask of a job.
 *
 * A deny-list would always be one attribute behind: job-hold-until releases a held job, the
 * priority jumps a queue, a user's name speaks for somebody else, notify-* makes the host send
 * mail. So only what shapes pages passes: the attributes below, and what the printer's driver
 * offers as its own, which platen-fetch has written beside the cleaned driver.
 */
#include "host/allowed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "host/fetcher.h"
#include "host/printer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LIST_MAX (256 * 1024) /* bytes: 2,000 names of 127 */

/* Attributes that any job may have. */
static const char *const standard[] = {"blackplot", "brightness", "chroma-key", "collate",
	"columns", "cpi", "cupsPrintQuality", "finishing-template", "finishings", "finishings-col",
	"fit-to-page", "fitplot", "fill", "gamma", "hue", "imposition-template",
	"job-accounting-user-id", "job-billing", "job-pages-per-set", "job-sheet-message",
	"job-sheets", "landscape", "lpi", "media", "media-bottom-margin", "media-col",
	"media-left-margin", "media-right-margin", "media-size", "media-source", "media-top-margin",
	"media-type", "mirror", "multiple-document-handling", "natural-scaling", "number-up",
	"number-up-layout", "orientation-requested", "output-bin", "output-mode", "outputbin",
	"page-border", "page-bottom", "page-delivery", "page-left", "page-ranges", "page-right",
	"page-set", "page-top", "PageRegion", "PageSize", "pdfAutoRotate", "penwidth", "position",
	"ppi", "presentation-direction-number-up", "prettyprint", "print-color-mode",
	"print-content-optimize", "print-quality", "print-rendering-intent", "print-scaling",
	"printer-resolution", "profile", "saturation", "scaling", "sides", "wrap",
	"x-image-position", "x-image-shift", "y-image-position", "y-image-shift"};

static bool is_standard(const char *name)
{
	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (strcasecmp(standard[i], name) == 0)
			return true;
	return false;
}

/* The driver's own options, each between two newlines; NULL: none are known. */
static char *driver_options(const struct host *host, const uint8_t driver[static SHA256_SIZE])
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *names = malloc(LIST_MAX + 2);
	char path[256];
	ssize_t n;

	(void)fetcher_driver_path(host, driver, path);
	memcpy(path + strlen(path) - strlen(".ppd.gz"), ".options", sizeof(".options"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !names)
		return NULL;
	names[0] = '\n';
	n = read(fd, names + 1, LIST_MAX);
	if (n < 0)
		return NULL;
	names[n + 1] = '\0';
	return steal_ptr(names);
}

static bool is_drivers(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = names; at && (at = strchr(at, '\n')); at++)
		if (strncmp(at + 1, name, n) == 0 && at[n + 1] == '\n')
			return true;
	return false;
}

static void note(char names[static TEXT_SIZE], const char *name)
{
	size_t used = strlen(names);

	(void)snprintf(names + used, TEXT_SIZE - used, "%s%s", used ? ", " : "", name);
}

/* Whether a driver was made of IPP attributes, the device's or those the spooler reports. */
static bool is_of_device(const struct host *host, const uint8_t driver[static SHA256_SIZE])
{
	const struct printer *printer;

	TAILQ_FOREACH(printer, &host->printers, link)
	if (memcmp(printer->driver.sha256, driver, SHA256_SIZE) == 0 &&
		(printer->driver.provenance == FETCH_DEVICE ||
			printer->driver.provenance == FETCH_GENERIC))
		return true;
	return false;
}

uint32_t allowed_options(const struct host *host, const uint8_t driver[static SHA256_SIZE],
	const struct message_job_open *open, struct submit_open *submission,
	char ret_names[static TEXT_SIZE])
{
	_cleanup_free_ char *names = driver_options(host, driver);
	const char *name, *value;
	uint32_t pos = 0, left_out = 0;

	ret_names[0] = '\0';
	submission->of_device = is_of_device(host, driver);
	while (options_next(open->options, open->options_size, &pos, &name, &value)) {
		if (is_standard(name) || is_drivers(names, name)) {
			(void)options_add(submission->options, sizeof(submission->options),
				&submission->options_size, name, value); /* no more than came */
			continue;
		}
		note(ret_names, name);
		left_out++;
	}
	return left_out;
}
