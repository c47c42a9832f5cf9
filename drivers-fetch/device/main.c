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
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "drivers-fetch/device/answer.h"
#include "drivers-fetch/device/attributes.h"
#include "drivers-fetch/device/ppd-make.h"
#include "drivers-fetch/device/sandbox.h"
#include "drivers-fetch/device/strings.h"
#include "drivers-fetch/device/translations.h"
#include "proto/base/fetch.h"

/* Bytes: the largest answer that platen-fetch takes, and the largest catalogue behind it. */
#define INPUT_MAX (5 * 1024 * 1024 + 1)

/* Processor time after which no more languages are begun: of ten seconds, a driver takes one at
 * most.
 */
#define NAMES_CLOCK (5 * CLOCKS_PER_SEC)

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: platen-device device | generic\n"
		"       platen-device strings [LANGUAGES]\n"
		"Reads an answer to Get-Printer-Attributes at standard input and writes a PPD of\n"
		"it to standard output: of the device itself, or a generic one; or the path of\n"
		"the device's own names, and which of the languages it has.\n\n"
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

/* The device's own names that follow the answer: catalogues as files, which is what libcupsfilters
 * takes. The first is that of no language in particular. */
struct catalogues {
	size_t count; /* at least 1 */
	struct {
		char language[FETCH_LANGUAGE_SIZE];
		char path[1024]; /* empty: none */
	} list[1 + FETCH_LANGUAGES_MAX];
};

/* What a language has no name for is called as in no language in particular: libcupsfilters takes
 * what stands last. */
static void begin_with(const char *path, FILE *out)
{
	char line[STRINGS_LINE_MAX * 2];
	FILE *in = path[0] ? fopen(path, "re") : NULL;

	while (in && fgets(line, sizeof(line), in))
		fputs(line, out);
	if (in)
		(void)fclose(in);
}

/* Reads one catalogue up to the mark of the next. Whether there is a next. */
static bool take_one(FILE *in, struct catalogues *catalogues)
{
	size_t i = catalogues->count;
	char next[FETCH_LANGUAGE_SIZE] = "";
	int fd = cupsTempFd(catalogues->list[i].path, (int)sizeof(catalogues->list[i].path));
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	unsigned int taken;

	if (out && i > 0)
		begin_with(catalogues->list[0].path, out);
	taken = out ? strings_take(in, out, next) : 0;
	if (out)
		(void)fclose(out);
	if (fd >= 0 && !taken) {
		(void)unlink(catalogues->list[i].path);
		catalogues->list[i].path[0] = '\0';
	}
	catalogues->count++;
	if (!next[0] || catalogues->count > FETCH_LANGUAGES_MAX)
		return false;
	memcpy(catalogues->list[catalogues->count].language, next, sizeof(next));
	return true;
}

static void catalogues_take(const struct input *input, struct catalogues *catalogues)
{
	FILE *in = input->used < input->size
			   ? fmemopen(input->bytes + input->used, input->size - input->used, "r")
			   : NULL;

	if (!in) {
		catalogues->count = 1;
		return;
	}
	while (take_one(in, catalogues))
		;
	(void)fclose(in);
}

static void catalogues_unlink(const struct catalogues *catalogues)
{
	for (size_t i = 0; i < catalogues->count; i++)
		if (catalogues->list[i].path[0])
			(void)unlink(catalogues->list[i].path);
}

/* The PPD with the names of one catalogue, as text. */
static int make_one(ipp_t *attributes, const char *path, char **ret_ppd)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -ENOMEM;
	r = ppd_make(attributes, path[0] ? path : NULL, out);
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		free(text);
	else
		*ret_ppd = text;
	return r;
}

/* The PPD with the names of the first catalogue, and the others' as translations. */
static int make_all(ipp_t *attributes, const struct catalogues *catalogues)
{
	struct translation translations[FETCH_LANGUAGES_MAX];
	size_t count = 0;
	char *ppd;
	int r = make_one(attributes, catalogues->list[0].path, &ppd);

	if (r < 0)
		return r;
	for (size_t i = 1; i < catalogues->count && clock() < NAMES_CLOCK; i++) {
		struct translation *t = &translations[count];

		if (!catalogues->list[i].path[0])
			continue;
		memcpy(t->language, catalogues->list[i].language, sizeof(t->language));
		if (make_one(attributes, catalogues->list[i].path, &t->ppd) == 0)
			count++;
	}
	translations_write(ppd, translations, count, stdout);
	while (count)
		free(translations[--count].ppd);
	free(ppd);
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int make(bool generic)
{
	struct catalogues catalogues = {0};
	struct input input = {0};
	ipp_t *untrusted, *attributes;
	unsigned int dropped;
	int r = read_answer(&input, &untrusted);

	if (r == 0) {
		attributes = attributes_take(untrusted, &dropped);
		ippDelete(untrusted);
		if (!attributes || (generic && ppd_make_generic(attributes) < 0))
			return fail(1, "out of memory");
		if (generic)
			catalogues.count = 1;
		else
			catalogues_take(&input, &catalogues);
		r = make_all(attributes, &catalogues);
		catalogues_unlink(&catalogues);
		ippDelete(attributes);
		if (r == -ENODATA)
			r = fail(3, "it is not a printer that can do without a driver of its own");
		else if (r < 0)
			r = fail(1, strerror(-r));
	}
	free(input.bytes);
	return r;
}

/* Which of the device's languages is the wanted one: it, or one of its regions. */
static const char *language_of(ipp_attribute_t *has, const char *wanted)
{
	size_t n = strlen(wanted);

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; has && i < ippGetCount(has); i++) {
			const char *one = ippGetString(has, i, NULL);

			if (one && strncasecmp(one, wanted, n) == 0 &&
				(one[n] == '\0' || (pass == 1 && one[n] == '-')))
				return one;
		}
	return NULL;
}

/* A line for each wanted language that the device has. */
static void tell_languages(ipp_t *untrusted, const char *wanted)
{
	ipp_attribute_t *has = ippFindAttribute(
		untrusted, "printer-strings-languages-supported", IPP_TAG_LANGUAGE);

	while (*wanted) {
		char one[FETCH_LANGUAGE_SIZE] = "", is[128];
		size_t n = strcspn(wanted, ",");
		const char *untrusted_language;

		if (n < sizeof(one))
			memcpy(one, wanted, n);
		untrusted_language = language_of(has, one);
		if (untrusted_language &&
			fetch_languages_parse(untrusted_language, is, sizeof(is)) &&
			!strchr(is, ','))
			printf("%s %s\n", one, is);
		wanted += n + (wanted[n] == ',');
	}
}

/* Where on the device its names are. */
static int tell_strings(const char *languages)
{
	char path[ANSWER_PATH_SIZE];
	struct input input = {0};
	ipp_t *untrusted;
	int r = read_answer(&input, &untrusted);

	free(input.bytes);
	if (r)
		return r;
	if (answer_strings_path(untrusted, path))
		printf("%s", path);
	putchar('\n');
	tell_languages(untrusted, languages);
	ippDelete(untrusted);
	return 0;
}

int main(int argc, char **argv)
{
	char languages[128] = "";
	bool strings = argc >= 2 && strcmp(argv[1], "strings") == 0;

	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("platen-device %s\n", PLATEN_VERSION);
		return 0;
	}
	if (argc != 2 + (strings && argc == 3) ||
		(!strings && strcmp(argv[1], "device") != 0 && strcmp(argv[1], "generic") != 0) ||
		(argc == 3 && !fetch_languages_parse(argv[2], languages, sizeof(languages))))
		return usage(stderr, 2);
	if (device_sandbox() < 0)
		return fail(1, "the sandbox cannot be entered");
	if (strings)
		return tell_strings(languages);
	return make(strcmp(argv[1], "generic") == 0);
}
