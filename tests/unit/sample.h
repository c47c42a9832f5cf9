/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One valid message of each type, as small or as large as it can be: for tests, and as the first
 * seeds of the fuzzers.
 */
#ifndef PLATEN_TESTS_SAMPLE_H
#define PLATEN_TESTS_SAMPLE_H

#include <stdbool.h>
#include <string.h>

#include "proto/message.h"

/* As many bytes of UTF-8 as the array holds, of characters of two bytes and one. */
static inline void sample_fill(char *to, size_t size)
{
	size_t used = 0;

	while (used + 3 < size) {
		memcpy(to + used, "é", 2);
		used += 2;
	}
	while (used + 1 < size)
		to[used++] = 'x';
	memset(to + used, 0, size - used);
}

static inline void sample_fill_of(char *to, size_t size, char c)
{
	memset(to, c, size - 1);
	to[size - 1] = '\0';
}

/* Keywords of at most 100 bytes, with commas between. */
static inline void sample_keywords(char *to, size_t size)
{
	sample_fill_of(to, size, 'k');
	for (size_t i = 100; i + 2 < size; i += 101)
		to[i] = ',';
}

/* The most pairs there may be, in the whole of the array. */
static inline void sample_options(char *options, size_t capacity, uint32_t *ret_size)
{
	size_t each = capacity / JOB_OPTIONS_MAX;
	char value[JOB_OPTIONS_BYTES];

	*ret_size = 0;
	for (int i = 0; i < JOB_OPTIONS_MAX; i++) {
		size_t left = capacity - *ret_size, len = each - 3;

		if (i == JOB_OPTIONS_MAX - 1)
			len = left - 3;
		memset(value, 'v', len);
		value[len] = '\0';
		(void)options_add(options, capacity, ret_size, i % 2 ? "o" : "p", value);
	}
}

static inline void sample_printer(struct message_printer *p, bool largest)
{
	p->kind = PRINTER_NETWORK;
	p->driver_size = 1;
	memset(p->driver, 0xD1, sizeof(p->driver));
	memcpy(p->name, "laser", 5);
	if (!largest)
		return;
	p->index = OFFER_PRINTERS_MAX * 16 - 1;
	p->kind = PRINTER_POOL;
	p->is_default = p->accepting = 1;
	p->driver_size = DRIVER_SIZE_MAX;
	memset(p->device, 0xDE, sizeof(p->device));
	sample_fill(p->name, sizeof(p->name));
	sample_fill(p->info, sizeof(p->info));
	sample_fill(p->location, sizeof(p->location));
	sample_fill(p->make_model, sizeof(p->make_model));
	sample_options(p->defaults, sizeof(p->defaults), &p->defaults_size);
	p->rendering = RENDERING_GUEST;
	p->whole_size = DRIVER_SIZE_MAX;
	memset(p->whole, 0xD2, sizeof(p->whole));
	sample_keywords(p->filters, sizeof(p->filters));
	p->package_size = PACKAGE_SIZE_MAX;
	p->restart = LEVEL_WORKSPACE;
	memset(p->package, 0xDB, sizeof(p->package));
	sample_fill_of(p->package_name, sizeof(p->package_name), 'p');
}

static inline void sample_printer_state(struct message_printer_state *s, bool largest)
{
	s->state = 3;
	if (!largest)
		return;
	s->index = UINT32_MAX;
	s->state = 5;
	s->accepting = 1;
	sample_keywords(s->reasons, sizeof(s->reasons));
	sample_fill(s->text, sizeof(s->text));
	sample_fill(s->marker_names, sizeof(s->marker_names));
	sample_fill(s->marker_types, sizeof(s->marker_types));
	sample_fill(s->marker_colors, sizeof(s->marker_colors));
	sample_fill_of(s->marker_levels, sizeof(s->marker_levels), '9');
	sample_fill_of(s->marker_low_levels, sizeof(s->marker_low_levels), ',');
	sample_fill_of(s->marker_high_levels, sizeof(s->marker_high_levels), '-');
}

static inline void sample_job_open(struct message_job_open *j, bool largest)
{
	memset(j->job.bytes, 0x0B, UUID_SIZE);
	j->file = j->copies = 1;
	memcpy(j->format, "application/pdf", 15);
	if (!largest)
		return;
	j->ref = j->printer = j->guest_job = UINT32_MAX;
	j->size = UINT64_MAX;
	j->answer = JOB_ASK_MAX;
	j->sealed = 1;
	memset(j->sealed_by.bytes, 0x5B, UUID_SIZE);
	j->file = JOB_FILES_MAX;
	j->copies = JOB_COPIES_MAX;
	sample_fill(j->title, sizeof(j->title));
	sample_fill(j->user, sizeof(j->user));
	sample_fill_of(j->format, sizeof(j->format), 'f');
	j->format[1] = '/';
	sample_options(j->options, sizeof(j->options), &j->options_size);
	j->rendered = 1;
}

static inline void sample_data(struct message *m, bool largest)
{
	static uint8_t data[FRAME_DATA_MAX];

	memset(data, 0xDA, sizeof(data));
	if (m->head.type == MESSAGE_JOB_DATA) {
		m->job_data.data = data;
		m->job_data.data_size = largest ? FRAME_DATA_MAX : 1;
		m->job_data.ref = largest ? UINT32_MAX : 0;
		m->job_data.offset = largest ? UINT64_MAX : 0;
	} else if (m->head.type == MESSAGE_PACKAGE_DATA && largest) {
		memset(m->package_data.package, 0xDB, SHA256_SIZE);
		m->package_data.data = data;
		m->package_data.data_size = FRAME_DATA_MAX;
		m->package_data.total = PACKAGE_SIZE_MAX;
		m->package_data.offset = PACKAGE_SIZE_MAX - FRAME_DATA_MAX;
	} else if (largest) { /* the smallest is the answer to a driver that is not there */
		memset(m->driver_data.driver, 0xD1, SHA256_SIZE);
		m->driver_data.data = data;
		m->driver_data.data_size = FRAME_DATA_MAX;
		m->driver_data.total = DRIVER_PACKED_MAX;
		m->driver_data.offset = DRIVER_PACKED_MAX - FRAME_DATA_MAX;
	}
}

static inline void sample_small(struct message *m, bool largest)
{
	uint32_t most = largest ? UINT32_MAX : 0;

	switch (m->head.type) {
	case MESSAGE_PING:
	case MESSAGE_PONG: m->ping.serial = most; break;
	case MESSAGE_OFFER_BEGIN:
		m->offer_begin.count = largest ? OFFER_PRINTERS_MAX : 0;
		m->offer_begin.unchanged = largest;
		memset(m->offer_begin.offer, largest ? 0x0F : 0, SHA256_SIZE);
		break;
	case MESSAGE_PRINTER_GONE: m->printer_gone.index = most; break;
	case MESSAGE_DRIVER_GET: memset(m->driver_get.driver, 0xD1, SHA256_SIZE); break;
	case MESSAGE_PACKAGE_GET: memset(m->package_get.package, 0xDB, SHA256_SIZE); break;
	case MESSAGE_JOB_ACCEPT:
		m->job_accept.ref = most;
		m->job_accept.window = largest ? JOB_WINDOW : 1;
		m->job_accept.offset = largest ? UINT64_MAX : 0;
		break;
	case MESSAGE_JOB_CREDIT:
		m->job_credit.ref = most;
		m->job_credit.bytes = largest ? JOB_WINDOW : 1;
		break;
	case MESSAGE_JOB_SEAL:
		m->job_seal.ref = most;
		m->job_seal.size = largest ? UINT64_MAX : 0;
		memset(m->job_seal.digest, 0xD6, DIGEST_SIZE);
		break;
	case MESSAGE_JOB_CANCEL: m->job_cancel.ref = most; break;
	case MESSAGE_JOB_CLOSE: m->job_close.ref = most; break;
	case MESSAGE_JOB_RELEASE:
		memset(m->job_release.job.bytes, 0x0B, UUID_SIZE);
		m->job_release.file = largest ? JOB_FILES_MAX : 1;
		m->job_release.guest_job = largest ? JOB_ASK_MAX : 1;
		break;
	default: break;
	}
}

static inline void sample_texts(struct message *m, bool largest)
{
	switch (m->head.type) {
	case MESSAGE_HELLO:
		m->hello.version_min = 1;
		m->hello.version_max = largest ? UINT32_MAX : 1;
		if (largest) {
			sample_fill(m->hello.agent, sizeof(m->hello.agent));
			memset(m->hello.machine.bytes, 0x3A, UUID_SIZE);
			memset(m->hello.offer, 0x0F, SHA256_SIZE);
		}
		break;
	case MESSAGE_WELCOME:
		m->welcome.version = largest ? UINT32_MAX : 1;
		m->welcome.keepalive_msec = largest ? 3600000 : 100;
		if (largest) {
			sample_fill(m->welcome.host, sizeof(m->welcome.host));
			sample_fill(m->welcome.workspace, sizeof(m->welcome.workspace));
			memset(m->welcome.identity.bytes, 0x5C, UUID_SIZE);
			memset(m->welcome.ledger.bytes, 0x1E, UUID_SIZE);
		}
		break;
	case MESSAGE_BYE:
		m->bye.code = largest ? BYE_CODE_COUNT - 1 : BYE_CLOSING;
		if (largest)
			sample_fill(m->bye.text, sizeof(m->bye.text));
		break;
	case MESSAGE_PRINTER_REPORT:
		m->printer_report.code = largest ? REPORT_CODE_COUNT - 1 : REPORT_READY;
		m->printer_report.index = largest ? UINT32_MAX : 0;
		m->printer_report.rendering = largest;
		if (largest)
			sample_fill(m->printer_report.text, sizeof(m->printer_report.text));
		break;
	case MESSAGE_JOB_STATE:
		m->job_state.phase = JOB_PHASE_TRANSFER;
		if (largest) {
			m->job_state = (struct message_job_state){UINT32_MAX, JOB_PHASE_REFUSED,
				REFUSAL_COUNT - 1, 1, UINT32_MAX, UINT32_MAX, "", "", 0};
			sample_keywords(m->job_state.reasons, sizeof(m->job_state.reasons));
			sample_fill(m->job_state.text, sizeof(m->job_state.text));
		}
		break;
	case MESSAGE_GUEST_STATUS:
		if (largest) {
			m->guest_status =
				(struct message_guest_status){1, UINT32_MAX, UINT32_MAX, ""};
			sample_fill(m->guest_status.spooler, sizeof(m->guest_status.spooler));
		}
		break;
	default: break;
	}
}

static inline void sample_restart(struct message *m, bool largest)
{
	uint32_t most = largest ? UINT32_MAX : 0;

	switch (m->head.type) {
	case MESSAGE_RESTART_NEED:
		memset(m->restart_need.need, 0x4E, NEED_SIZE);
		m->restart_need.level = largest ? LEVEL_COUNT - 1 : 1;
		m->restart_need.state = largest ? NEED_STATE_COUNT - 1 : 1;
		if (largest)
			sample_fill(m->restart_need.reason, sizeof(m->restart_need.reason));
		break;
	case MESSAGE_ACTIVITY:
		memset(m->activity.boot.bytes, 0xB0, UUID_SIZE);
		m->activity.state = largest ? ACTIVITY_STATE_COUNT - 1 : 1;
		m->activity.sessions = m->activity.applications = m->activity.inhibitors = most;
		m->activity.installing = most;
		if (largest)
			sample_fill(m->activity.text, sizeof(m->activity.text));
		break;
	case MESSAGE_RESTART_ANSWER:
		m->restart_answer.ask = most;
		m->restart_answer.choice = largest ? ANSWER_LATER : ANSWER_NOW;
		m->restart_answer.after_sec = largest ? RESTART_SEC_MAX : 0;
		if (largest)
			sample_fill(m->restart_answer.user, sizeof(m->restart_answer.user));
		break;
	case MESSAGE_RESTART_ASK:
		m->restart_ask.ask = largest ? UINT32_MAX : 1;
		m->restart_ask.limit_sec = largest ? RESTART_SEC_MAX : 0;
		m->restart_ask.reminder = largest;
		if (largest)
			sample_fill(m->restart_ask.reason, sizeof(m->restart_ask.reason));
		break;
	case MESSAGE_RESTART_ASK_END:
		m->restart_ask_end.ask = most;
		if (largest)
			sample_fill(m->restart_ask_end.text, sizeof(m->restart_ask_end.text));
		break;
	default: break;
	}
}

static inline void sample(struct message *m, enum message_type type, bool largest)
{
	message_init(m, type);
	switch (type) {
	case MESSAGE_PRINTER: sample_printer(&m->printer, largest); break;
	case MESSAGE_PRINTER_STATE: sample_printer_state(&m->printer_state, largest); break;
	case MESSAGE_JOB_OPEN: sample_job_open(&m->job_open, largest); break;
	case MESSAGE_JOB_DATA:
	case MESSAGE_DRIVER_DATA:
	case MESSAGE_PACKAGE_DATA: sample_data(m, largest); break;
	default:
		sample_small(m, largest);
		sample_texts(m, largest);
		sample_restart(m, largest);
	}
}

#endif
