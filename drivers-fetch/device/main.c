/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-device: a printer's IPP attributes in at standard input, a PPD out at standard output.
 *
 * It is started by platen-fetch, which has the network; this one has none. What it writes is made
 * by libcupsfilters of attributes that were gone over, and is cleaned by platen-fetch like any
 * driver.
 */
#include <cups/cups.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/ppd-make.h"
#include "drivers-fetch/device/sandbox.h"

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: platen-device device | generic\n"
		"Reads an answer to Get-Printer-Attributes at standard input and writes a PPD of\n"
		"it to standard output: of the device itself, or a generic one.\n\n"
		"  -h, --help, --version\n");
	return status;
}

static int fail(int status, const char *why)
{
	fprintf(stderr, "%s\n", why);
	return status;
}

static int make(bool generic)
{
	ipp_t *untrusted = ippNew(), *attributes = NULL;
	unsigned int dropped;
	ipp_state_t state;
	int r;

	do
		state = untrusted ? ippReadFile(STDIN_FILENO, untrusted) : IPP_STATE_ERROR;
	while (state != IPP_STATE_DATA && state != IPP_STATE_ERROR);
	if (state == IPP_STATE_ERROR)
		return fail(1, "the answer is not in order, or was cut off");
	if (ippGetStatusCode(untrusted) >= IPP_STATUS_REDIRECTION_OTHER_SITE)
		return fail(3, "the printer does not tell its attributes");
	attributes = attributes_take(untrusted, &dropped);
	ippDelete(untrusted);
	if (!attributes || (generic && ppd_make_generic(attributes) < 0))
		return fail(1, "out of memory");
	r = ppd_make(attributes, stdout);
	ippDelete(attributes);
	if (r == -ENODATA)
		return fail(3, "it is not a printer that can do without a driver of its own");
	return r < 0 ? fail(1, strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-device %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 2 || (strcmp(argv[1], "device") != 0 && strcmp(argv[1], "generic") != 0))
		return usage(stderr, 2);
	if (sandbox_enter() < 0)
		return fail(1, "the sandbox cannot be entered");
	return make(strcmp(argv[1], "generic") == 0);
}
