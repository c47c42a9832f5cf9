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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers-fetch/device/answer.h"
#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/ppd-make.h"
#include "drivers-fetch/device/sandbox.h"
#include "drivers-fetch/device/strings.h"

/* Bytes: the largest answer that platen-fetch takes, and the largest catalogue behind it. */
#define INPUT_MAX (5 * 1024 * 1024 + 1)

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: platen-device device | generic | strings\n"
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

/* All of standard input, and how much of it is the answer. */
struct input {
	uint8_t *bytes;
	size_t size, used;
};

static int input_fill(struct input *input)
{
	size_t n;

	input->bytes = malloc(INPUT_MAX);
	if (!input->bytes)
		return -ENOMEM;
	n = fread(input->bytes, 1, INPUT_MAX, stdin);
	input->size = n;
	return ferror(stdin) ? -EIO : n == INPUT_MAX ? -EFBIG : 0;
}

/* Reads the answer; what follows it is left unread. */
static int read_answer(struct input *input, ipp_t **ret_untrusted)
{
	int r = input_fill(input);

	if (r == 0)
		r = answer_read(input->bytes, input->size, ret_untrusted, &input->used);
	if (r == 0)
		return 0;
	return r == -EREMOTEIO ? fail(3, "the printer does not tell its attributes")
			       : fail(1, "the answer is not in order, or was cut off");
}

/* The device's own names, if they follow the answer: as a file, which is what libcupsfilters takes.
 */
static void take_strings(const struct input *input, char path[static 1024])
{
	FILE *in = NULL, *out = NULL;
	unsigned int taken = 0;
	int fd;

	if (input->used == input->size)
		return;
	in = fmemopen(input->bytes + input->used, input->size - input->used, "r");
	fd = cupsTempFd(path, 1024);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (in && out)
		taken = strings_take(in, out);
	if (in)
		(void)fclose(in);
	if (out)
		(void)fclose(out);
	if (taken == 0 && fd >= 0) {
		(void)unlink(path);
		path[0] = '\0';
	}
}

static int make(bool generic)
{
	struct input input = {0};
	ipp_t *untrusted, *attributes;
	unsigned int dropped;
	char path[1024] = "";
	int r = read_answer(&input, &untrusted);

	if (r == 0) {
		attributes = attributes_take(untrusted, &dropped);
		ippDelete(untrusted);
		if (!attributes || (generic && ppd_make_generic(attributes) < 0))
			return fail(1, "out of memory");
		if (!generic)
			take_strings(&input, path);
		r = ppd_make(attributes, path[0] ? path : NULL, stdout);
		if (path[0])
			(void)unlink(path);
		ippDelete(attributes);
		if (r == -ENODATA)
			r = fail(3, "it is not a printer that can do without a driver of its own");
		else if (r < 0)
			r = fail(1, strerror(-r));
	}
	free(input.bytes);
	return r;
}

/* Where on the device its names are. */
static int tell_strings(void)
{
	char path[ANSWER_PATH_SIZE];
	struct input input = {0};
	ipp_t *untrusted;
	int r = read_answer(&input, &untrusted);

	free(input.bytes);
	if (r)
		return r;
	if (answer_strings_path(untrusted, path))
		printf("%s\n", path);
	ippDelete(untrusted);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-device %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 2 || (strcmp(argv[1], "device") != 0 && strcmp(argv[1], "generic") != 0 &&
				 strcmp(argv[1], "strings") != 0))
		return usage(stderr, 2);
	if (device_sandbox() < 0)
		return fail(1, "the sandbox cannot be entered");
	if (strcmp(argv[1], "strings") == 0)
		return tell_strings();
	return make(strcmp(argv[1], "generic") == 0);
}
