/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend's arguments and environment, which hold what any user of the guest wrote, and the
 * spooler's answer about a cancelled job: what is made of them is a message that the agent and the
 * host take.
 *
 * The bytes are strings, each ended by a NUL: job, user, title, copies, options, file, device URI,
 * format. A first byte of 1 leaves the file out, one of 2 takes the rest as the spooler's answer.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/backend/args.h"
#include "guest/backend/cancel.h"
#include "proto/base/text.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

enum { STRINGS = 8 };

static void look_at(const struct backend_open *o, int left_out)
{
	static struct message m;
	const char *name, *value;
	uint32_t pos = 0;
	char why[128];

	PROMISE(o->head.size == sizeof(*o) && left_out >= 0);
	PROMISE(text_terminated(o->printer, sizeof(o->printer)) && text_is_queue(o->printer));
	PROMISE(text_terminated(o->title, sizeof(o->title)) && text_is_line(o->title));
	PROMISE(text_terminated(o->user, sizeof(o->user)) && text_is_line(o->user));
	PROMISE(text_terminated(o->format, sizeof(o->format)) && text_is_mime(o->format));
	PROMISE(o->options_size <= sizeof(o->options));
	while (options_next(o->options, o->options_size, &pos, &name, &value))
		PROMISE(strncmp(name, "platen-", 7) != 0 && strcmp(name, "job-uuid") != 0);
	PROMISE(pos == o->options_size);
	message_init(&m, MESSAGE_JOB_OPEN);
	m.job_open.job = o->job;
	m.job_open.file = o->file;
	m.job_open.copies = o->copies;
	m.job_open.answer = o->answer;
	m.job_open.rendered = o->rendered;
	memcpy(m.job_open.format, o->format, sizeof(o->format));
	memcpy(m.job_open.title, o->title, sizeof(o->title));
	memcpy(m.job_open.options, o->options, sizeof(o->options));
	m.job_open.options_size = o->options_size;
	PROMISE(message_check(&m, m.head.size, why) == 0);
}

static void answer(const uint8_t *data, size_t size)
{
	int r = cancel_read(data, size);

	PROMISE(r <= 2);
	/* It is read in pieces: what is there decides nothing that the rest would take back. */
	for (size_t n = 0; n < size && n < 64; n++)
		PROMISE(cancel_read(data, n) < 0 || r >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *strings[STRINGS], *argv[8] = {"platen"}, why[ARGS_WHY_SIZE] = "";
	static struct backend_open open;
	int left_out = 0;
	char *text, *at;

	if (size < 1)
		return 0;
	if (data[0] == 2) {
		answer(data + 1, size - 1);
		return 0;
	}
	text = calloc(1, size + STRINGS);
	PROMISE(text);
	memcpy(text, data + 1, size - 1);
	at = text;
	for (int i = 0; i < STRINGS; i++) {
		strings[i] = at;
		at += strlen(at) + 1;
	}
	for (int i = 0; i < 6; i++)
		argv[i + 1] = strings[i];
	PROMISE(setenv("DEVICE_URI", strings[6], 1) == 0);
	PROMISE(setenv("CONTENT_TYPE", strings[7], 1) == 0);
	switch (args_read(data[0] == 1 ? 6 : 7, argv, &open, &left_out, why)) {
	case BACKEND_EXIT_OK: look_at(&open, left_out); break;
	case BACKEND_EXIT_STOP:
	case BACKEND_EXIT_HOLD: PROMISE(why[0] && text_is_line(why)); break;
	default: PROMISE(!"another exit code");
	}
	free(text);
	return 0;
}
