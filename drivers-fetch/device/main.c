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

#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/ppd-make.h"
#include "drivers-fetch/device/sandbox.h"
#include "drivers-fetch/device/strings.h"
#include "proto/base/text.h"

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

/* All of standard input, and how much of it was read. libcups takes a short read of a pipe for the
 * end of the message, so the message is read from here. */
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

static ssize_t on_read(void *userdata, ipp_uchar_t *buf, size_t size)
{
	struct input *input = userdata;
	size_t left = input->size - input->used;

	if (size > left)
		size = left;
	memcpy(buf, input->bytes + input->used, size);
	input->used += size;
	return (ssize_t)size;
}

/* Reads the answer; what follows it is left unread. */
static int read_answer(struct input *input, ipp_t **ret_untrusted)
{
	ipp_t *untrusted = ippNew();
	ipp_state_t state = IPP_STATE_ERROR;

	if (untrusted && input_fill(input) == 0)
		do
			state = ippReadIO(input, on_read, 1, NULL, untrusted);
		while (state != IPP_STATE_DATA && state != IPP_STATE_ERROR);
	if (state == IPP_STATE_DATA &&
		ippGetStatusCode(untrusted) < IPP_STATUS_REDIRECTION_OTHER_SITE) {
		*ret_untrusted = untrusted;
		return 0;
	}
	ippDelete(untrusted);
	return state == IPP_STATE_DATA ? fail(3, "the printer does not tell its attributes")
				       : fail(1, "the answer is not in order, or was cut off");
}

/* The device's own names, if they follow the answer: as a file, which is what libcupsfilters takes.
 */
static void add_strings(const struct input *input, ipp_t *attributes, char path[static 1024])
{
	FILE *in = NULL, *out = NULL;
	int fd;

	if (input->used == input->size)
		return;
	in = fmemopen(input->bytes + input->used, input->size - input->used, "r");
	fd = cupsTempFd(path, 1024);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (in && out && strings_take(in, out) > 0)
		(void)ippAddString(attributes, IPP_TAG_PRINTER, IPP_TAG_URI, "printer-strings-uri",
			NULL, path);
	if (in)
		(void)fclose(in);
	if (out)
		(void)fclose(out);
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
			add_strings(&input, attributes, path);
		r = ppd_make(attributes, stdout);
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

/* Where on the device its names are: a path and nothing else, whatever host it says. */
static int tell_strings(void)
{
	char scheme[32], user[256], host[256], path[512];
	struct input input = {0};
	ipp_attribute_t *a;
	const char *uri;
	ipp_t *untrusted;
	int port, r = read_answer(&input, &untrusted);

	free(input.bytes);
	if (r)
		return r;
	a = ippFindAttribute(untrusted, "printer-strings-uri", IPP_TAG_URI);
	uri = a ? ippGetString(a, 0, NULL) : NULL;
	if (uri &&
		httpSeparateURI(HTTP_URI_CODING_NONE, uri, scheme, sizeof(scheme), user,
			sizeof(user), host, sizeof(host), &port, path,
			sizeof(path)) == HTTP_URI_STATUS_OK &&
		path[0] == '/' && text_is_line(path) && !strpbrk(path, " \"<>\\#@"))
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
