/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platenctl can ask and have done: one function per verb, from a table.
 *
 * Each reads what it needs from the request, which is untrusted, and answers with JSON of what
 * platend knows; nothing is looked up elsewhere, so an answer never waits, except where libvirt
 * has to do something: then the client waits for platen-virt's result.
 */
#include <string.h>

#include "host/decide.h"
#include "host/doctor.h"
#include "host/domains.h"
#include "host/job.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/spooler.h"
#include "host/verbs.h"
#include "host/workspace.h"
#include "proto/base/text.h"

#define JOBS_SHOWN 1000	 /* unless a request says another limit */
#define JOBS_MOST  20000 /* in one answer */

const char *verb_text(const json_t *untrusted_request, const char *key)
{
	return json_string_value(json_object_get(untrusted_request, key));
}

struct workspace *verb_workspace(struct control_client *client, const json_t *request)
{
	const char *name = verb_text(request, "workspace");
	struct workspace *ws = name ? workspace_named(control_host(client), name) : NULL;

	if (!ws)
		control_fault(client, "not-found",
			"`platenctl workspaces` lists them; a domain becomes one by `platenctl "
			"attach`",
			"no workspace named %s", name ? name : "(none)");
	return ws;
}

bool verb_must_change(struct control_client *client)
{
	const char *group = control_host(client)->config.admin_group;
	char hint[MESSAGE_SIZE];

	if (control_may_change(client))
		return true;
	(void)text_printf(hint, sizeof(hint), "run it as root%s%s",
		group[0] ? " or as a member of the group " : "", group);
	control_fault(client, "not-permitted", hint, "this is for administrators");
	return false;
}

static json_t *link_up(bool up, const char *text)
{
	return json_pack("{s:b, s:s}", "up", up, "text", text);
}

static void verb_status(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *virt_text, *spool_text;
	bool virt = domains_up(host->domains, &virt_text);
	bool spool = spooler_up(host->spooler, &spool_text);
	int workspaces = 0, connected = 0, printers = 0, drivers = 0, jobs = 0;
	json_t *faults = json_array(), *restarts = json_array();
	char text[MESSAGE_SIZE];
	struct workspace *ws;
	struct printer *printer;
	struct job *job;

	(void)request;
	TAILQ_FOREACH(ws, &host->workspaces, link)
	{
		workspaces++;
		connected += ws->greeted;
		if (restarts_text(ws->restarts, text)[0])
			json_array_append_new(restarts_is_fault(ws->restarts) ? faults : restarts,
				json_sprintf("workspace %s: %s", ws->name, text));
	}
	TAILQ_FOREACH(printer, &host->printers, link)
	{
		printers++;
		drivers += printer->status == DRIVER_READY;
		if (printer->status > DRIVER_READY && printer->is.kind != PRINTER_LOCAL)
			json_array_append_new(faults,
				json_sprintf("printer %s: driver%s%s: %s", printer->is.name,
					printer->status == DRIVER_MISSING ? "-" : " ",
					printer_driver_name(printer), printer->driver.text));
	}
	TAILQ_FOREACH(job, &host->jobs, link)
	jobs += job->stage != JOB_ENDED;
	if (!virt && host->config.libvirt_uri[0])
		json_array_append_new(faults, json_sprintf("libvirt: %s", virt_text));
	if (!spool)
		json_array_append_new(faults, json_sprintf("spooler: %s", spool_text));
	if (host->unread[0])
		json_array_append_new(faults, json_sprintf("settings: %s", host->unread));
	control_answer(client,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:i, s:i, s:i, s:i, s:i}, s:o, s:o}",
			"version", PLATEN_VERSION, "host", host->name, "mode",
			mode_name(host->mode), "libvirt", link_up(virt, virt_text), "spooler",
			link_up(spool, spool_text), "counts", "workspaces", workspaces, "connected",
			connected, "printers", printers, "drivers", drivers, "jobs", jobs,
			"restarts", restarts, "faults", faults));
}

static int jobs_of(const struct workspace *ws)
{
	struct job *job;
	int n = 0;

	TAILQ_FOREACH(job, &ws->host->jobs, link)
	n += job->workspace == ws && job->stage != JOB_ENDED;
	return n;
}

static json_t *kept_from(const struct workspace *ws)
{
	const struct quota_counts *kept = &ws->quota.kept;

	return json_pack("{s:I, s:I, s:I, s:I}", "options", (json_int_t)kept->options, "jobs",
		(json_int_t)kept->jobs, "lines", (json_int_t)kept->lines, "connections",
		(json_int_t)kept->connections);
}

static json_t *workspace_row(const struct workspace *ws)
{
	static const char *const transports[] = {"none", "virtio", "vsock", "unix"};
	const char *state = !ws->by_libvirt	  ? "unknown"
			    : !ws->domain.running ? "shut-off"
			    : ws->domain.paused	  ? "paused"
						  : "running";
	const char *channel = transports[ws->transport];
	char uuid[UUID_TEXT_SIZE], owner[USER_SIZE], restart[MESSAGE_SIZE];
	int offered = 0, ready = 0;

	if (ws->transport == TRANSPORT_NONE && ws->by_libvirt && ws->domain.devices)
		channel = ws->domain.devices & VIRT_DEVICE_VIRTIO ? "virtio" : "vsock";
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		offered += ws->offers[i].printer != NULL;
		ready += ws->offers[i].printer && ws->offers[i].report == REPORT_READY;
	}
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:o}",
		"name", ws->name, "uuid", uuid_format(&ws->uuid, uuid), "state", state, "mode",
		mode_name(workspace_mode(ws)), "mode_from", ws->own_mode ? "workspace" : "host",
		"owner", workspace_owner(ws, owner), "channel", channel, "link",
		workspace_link_name(ws), "agent", ws->greeted ? ws->agent : "", "protocol",
		ws->greeted ? (int)ws->version : 0, "offered", offered, "ready", ready, "jobs",
		jobs_of(ws), "text", ws->text, "restart", restarts_text(ws->restarts, restart),
		"kept", kept_from(ws));
}

static void verb_workspaces(struct control_client *client, const json_t *request)
{
	json_t *rows = json_array();
	struct workspace *ws;

	(void)request;
	TAILQ_FOREACH(ws, &control_host(client)->workspaces, link)
	json_array_append_new(rows, workspace_row(ws));
	control_answer(client, json_pack("{s:o}", "workspaces", rows));
}

/* Where a printer is rendered: what is wanted, and what is in force in a workspace. */
static void add_rendering(
	json_t *row, const struct printer *printer, const struct offer_entry *entry)
{
	const struct renderings *renderings = printer->host->renderings;
	const struct rendering_package *package = renderings_package(renderings, printer->is.name);
	const char *from;
	enum rendering rendering = renderings_of(renderings, printer->is.name, &from);
	bool there = entry && entry->printer && entry->report == REPORT_READY;

	(void)json_object_set_new(row, "rendering", json_string(rendering_name(rendering)));
	(void)json_object_set_new(row, "rendering_from", json_string(from));
	(void)json_object_set_new(
		row, "package", package ? json_string(package->name) : json_null());
	(void)json_object_set_new(row, "rendering_there",
		there ? json_string(rendering_name(entry->rendering)) : json_null());
}

static json_t *printer_row(const struct printer *printer, struct workspace *ws)
{
	struct offer_entry *entry = ws ? offer_find(ws, printer->is.name) : NULL;
	char why[MESSAGE_SIZE] = "", hex[SHA256_SIZE * 2 + 1] = "";
	const char *guest = "-", *text = printer->is.text;
	json_t *row;
	bool offered = ws && printer_is_offered(printer, workspace_mode(ws), why);

	for (int i = 0; printer->status == DRIVER_READY && i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", printer->driver.sha256[i]);
	if (entry && entry->printer) {
		guest = report_name(entry->report);
		if (entry->report_text)
			text = entry->report_text;
	}
	if (ws && !offered)
		text = why;
	else if (printer->status == DRIVER_READY && !offer_is_whole(printer) &&
		 renderings_of(printer->host->renderings, printer->is.name, NULL) ==
			 RENDERING_GUEST)
		text = "the host renders: its driver has no filter that a workspace could run";
	row = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "name",
		printer->is.name, "kind", printer_kind_name(printer->is.kind), "state",
		printer_state_name(printer->is.state), "accepting", printer->is.accepting, "driver",
		printer_driver_name(printer), "driver_sha256", hex, "driver_text",
		printer->driver.text, "info", printer->is.info, "location", printer->is.location,
		"make_model", printer->is.make_model, "offered",
		ws ? json_boolean(offered) : json_null(), "guest", guest, "text", text);
	if (row)
		add_rendering(row, printer, entry);
	return row;
}

static void verb_printers(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	struct workspace *ws = NULL;
	struct printer *printer;
	json_t *rows;

	if (verb_text(request, "workspace")) {
		ws = verb_workspace(client, request);
		if (!ws)
			return;
	}
	rows = json_array();
	TAILQ_FOREACH(printer, &host->printers, link)
	json_array_append_new(rows, printer_row(printer, ws));
	control_answer(client, json_pack("{s:o, s:o}", "workspace",
				       ws ? json_string(ws->name) : json_null(), "printers", rows));
}

static json_t *job_row(const struct ledger_job *row, const char *phase, const char *text)
{
	char uuid[UUID_TEXT_SIZE], workspace[UUID_TEXT_SIZE], name[32];

	(void)uuid_format(&row->key.job, uuid);
	(void)snprintf(name, sizeof(name), "%.8s/%u", uuid, row->key.file);
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:I, s:I,"
			 " s:i, s:i, s:I, s:I, s:I, s:s}",
		"name", name, "uuid", uuid, "file", (int)row->key.file, "workspace",
		row->workspace_name, "workspace_uuid", uuid_format(&row->key.workspace, workspace),
		"printer", row->printer, "host_job", (int)row->host_job, "guest_job",
		(int)row->guest_job, "title", row->title, "user", row->user, "owner", row->owner,
		"phase", phase, "bytes", (json_int_t)(row->state == LEDGER_OPEN ? 0 : row->size),
		"size", (json_int_t)row->size, "pages", (int)row->pages, "sheets", (int)row->sheets,
		"opened", (json_int_t)row->opened, "released", (json_int_t)row->released, "ended",
		(json_int_t)row->ended, "text", text);
}

/* Rows that a request asks for. */
struct jobs_wanted {
	json_t *rows;
	const char *workspace; /* of that name only; NULL: of all */
	json_int_t most;
};

static void add_job(struct jobs_wanted *wanted, const struct ledger_job *row, const char *phase,
	const char *text)
{
	if (!wanted->workspace || strcmp(wanted->workspace, row->workspace_name) == 0)
		json_array_append_new(wanted->rows, job_row(row, phase, text));
}

static int add_asked(const struct ledger_job *row, void *userdata)
{
	add_job(userdata, row, job_row_phase(row), row->text);
	return 0;
}

static int add_decided(const struct ledger_job *row, void *userdata)
{
	return row->ended ? 0 : add_asked(row, userdata);
}

static int add_ended(const struct ledger_job *row, void *userdata)
{
	struct jobs_wanted *wanted = userdata;

	if (row->ended && row->state != LEDGER_ASK)
		(void)add_asked(row, userdata);
	return (json_int_t)json_array_size(wanted->rows) >= wanted->most;
}

static void verb_jobs(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	json_t *limit = json_object_get(request, "limit");
	struct jobs_wanted wanted = {.workspace = verb_text(request, "workspace"),
		.most = limit ? json_integer_value(limit) : JOBS_SHOWN};
	struct job *job;

	if (wanted.most < 1 || wanted.most > JOBS_MOST)
		return control_fault(client, "bad-request", NULL,
			"a limit of 1 to %d jobs is wanted", JOBS_MOST);
	wanted.rows = json_array();
	TAILQ_FOREACH(job, &host->jobs, link)
	if (!job->row.ended && job->row.state != LEDGER_RETRY)
		add_job(&wanted, &job->row, job_phase_name(job->phase), job->text);
	(void)ledger_walk(host->ledger, LEDGER_ASKED, JOBS_MOST, add_asked, &wanted);
	(void)ledger_walk(host->ledger, LEDGER_DECIDED, JOBS_MOST, add_decided, &wanted);
	if (json_is_true(json_object_get(request, "all")))
		(void)ledger_walk(host->ledger, LEDGER_ALL, UINT32_MAX, add_ended, &wanted);
	control_answer(client, json_pack("{s:o}", "jobs", wanted.rows));
}

static void verb_job(struct control_client *client, const json_t *request)
{
	if (verb_must_change(client))
		decide_verb(client, request);
}

static void verb_doctor(struct control_client *client, const json_t *request)
{
	struct workspace *ws = NULL;

	if (verb_text(request, "workspace")) {
		ws = verb_workspace(client, request);
		if (!ws)
			return;
	}
	control_answer(client, doctor_checks(control_host(client), ws, control_may_change(client)));
}

static void verb_explain(struct control_client *client, const json_t *request)
{
	struct workspace *ws = verb_workspace(client, request);
	const char *name = verb_text(request, "printer");

	if (!ws)
		return;
	if (!name)
		return control_fault(client, "bad-request", NULL, "explain needs a printer's name");
	control_answer(client, doctor_explain(ws, name));
}

void verbs_dispatch(struct control_client *client, const json_t *untrusted_request)
{
	static const struct {
		const char *name;
		void (*function)(struct control_client *client, const json_t *request);
	} verbs[] = {
		{"status", verb_status},
		{"workspaces", verb_workspaces},
		{"printers", verb_printers},
		{"jobs", verb_jobs},
		{"job", verb_job},
		{"mode", verb_mode},
		{"attach", verb_attach},
		{"detach", verb_detach},
		{"rendering", verb_rendering},
		{"driver-add", verb_driver_add},
		{"driver-list", verb_driver_list},
		{"driver-remove", verb_driver_remove},
		{"driver-refresh", verb_driver_refresh},
		{"package-add", verb_package_add},
		{"package-list", verb_package_list},
		{"package-remove", verb_package_remove},
		{"restart", verb_restart},
		{"doctor", verb_doctor},
		{"explain", verb_explain},
	};
	const char *verb = verb_text(untrusted_request, "verb");

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, verb) == 0)
			return verbs[i].function(client, untrusted_request);
	control_fault(client, "bad-request", "platenctl and platend may be of different versions",
		"no such verb");
}
