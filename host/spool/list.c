/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading printers and jobs from cupsd, and telling what is new.
 *
 * Whatever made us look, the answer is cupsd's own list compared with what was told before: only a
 * difference is told. So hints may come twice or too late, and a restart of cupsd tells nothing
 * that did not change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/spool/uri.h"
#include "host/spool/watch.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

static const char *const printer_attrs[] = {"printer-name", "printer-info", "printer-location",
	"printer-make-and-model", "printer-device-id", "printer-state", "printer-state-reasons",
	"printer-state-message", "printer-is-accepting-jobs", "printer-type", "printer-uuid",
	"device-uri", "member-names", "printer-config-change-time", "job-sheets-default",
	"number-up-default", "marker-names", "marker-types", "marker-colors", "marker-levels",
	"marker-low-levels", "marker-high-levels", "requesting-user-name-allowed",
	"requesting-user-name-denied"};

static const char *const job_attrs[] = {"job-id", "job-state", "job-state-reasons",
	"job-printer-state-message", "job-impressions-completed", "job-media-sheets-completed",
	"job-printer-uri", "job-hold-until", "job-k-octets", "job-name",
	"job-originating-user-name", "time-at-creation", "time-at-processing", "time-at-completed",
	SPOOL_ATTR_JOB, SPOOL_ATTR_WORKSPACE, SPOOL_ATTR_USER, SPOOL_ATTR_NUMBER};

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static void tell(const void *msg)
{
	(void)ipc_send(IPC_FD, msg, -1); /* platend gone: the loop ends at its next turn */
}

/* "urn:uuid:…" (PWG 5100.13, RFC 4122); null if there is none. */
static void read_uuid(ipp_t *ipp, struct uuid *uuid)
{
	static const char urn[] = "urn:uuid:";
	char text[64];

	ipp_text(ipp, "printer-uuid", text, sizeof(text));
	if (strncmp(text, urn, sizeof(urn) - 1) != 0 ||
		uuid_parse(text + sizeof(urn) - 1, uuid) < 0)
		*uuid = (struct uuid){0};
}

/* Levels as ATTR: has them, "80,-1,20". */
static void read_levels(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_INTEGER);
	size_t used = 0;

	memset(buf, 0, size);
	for (int i = 0; a && i < ippGetCount(a) && used + 13 < size; i++)
		used += (size_t)snprintf(
			buf + used, size - used, "%s%d", i ? "," : "", ippGetInteger(a, i));
}

/* Names as ATTR: has them: each in quotes, for a name may have a comma or a space in it. */
static void read_names(ipp_t *ipp, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, "marker-names", IPP_TAG_NAME);
	size_t used = 0;

	memset(buf, 0, size);
	for (int i = 0; a && i < ippGetCount(a); i++) {
		char name[NAME_SIZE];

		text_copy_line(name, sizeof(name), ippGetString(a, i, NULL));
		for (char *c = name; *c; c++)
			if (*c == '"' || *c == '\\' || *c == '\'')
				*c = ' ';
		if (used + strlen(name) + 4 > size)
			return;
		used += (size_t)snprintf(buf + used, size - used, "%s\"%s\"", i ? "," : "", name);
	}
}

static void read_defaults(ipp_t *ipp, struct spool_printer *p)
{
	char sheets[TEXT_SIZE], number[16];
	int up = ipp_int(ipp, "number-up-default", 1);

	ipp_list(ipp, "job-sheets-default", sheets, sizeof(sheets));
	if (sheets[0] && strcmp(sheets, "none,none") != 0 && strcmp(sheets, "none") != 0)
		(void)options_add(
			p->defaults, sizeof(p->defaults), &p->defaults_size, "job-sheets", sheets);
	(void)snprintf(number, sizeof(number), "%d", up);
	if (up > 1)
		(void)options_add(
			p->defaults, sizeof(p->defaults), &p->defaults_size, "number-up", number);
}

static void read_printer(ipp_t *ipp, struct spool_printer *p, bool *ret_class)
{
	*p = (struct spool_printer){.head = {.type = SPOOL_PRINTER, .size = sizeof(*p)}};
	*ret_class = ipp_int(ipp, "printer-type", 0) & CUPS_PRINTER_CLASS;
	p->accepting = ipp_int(ipp, "printer-is-accepting-jobs", 1) != 0;
	p->state = (uint32_t)ipp_int(ipp, "printer-state", IPP_PSTATE_IDLE);
	if (p->state < IPP_PSTATE_IDLE || p->state > IPP_PSTATE_STOPPED)
		p->state = IPP_PSTATE_STOPPED;
	p->config_time = (uint64_t)ipp_int(ipp, "printer-config-change-time", 0);
	read_uuid(ipp, &p->uuid);
	ipp_text(ipp, "printer-name", p->name, sizeof(p->name));
	ipp_text(ipp, "printer-info", p->info, sizeof(p->info));
	ipp_text(ipp, "printer-location", p->location, sizeof(p->location));
	ipp_text(ipp, "printer-make-and-model", p->make_model, sizeof(p->make_model));
	ipp_text(ipp, "device-uri", p->device_uri, sizeof(p->device_uri));
	ipp_text(ipp, "printer-device-id", p->device_id, sizeof(p->device_id));
	if (!device_id_is_sound(p->device_id) &&
		!device_id_of_uri(p->device_uri, p->device_id, sizeof(p->device_id)))
		memset(p->device_id, 0, sizeof(p->device_id));
	if (*ret_class)
		ipp_list(ipp, "member-names", p->members, sizeof(p->members));
	ipp_list(ipp, "printer-state-reasons", p->reasons, sizeof(p->reasons));
	ipp_text(ipp, "printer-state-message", p->text, sizeof(p->text));
	read_defaults(ipp, p);
	read_names(ipp, p->marker_names, sizeof(p->marker_names));
	ipp_list(ipp, "marker-types", p->marker_types, sizeof(p->marker_types));
	ipp_list(ipp, "marker-colors", p->marker_colors, sizeof(p->marker_colors));
	read_levels(ipp, "marker-levels", p->marker_levels, sizeof(p->marker_levels));
	read_levels(ipp, "marker-low-levels", p->marker_low_levels, sizeof(p->marker_low_levels));
	read_levels(
		ipp, "marker-high-levels", p->marker_high_levels, sizeof(p->marker_high_levels));
	p->kind = (uint32_t)uri_kind(p->device_uri);
}

static struct watch_printer *printer_find(struct watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->printers[i].is.name, name) == 0)
			return &watch->printers[i];
	return NULL;
}

/* A class has no device of its own ("file:///dev/null"): its members speak for it. */
static void resolve_class(struct watch *watch, struct spool_printer *p)
{
	enum printer_kind kinds[64];
	char names[MESSAGE_SIZE], *rest = names, *name;
	size_t count = 0;

	(void)text_copy(names, sizeof(names), p->members);
	memset(p->device_uri, 0, sizeof(p->device_uri));
	while ((name = strsep(&rest, ",")) && count < 64) {
		struct watch_printer *member = printer_find(watch, name);

		if (!member)
			continue;
		if (count == 0)
			memcpy(p->device_uri, member->is.device_uri, sizeof(p->device_uri));
		kinds[count++] = (enum printer_kind)member->is.kind;
	}
	p->kind = (uint32_t)(count ? uri_pool_kind(kinds, count) : PRINTER_LOCAL);
}

/* Notes a printer as cupsd tells it now, and tells platend if it is new or other than before. */
static int printer_note(struct watch *watch, const struct spool_printer *p, bool is_class)
{
	struct watch_printer *known = printer_find(watch, p->name);

	if (!known) {
		if (watch->count == watch->size) {
			size_t size = watch->size ? watch->size * 2 : 16;
			struct watch_printer *grown =
				reallocarray(watch->printers, size, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			watch->printers = grown;
			watch->size = size;
		}
		known = &watch->printers[watch->count++];
	} else if (memcmp(&known->is, p, sizeof(*p)) == 0) {
		known->seen = true;
		return 0;
	}
	known->is = *p;
	known->is_class = is_class;
	known->seen = true;
	tell(&known->is);
	return 0;
}

static void printers_gone(struct watch *watch)
{
	for (size_t i = 0; i < watch->count;) {
		struct spool_printer_gone gone = {
			.head = {.type = SPOOL_PRINTER_GONE, .size = sizeof(gone)}};

		if (watch->printers[i].seen) {
			i++;
			continue;
		}
		memcpy(gone.name, watch->printers[i].is.name, sizeof(gone.name));
		tell(&gone);
		watch->printers[i] = watch->printers[--watch->count];
	}
}

/* The default printer's name; empty if there is none. */
static int read_default(struct watch *watch, char name[static NAME_SIZE])
{
	ipp_t *request = ipp_request(IPP_OP_CUPS_GET_DEFAULT, NULL, NULL), *response;
	int r;

	ippDeleteAttribute(request, ippFindAttribute(request, "printer-uri", IPP_TAG_URI));
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		NULL, "printer-name");
	memset(name, 0, NAME_SIZE);
	r = ipp_do(watch->http, request, &response);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r == -EIO || r == -EACCES ? 0 : r;
	ipp_text(response, "printer-name", name, NAME_SIZE);
	ippDelete(response);
	return 0;
}

/* Goes over the groups of a Get-Printers answer, printers first, then the classes made of them. */
static int note_all(struct watch *watch, ipp_t *response, const char *first, bool classes)
{
	ipp_attribute_t *a = ippFirstAttribute(response);
	int r = 0;

	while (a && r == 0) {
		ipp_t *one;
		struct spool_printer p;
		bool is_class;

		while (a && ippGetGroupTag(a) != IPP_TAG_PRINTER)
			a = ippNextAttribute(response);
		if (!a)
			break;
		one = ippNew();
		for (; a && ippGetGroupTag(a) == IPP_TAG_PRINTER; a = ippNextAttribute(response))
			(void)ippCopyAttribute(one, a, 1);
		read_printer(one, &p, &is_class);
		ippDelete(one);
		if (is_class != classes)
			continue;
		if (!text_is_queue(p.name)) {
			log_line(LOG_WARNING, NULL,
				"a queue was left out: its name has a sign that Platen does not "
				"take; give it another: %s",
				p.name);
			continue;
		}
		if (is_class)
			resolve_class(watch, &p);
		p.is_default = strcmp(p.name, first) == 0;
		r = printer_note(watch, &p, is_class);
	}
	return r;
}

/* Whether more may be other than it was told than the printer of this answer: it came, another
 * printer was the default, or a class has a member at another device. Or it is not for everybody:
 * whether it is for us only the list of all tells, which leaves it out. */
static bool is_more(struct watch *watch, ipp_t *response, const char *first)
{
	struct spool_printer p;
	bool is_class, classes = false;
	const struct watch_printer *known;

	if (ippFindAttribute(response, "requesting-user-name-allowed", IPP_TAG_ZERO) ||
		ippFindAttribute(response, "requesting-user-name-denied", IPP_TAG_ZERO))
		return true;
	read_printer(response, &p, &is_class);
	known = printer_find(watch, p.name);
	for (size_t i = 0; i < watch->count; i++) {
		const struct watch_printer *other = &watch->printers[i];

		classes |= other->is_class;
		if (other != known && other->is.is_default != (strcmp(other->is.name, first) == 0))
			return true;
	}
	if (!known)
		return text_is_queue(p.name);
	return known->is_class != is_class ||
	       (classes && !is_class && strcmp(known->is.device_uri, p.device_uri) != 0);
}

int watch_list_printers(struct watch *watch, const char *only)
{
	const char *first = watch->first;
	uint64_t now = (uint64_t)time(NULL);
	ipp_t *request, *response;
	int r = watch->keep_first && first[0] ? 0 : read_default(watch, watch->first);

	if (r < 0)
		return r;
	request = ipp_request(
		only ? IPP_OP_GET_PRINTER_ATTRIBUTES : IPP_OP_CUPS_GET_PRINTERS, only, NULL);
	if (!only)
		ippDeleteAttribute(request, ippFindAttribute(request, "printer-uri", IPP_TAG_URI));
	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		COUNT(printer_attrs), NULL, printer_attrs);
	r = ipp_do_list(watch->http, request, &response);
	if (r < 0 && r != -ECONNRESET && only) /* it is gone, or refused: the list tells */
		return watch_list_printers(watch, NULL);
	if (r == -ENOENT) { /* cupsd's word for "no destinations" */
		for (size_t i = 0; i < watch->count; i++)
			watch->printers[i].seen = false;
		printers_gone(watch);
		watch->printers_read = now;
		return 1;
	}
	if (r < 0)
		return r;
	if (only && is_more(watch, response, first)) {
		ippDelete(response);
		return watch_list_printers(watch, NULL);
	}
	for (size_t i = 0; !only && i < watch->count; i++)
		watch->printers[i].seen = false;
	r = note_all(watch, response, first, false);
	if (r == 0)
		r = note_all(watch, response, first, true);
	if (r == 0 && !only) {
		printers_gone(watch);
		watch->printers_read = now;
	}
	ippDelete(response);
	return r == 0 && !only ? 1 : r;
}

/* 0 for what is not there, has no value, or makes no sense. */
static uint32_t ipp_count(ipp_t *ipp, const char *name)
{
	int n = ipp_int(ipp, name, 0);

	return n > 0 ? (uint32_t)n : 0;
}

/* Before its release, too, a person may have it held until some time. */
static void read_origin(ipp_t *ipp, struct spool_job *j)
{
	char hold[TEXT_SIZE];

	ipp_text(ipp, "job-hold-until", hold, sizeof(hold));
	j->began = ipp_int(ipp, "time-at-processing", 0) > 0;
	j->released = j->began || strcmp(hold, "no-hold") == 0 ||
		      (j->state != IPP_JSTATE_HELD && strcmp(hold, "indefinite") != 0);
	j->guest_job = ipp_count(ipp, SPOOL_ATTR_NUMBER);
	j->k_octets = ipp_count(ipp, "job-k-octets");
	j->created = ipp_count(ipp, "time-at-creation");
	j->ended = ipp_count(ipp, "time-at-completed");
	ipp_text(ipp, "job-name", j->title, sizeof(j->title));
	ipp_text(ipp, SPOOL_ATTR_USER, j->user, sizeof(j->user));
	ipp_text(ipp, "job-originating-user-name", j->owner, sizeof(j->owner));
}

/* The name of a job-printer-uri's printer or class; empty if it names none. */
static void read_queue(const char *uri, char name[static NAME_SIZE])
{
	char scheme[32], user[64], host[256], resource[1024];
	const char *slash;
	int port;

	memset(name, 0, NAME_SIZE);
	if (httpSeparateURI(HTTP_URI_CODING_ALL, uri, scheme, sizeof(scheme), user, sizeof(user),
		    host, sizeof(host), &port, resource, sizeof(resource)) < HTTP_URI_STATUS_OK)
		return;
	slash = strrchr(resource, '/');
	text_copy_line(name, NAME_SIZE, slash ? slash + 1 : "");
}

static bool read_job(ipp_t *ipp, struct spool_job *j)
{
	char text[1024];

	*j = (struct spool_job){.head = {.type = SPOOL_JOB, .size = sizeof(*j)}};
	ipp_text(ipp, SPOOL_ATTR_JOB, text, sizeof(text));
	if (ipp_job_key(text, &j->job, &j->file) < 0)
		return false;
	ipp_text(ipp, SPOOL_ATTR_WORKSPACE, text, sizeof(text));
	if (uuid_parse(text, &j->workspace) < 0)
		return false;
	j->host_job = (uint32_t)ipp_int(ipp, "job-id", 0);
	j->state = (uint32_t)ipp_int(ipp, "job-state", 0);
	j->pages = ipp_count(ipp, "job-impressions-completed");
	j->sheets = ipp_count(ipp, "job-media-sheets-completed");
	if (!j->pages) /* some filters count only these */
		j->pages = j->sheets;
	ipp_text(ipp, "job-printer-uri", text, sizeof(text));
	read_queue(text, j->printer);
	ipp_list(ipp, "job-state-reasons", j->reasons, sizeof(j->reasons));
	ipp_text(ipp, "job-printer-state-message", j->text, sizeof(j->text));
	read_origin(ipp, j);
	return j->host_job && j->state;
}

/* Of a job that is over cupsd forgets the attributes within seconds, and reads them again when it
 * is asked; but not when its printer was deleted since: then it tells a number, a state and little
 * else (CUPS 2.4.2, cupsdUnloadCompletedJobs(), cupsdLoadJob(), copy_job_attrs()), so that nobody
 * can say whose it was. All others have this count; of those that a policy hides (JobPrivateValues
 * all) it does not tell the state either. */
static bool is_hollow(ipp_t *ipp)
{
	return !ippFindAttribute(ipp, "job-impressions-completed", IPP_TAG_ZERO) &&
	       ippFindAttribute(ipp, "job-state", IPP_TAG_ZERO);
}

/* Tells a job if it is other than it was told before. */
static int job_note(struct watch *watch, const struct spool_job *j)
{
	size_t i = 0;

	while (i < watch->job_count && watch->jobs[i].host_job != j->host_job)
		i++;
	if (i < watch->job_count && memcmp(&watch->jobs[i], j, sizeof(*j)) == 0)
		return 0;
	tell(j);
	if (j->state >= IPP_JSTATE_CANCELED) {
		if (i < watch->job_count)
			watch->jobs[i] = watch->jobs[--watch->job_count];
		return 0;
	}
	if (i == watch->job_count) {
		if (watch->job_count == watch->job_size) {
			size_t size = watch->job_size ? watch->job_size * 2 : 16;
			struct spool_job *grown = reallocarray(watch->jobs, size, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			watch->jobs = grown;
			watch->job_size = size;
		}
		watch->job_count++;
	}
	watch->jobs[i] = *j;
	return 0;
}

/* Of all jobs with attributes of their own cupsd tells 500 at most, the oldest ones, whatever limit
 * it is asked for (CUPS 2.4.2, get_jobs()); the rest is asked for from a number on. */
#define JOBS_TOLD 500

static ipp_t *jobs_request(uint32_t only, uint32_t first)
{
	ipp_t *request =
		ipp_request(only ? IPP_OP_GET_JOB_ATTRIBUTES : IPP_OP_GET_JOBS, NULL, SPOOL_READER);

	if (only) {
		ippDeleteAttribute(request, ippFindAttribute(request, "printer-uri", IPP_TAG_URI));
		(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
			"ipp://localhost/jobs/%u", only);
	} else {
		(void)ippAddString(
			request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "which-jobs", NULL, "all");
		(void)ippAddInteger(
			request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "first-job-id", (int)first);
	}
	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
		COUNT(job_attrs), NULL, job_attrs);
	return request;
}

/* Whether a hint has said of this job that nobody cancelled it. */
static bool was_given_up(const struct watch *watch, uint32_t host_job)
{
	for (size_t i = 0; i < GIVEN_UP; i++)
		if (watch->given_up[i] == host_job)
			return true;
	return false;
}

/* A job that is cancelled may have gone with its printer, which platend has to know before: that is
 * read behind the answer that has the job, unless all printers were since the job ended; *known:
 * since that answer. */
static int note_after_printer(struct watch *watch, struct spool_job *j, bool one, bool *known)
{
	uint64_t now = (uint64_t)time(NULL); /* which may have been set back */
	bool since = j->ended && j->ended < watch->printers_read && watch->printers_read <= now;
	int r = 0;

	if (j->state == IPP_JSTATE_CANCELED && watch->hint) {
		uint32_t state = watch->hint->job_state;

		if (state >= IPP_JSTATE_PENDING && state < IPP_JSTATE_CANCELED)
			return 0; /* the hint at its cancel is on its way, and says by whom */
	}
	j->given_up = j->state == IPP_JSTATE_CANCELED && was_given_up(watch, j->host_job);
	if (j->state == IPP_JSTATE_CANCELED && !*known && !since) {
		r = watch_list_printers(
			watch, one && text_is_queue(j->printer) ? j->printer : NULL);
		*known = r >= 0;
	}
	return r < 0 ? r : job_note(watch, j);
}

/* Notes the jobs of an answer, which has one or all; counts them, whosever they are, in *ret_count,
 * and *first becomes the number behind the last. -ENOENT: it has the one job, and no word of whose.
 */
static int note_jobs(
	struct watch *watch, ipp_t *response, bool one, uint32_t *ret_count, uint32_t *first)
{
	ipp_attribute_t *a = ippFirstAttribute(response);
	bool known = false;
	int r = 0;

	for (*ret_count = 0; a && r == 0; (*ret_count)++) {
		struct spool_job j;
		ipp_t *job;
		int number;

		while (a && ippGetGroupTag(a) != IPP_TAG_JOB)
			a = ippNextAttribute(response);
		if (!a)
			break;
		job = ippNew();
		for (; a && ippGetGroupTag(a) == IPP_TAG_JOB; a = ippNextAttribute(response))
			(void)ippCopyAttribute(job, a, 1);
		number = ipp_int(job, "job-id", 0);
		if (number > 0 && (uint32_t)number >= *first)
			*first = (uint32_t)number + 1;
		if (read_job(job, &j))
			r = note_after_printer(watch, &j, one, &known);
		else if (one && is_hollow(job))
			r = -ENOENT;
		else if (one && !watch->hint && !ipp_int(job, "job-state", 0))
			watch_blind(watch, (uint32_t)number);
		ippDelete(job);
	}
	return r;
}

int watch_list_jobs(struct watch *watch, uint32_t only)
{
	uint32_t count = JOBS_TOLD, first = 1, before = 0;
	int r = 0;

	while (r == 0 && count >= JOBS_TOLD && first > before) {
		ipp_t *response;

		before = first;
		httpSetAuthString(watch->http, NULL, NULL); /* see SPOOL_READER */
		r = ipp_do_list(watch->http, jobs_request(only, first), &response);
		if (r < 0)
			return r == -ENOENT && !only ? 0 : r;
		r = note_jobs(watch, response, only != 0, &count, &first);
		ippDelete(response);
	}
	return r;
}

void watch_job_purged(struct watch *watch, uint32_t host_job, uint32_t state, bool began)
{
	bool given_up = was_given_up(watch, host_job);

	for (size_t i = 0; i < watch->job_count; i++) {
		struct spool_job *j = &watch->jobs[i];

		if (j->host_job != host_job)
			continue;
		j->state = state;
		j->began |= began;
		j->given_up = given_up;
		if (state != IPP_JSTATE_CANCELED) /* that may be while it was held, as it was seen
						     last */
			j->released = 1;
		tell(j);
		if (state >= IPP_JSTATE_CANCELED)
			*j = watch->jobs[--watch->job_count];
		return;
	}
	/* It came and went between two looks of ours: platend may know it by its number. */
	tell(&(struct spool_job){.head = {.type = SPOOL_JOB, .size = sizeof(struct spool_job)},
		.host_job = host_job,
		.state = state,
		.released = 1,
		.began = began,
		.given_up = given_up});
}

void watch_forget_job(struct watch *watch, uint32_t host_job)
{
	for (size_t i = 0; i < watch->job_count; i++)
		if (watch->jobs[i].host_job == host_job) {
			watch->jobs[i] = watch->jobs[--watch->job_count];
			return;
		}
}

void watch_forget(struct watch *watch)
{
	free(watch->printers);
	free(watch->jobs);
	watch->printers = NULL;
	watch->jobs = NULL;
	watch->count = watch->size = watch->job_count = watch->job_size = 0;
}
