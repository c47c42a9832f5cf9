/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message is: its size, its name, and whether its values are allowed.
 *
 * message_check() is the only judge. It is one switch over the type, each case a list of rules
 * that reject by default and repair nothing, and it is run on both sides of every border: after
 * unpacking in platen-channel and in the agent, and again in platend for what platen-channel says.
 */
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"

#define BODY(member) (offsetof(struct message, member) + sizeof(((struct message *)0)->member))

static const struct {
	const char *name;
	size_t size;
} types[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_HELLO] = {"Hello", BODY(hello)},
	[MESSAGE_WELCOME] = {"Welcome", BODY(welcome)},
	[MESSAGE_BYE] = {"Bye", BODY(bye)},
	[MESSAGE_PING] = {"Ping", BODY(ping)},
	[MESSAGE_PONG] = {"Pong", BODY(ping)},
	[MESSAGE_OFFER_BEGIN] = {"OfferBegin", BODY(offer_begin)},
	[MESSAGE_PRINTER] = {"Printer", BODY(printer)},
	[MESSAGE_PRINTER_GONE] = {"PrinterGone", BODY(printer_gone)},
	[MESSAGE_OFFER_END] = {"OfferEnd", sizeof(struct ipc_head)},
	[MESSAGE_PRINTER_STATE] = {"PrinterState", BODY(printer_state)},
	[MESSAGE_PRINTER_REPORT] = {"PrinterReport", BODY(printer_report)},
	[MESSAGE_DRIVER_GET] = {"DriverGet", BODY(driver_get)},
	[MESSAGE_DRIVER_DATA] = {"DriverData", BODY(driver_data)},
	[MESSAGE_JOB_OPEN] = {"JobOpen", BODY(job_open)},
	[MESSAGE_JOB_ACCEPT] = {"JobAccept", BODY(job_accept)},
	[MESSAGE_JOB_DATA] = {"JobData", BODY(job_data)},
	[MESSAGE_JOB_CREDIT] = {"JobCredit", BODY(job_credit)},
	[MESSAGE_JOB_SEAL] = {"JobSeal", BODY(job_seal)},
	[MESSAGE_JOB_STATE] = {"JobState", BODY(job_state)},
	[MESSAGE_JOB_CANCEL] = {"JobCancel", BODY(job_cancel)},
	[MESSAGE_JOB_CLOSE] = {"JobClose", BODY(job_close)},
	[MESSAGE_GUEST_STATUS] = {"GuestStatus", BODY(guest_status)},
	[MESSAGE_RESTART_NEED] = {"RestartNeed", BODY(restart_need)},
	[MESSAGE_ACTIVITY] = {"Activity", BODY(activity)},
	[MESSAGE_RESTART_ANSWER] = {"RestartAnswer", BODY(restart_answer)},
	[MESSAGE_ACTIVITY_GET] = {"ActivityGet", sizeof(struct ipc_head)},
	[MESSAGE_RESTART_ASK] = {"RestartAsk", BODY(restart_ask)},
	[MESSAGE_RESTART_ASK_END] = {"RestartAskEnd", BODY(restart_ask_end)},
	[MESSAGE_PACKAGE_GET] = {"PackageGet", BODY(package_get)},
	[MESSAGE_PACKAGE_DATA] = {"PackageData", BODY(package_data)},
	[MESSAGE_JOB_RELEASE] = {"JobRelease", BODY(job_release)},
};

_Static_assert(sizeof(struct message) <= IPC_SIZE_MAX, "a message must fit one packet");

size_t message_size(uint32_t type)
{
	return type < MESSAGE_TYPE_COUNT ? types[type].size : 0;
}

const char *message_name(uint32_t type)
{
	return type < MESSAGE_TYPE_COUNT && types[type].name ? types[type].name : "unknown";
}

void message_init(struct message *m, enum message_type type)
{
	size_t size = message_size(type);

	if (size == 0)
		abort();
	memset(m, 0, size);
	m->head.type = type;
	m->head.size = (uint32_t)size;
}

/* One fault, told once: message, field, rule. */
static int fault(const struct message *m, const char *field, const char *rule, char *ret_why)
{
	(void)snprintf(ret_why, 128, "%s: %s %s", message_name(m->head.type), field, rule);
	return -EBADMSG;
}

#define REQUIRE(condition, field, rule)                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return fault(m, field, rule, why);                                         \
	} while (0)

#define LINE(body, member)                                                                         \
	REQUIRE(text_terminated(m->body.member, sizeof(m->body.member)) &&                         \
			text_is_line(m->body.member),                                              \
		#member, "is not one bounded line of UTF-8")

static bool is_bool(uint32_t v)
{
	return v <= 1;
}

/* "a,b,c" of keywords, or nothing. */
static bool is_keywords(const char *s)
{
	char word[128];

	if (!*s)
		return true;
	for (;;) {
		size_t n = strcspn(s, ",");

		if (n == 0 || n >= sizeof(word))
			return false;
		memcpy(word, s, n);
		word[n] = '\0';
		if (!text_is_keyword(word))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool is_levels(const char *s)
{
	return strspn(s, "0123456789,-") == strlen(s);
}

/* Pairs as options_add() makes them: names are keywords, values are lines, nothing left over, and
 * zeros behind them. */
static bool is_options(const char *options, uint32_t size, size_t capacity, uint32_t most)
{
	const char *name, *value;
	uint32_t pos = 0, count = 0;

	if (size > capacity || (size && options[size - 1]) ||
		!text_is_zero(options + size, capacity - size))
		return false;
	while (options_next(options, size, &pos, &name, &value)) {
		if (!text_is_keyword(name) || !text_is_line(value) || ++count > most)
			return false;
	}
	return pos == size;
}

/* What a printer has that is rendered in the guest, and no other has. */
static int check_rendering(const struct message *m, char *why)
{
	const struct message_printer *p = &m->printer;
	bool guest = p->rendering == RENDERING_GUEST;
	bool package = p->package_size > 0;

	REQUIRE(p->rendering < RENDERING_COUNT, "rendering", "is unknown");
	REQUIRE(p->restart < LEVEL_COUNT, "restart", "is unknown");
	LINE(printer, filters);
	LINE(printer, package_name);
	REQUIRE(is_keywords(p->filters), "filters", "are no keywords");
	REQUIRE(guest == !text_is_zero(p->whole, sizeof(p->whole)) &&
			guest == (p->whole_size > 0) && guest == (p->filters[0] != '\0'),
		"whole", "does not fit the rendering");
	REQUIRE(p->whole_size <= DRIVER_SIZE_MAX, "whole_size", "is out of range");
	REQUIRE(guest || !package, "package", "comes without rendering in the guest");
	REQUIRE(package == !text_is_zero(p->package, sizeof(p->package)) &&
			package == (p->package_name[0] != '\0') && !strchr(p->package_name, '/') &&
			(package || p->restart == LEVEL_NONE),
		"package", "is not whole");
	REQUIRE(p->package_size <= PACKAGE_SIZE_MAX, "package_size", "is out of range");
	return 0;
}

static int check_printer(const struct message *m, char *why)
{
	const struct message_printer *p = &m->printer;

	REQUIRE(p->index < OFFER_PRINTERS_MAX * 16, "index", "is out of range");
	REQUIRE(p->kind >= PRINTER_NETWORK && p->kind < PRINTER_KIND_COUNT, "kind", "is unknown");
	REQUIRE(is_bool(p->is_default) && is_bool(p->accepting), "flag", "is no truth value");
	REQUIRE(p->driver_size > 0 && p->driver_size <= DRIVER_SIZE_MAX, "driver_size",
		"is out of range");
	REQUIRE(text_terminated(p->name, sizeof(p->name)) && text_is_queue(p->name), "name",
		"is no queue name");
	LINE(printer, info);
	LINE(printer, location);
	LINE(printer, make_model);
	REQUIRE(is_options(p->defaults, p->defaults_size, sizeof(p->defaults), JOB_OPTIONS_MAX),
		"defaults", "are no list of options");
	return check_rendering(m, why);
}

static int check_printer_state(const struct message *m, char *why)
{
	const struct message_printer_state *s = &m->printer_state;

	REQUIRE(s->state >= 3 && s->state <= 5, "state", "is unknown");
	REQUIRE(is_bool(s->accepting), "accepting", "is no truth value");
	LINE(printer_state, reasons);
	REQUIRE(is_keywords(s->reasons), "reasons", "are no keywords");
	LINE(printer_state, text);
	LINE(printer_state, marker_names);
	LINE(printer_state, marker_types);
	LINE(printer_state, marker_colors);
	LINE(printer_state, marker_levels);
	LINE(printer_state, marker_low_levels);
	LINE(printer_state, marker_high_levels);
	REQUIRE(is_levels(s->marker_levels) && is_levels(s->marker_low_levels) &&
			is_levels(s->marker_high_levels),
		"marker levels", "are no numbers");
	return 0;
}

static int check_job_open(const struct message *m, char *why)
{
	const struct message_job_open *j = &m->job_open;

	REQUIRE(!uuid_is_null(&j->job), "job", "is no UUID");
	REQUIRE(j->file >= 1 && j->file <= JOB_FILES_MAX, "file", "is out of range");
	REQUIRE(j->copies >= 1 && j->copies <= JOB_COPIES_MAX, "copies", "is out of range");
	LINE(job_open, title);
	LINE(job_open, user);
	REQUIRE(text_terminated(j->format, sizeof(j->format)) && text_is_mime(j->format), "format",
		"is no media type");
	REQUIRE(is_options(j->options, j->options_size, sizeof(j->options), JOB_OPTIONS_MAX),
		"options", "are no list of options");
	REQUIRE(is_bool(j->rendered), "rendered", "is no truth value");
	REQUIRE(is_bool(j->sealed), "sealed", "is no truth value");
	REQUIRE(j->answer <= JOB_ASK_MAX, "answer", "is out of range");
	return 0;
}

static int check_job_state(const struct message *m, char *why)
{
	const struct message_job_state *s = &m->job_state;

	REQUIRE(s->phase >= JOB_PHASE_TRANSFER && s->phase < JOB_PHASE_COUNT, "phase",
		"is unknown");
	REQUIRE(s->refusal < REFUSAL_COUNT, "refusal", "is unknown");
	REQUIRE((s->phase == JOB_PHASE_REFUSED) == (s->refusal != REFUSAL_NONE), "refusal",
		"does not fit the phase");
	REQUIRE(is_bool(s->final), "final", "is no truth value");
	LINE(job_state, reasons);
	REQUIRE(is_keywords(s->reasons), "reasons", "are no keywords");
	LINE(job_state, text);
	REQUIRE(s->ask == 0 || s->phase == JOB_PHASE_ASK, "ask", "does not fit the phase");
	REQUIRE(s->ask <= JOB_ASK_MAX, "ask", "is out of range");
	return 0;
}

static int check_session(const struct message *m, char *why)
{
	switch (m->head.type) {
	case MESSAGE_HELLO:
		REQUIRE(m->hello.version_min >= 1 && m->hello.version_min <= m->hello.version_max,
			"version", "range is empty");
		LINE(hello, agent);
		return 0;
	case MESSAGE_WELCOME:
		REQUIRE(m->welcome.version >= 1, "version", "is 0");
		REQUIRE(m->welcome.keepalive_msec >= 100 && m->welcome.keepalive_msec <= 3600000,
			"keepalive_msec", "is out of range");
		LINE(welcome, host);
		LINE(welcome, workspace);
		return 0;
	case MESSAGE_BYE:
		REQUIRE(m->bye.code >= BYE_CLOSING && m->bye.code < BYE_CODE_COUNT, "code",
			"is unknown");
		LINE(bye, text);
		return 0;
	case MESSAGE_GUEST_STATUS:
		REQUIRE(is_bool(m->guest_status.spooler_up), "spooler_up", "is no truth value");
		LINE(guest_status, spooler);
		return 0;
	default: /* PING, PONG: any serial */ return 0;
	}
}

static int check_job_small(const struct message *m, char *why)
{
	switch (m->head.type) {
	case MESSAGE_JOB_ACCEPT:
		REQUIRE(m->job_accept.window >= 1 && m->job_accept.window <= JOB_WINDOW, "window",
			"is out of range");
		return 0;
	case MESSAGE_JOB_DATA:
		REQUIRE(m->job_data.data_size >= 1 && m->job_data.data_size <= FRAME_DATA_MAX &&
				m->job_data.data,
			"data", "is empty or too large");
		return 0;
	case MESSAGE_JOB_CREDIT:
		REQUIRE(m->job_credit.bytes >= 1 && m->job_credit.bytes <= JOB_WINDOW, "bytes",
			"is out of range");
		return 0;
	case MESSAGE_JOB_RELEASE:
		REQUIRE(!uuid_is_null(&m->job_release.job), "job", "is no UUID");
		REQUIRE(m->job_release.file >= 1 && m->job_release.file <= JOB_FILES_MAX, "file",
			"is out of range");
		REQUIRE(m->job_release.guest_job >= 1 && m->job_release.guest_job <= JOB_ASK_MAX,
			"guest_job", "is out of range");
		return 0;
	case MESSAGE_JOB_SEAL: REQUIRE(m->job_seal.reserved == 0, "reserved", "is not 0"); return 0;
	default: /* CANCEL, CLOSE: only a ref, judged by the session */ return 0;
	}
}

static int check_driver_data(const struct message *m, char *why)
{
	const struct message_driver_data *d = &m->driver_data;

	if (d->total == 0) {
		REQUIRE(d->offset == 0 && d->data_size == 0, "data", "comes with a total of 0");
		return 0;
	}
	REQUIRE(d->total <= DRIVER_PACKED_MAX, "total", "is too large");
	REQUIRE(d->data_size >= 1 && d->data_size <= FRAME_DATA_MAX && d->data, "data",
		"is empty or too large");
	REQUIRE(d->offset < d->total && d->data_size <= d->total - d->offset, "offset",
		"passes the end");
	return 0;
}

static int check_package_data(const struct message *m, char *why)
{
	const struct message_package_data *d = &m->package_data;

	if (d->total == 0) {
		REQUIRE(d->offset == 0 && d->data_size == 0, "data", "comes with a total of 0");
		return 0;
	}
	REQUIRE(d->total <= PACKAGE_SIZE_MAX, "total", "is too large");
	REQUIRE(d->data_size >= 1 && d->data_size <= FRAME_DATA_MAX && d->data, "data",
		"is empty or too large");
	REQUIRE(d->offset < d->total && d->data_size <= d->total - d->offset, "offset",
		"passes the end");
	return 0;
}

static int check_restart(const struct message *m, char *why)
{
	switch (m->head.type) {
	case MESSAGE_RESTART_NEED:
		REQUIRE(!text_is_zero(m->restart_need.need, NEED_SIZE), "need", "is 0");
		REQUIRE(m->restart_need.level >= LEVEL_SPOOLER &&
				m->restart_need.level < LEVEL_COUNT,
			"level", "is unknown");
		REQUIRE(m->restart_need.state >= NEED_OPEN &&
				m->restart_need.state < NEED_STATE_COUNT,
			"state", "is unknown");
		LINE(restart_need, reason);
		return 0;
	case MESSAGE_ACTIVITY:
		REQUIRE(!uuid_is_null(&m->activity.boot), "boot", "is 0");
		REQUIRE(m->activity.state >= ACTIVITY_NOBODY &&
				m->activity.state < ACTIVITY_STATE_COUNT,
			"state", "is unknown");
		LINE(activity, text);
		return 0;
	case MESSAGE_RESTART_ANSWER:
		REQUIRE(m->restart_answer.choice >= ANSWER_NOW &&
				m->restart_answer.choice < ANSWER_CHOICE_COUNT,
			"choice", "is unknown");
		REQUIRE((m->restart_answer.choice == ANSWER_LATER) ==
					(m->restart_answer.after_sec > 0) &&
				m->restart_answer.after_sec <= RESTART_SEC_MAX,
			"after_sec", "does not fit the choice");
		LINE(restart_answer, user);
		return 0;
	case MESSAGE_RESTART_ASK:
		REQUIRE(m->restart_ask.ask, "ask", "is 0");
		REQUIRE(m->restart_ask.limit_sec <= RESTART_SEC_MAX, "limit_sec", "is too large");
		REQUIRE(is_bool(m->restart_ask.reminder), "reminder", "is no truth value");
		LINE(restart_ask, reason);
		return 0;
	case MESSAGE_RESTART_ASK_END: LINE(restart_ask_end, text); return 0;
	default: /* ACTIVITY_GET */ return 0;
	}
}

int message_check(const struct message *m, size_t size, char ret_why[static 128])
{
	char *why = ret_why;

	if (size < sizeof(m->head) || message_size(m->head.type) == 0) {
		(void)snprintf(why, 128, "a message of an unknown type");
		return -EBADMSG;
	}
	REQUIRE(size == message_size(m->head.type) && m->head.size == size, "size",
		"is not that of its type");
	switch ((enum message_type)m->head.type) {
	case MESSAGE_HELLO:
	case MESSAGE_WELCOME:
	case MESSAGE_BYE:
	case MESSAGE_PING:
	case MESSAGE_PONG:
	case MESSAGE_GUEST_STATUS: return check_session(m, why);
	case MESSAGE_OFFER_BEGIN:
		REQUIRE(m->offer_begin.count <= OFFER_PRINTERS_MAX, "count", "is too large");
		REQUIRE(is_bool(m->offer_begin.unchanged), "unchanged", "is no truth value");
		return 0;
	case MESSAGE_PRINTER: return check_printer(m, why);
	case MESSAGE_PRINTER_GONE:
	case MESSAGE_OFFER_END:
	case MESSAGE_DRIVER_GET:
	case MESSAGE_PACKAGE_GET: return 0;
	case MESSAGE_PRINTER_STATE: return check_printer_state(m, why);
	case MESSAGE_PRINTER_REPORT:
		REQUIRE(m->printer_report.code >= REPORT_READY &&
				m->printer_report.code < REPORT_CODE_COUNT,
			"code", "is unknown");
		LINE(printer_report, text);
		REQUIRE(m->printer_report.rendering < RENDERING_COUNT, "rendering", "is unknown");
		return 0;
	case MESSAGE_DRIVER_DATA: return check_driver_data(m, why);
	case MESSAGE_PACKAGE_DATA: return check_package_data(m, why);
	case MESSAGE_JOB_OPEN: return check_job_open(m, why);
	case MESSAGE_JOB_ACCEPT:
	case MESSAGE_JOB_DATA:
	case MESSAGE_JOB_CREDIT:
	case MESSAGE_JOB_SEAL:
	case MESSAGE_JOB_CANCEL:
	case MESSAGE_JOB_CLOSE:
	case MESSAGE_JOB_RELEASE: return check_job_small(m, why);
	case MESSAGE_JOB_STATE: return check_job_state(m, why);
	case MESSAGE_RESTART_NEED:
	case MESSAGE_ACTIVITY:
	case MESSAGE_RESTART_ANSWER:
	case MESSAGE_ACTIVITY_GET:
	case MESSAGE_RESTART_ASK:
	case MESSAGE_RESTART_ASK_END: return check_restart(m, why);
	case MESSAGE_TYPE_COUNT: break;
	}
	return -EBADMSG;
}
