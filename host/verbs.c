/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platenctl can ask and have done: one function per verb, from a table.
 *
 * Each reads what it needs from the request, which is untrusted, and answers with JSON of what
 * platend knows; nothing is looked up elsewhere, so an answer never waits, except where libvirt
 * has to do something: then the client waits for platen-virt's result.
 */
#include <errno.h>
#include <string.h>

#include "host/control.h"
#include "host/decide.h"
#include "host/doctor.h"
#include "host/domains.h"
#include "host/job.h"
#include "host/fetcher.h"
#include "host/manuals.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/spooler.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define JOBS_SHOWN 1000	 /* unless a request says another limit */
#define JOBS_MOST  20000 /* in one answer */

static const char *text_of(const json_t *untrusted_request, const char *key)
{
	return json_string_value(json_object_get(untrusted_request, key));
}

/* The workspace that a request names; answers the client if there is none. */
static struct workspace *workspace_of(struct control_client *client, const json_t *request)
{
	const char *name = text_of(request, "workspace");
	struct workspace *ws = name ? workspace_named(control_host(client), name) : NULL;

	if (!ws)
		control_fault(client, "not-found",
			"`platenctl workspaces` lists them; a domain becomes one by `platenctl "
			"attach`",
			"no workspace named %s", name ? name : "(none)");
	return ws;
}

static bool must_change(struct control_client *client)
{
	if (control_may_change(client))
		return true;
	control_fault(client, "not-permitted", "run it as root or as a member of the group lpadmin",
		"this is for administrators");
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
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:s}",
		"name", ws->name, "uuid", uuid_format(&ws->uuid, uuid), "state", state, "mode",
		mode_name(workspace_mode(ws)), "mode_from", ws->own_mode ? "workspace" : "host",
		"owner", workspace_owner(ws, owner), "channel", channel, "link",
		workspace_link_name(ws), "agent", ws->greeted ? ws->agent : "", "offered", offered,
		"ready", ready, "jobs", jobs_of(ws), "text", ws->text, "restart",
		restarts_text(ws->restarts, restart));
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

	if (text_of(request, "workspace")) {
		ws = workspace_of(client, request);
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
	struct jobs_wanted wanted = {.workspace = text_of(request, "workspace"),
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
	if (must_change(client))
		decide_verb(client, request);
}

static json_t *mode_data(struct host *host, const struct workspace *ws)
{
	return json_pack("{s:o, s:s, s:s}", "workspace", ws ? json_string(ws->name) : json_null(),
		"mode", mode_name(ws ? workspace_mode(ws) : host->mode), "mode_from",
		ws && ws->own_mode ? "workspace" : "host");
}

/* The errno of a request to libvirt as words of the control protocol. */
static void virt_fault(struct control_client *client, const struct virt_result *result)
{
	const char *code = result->error == -ENOENT	 ? "not-found"
			   : result->error == -ENOTCONN	 ? "unavailable"
			   : result->error == -ETIMEDOUT ? "timeout"
							 : "failed";

	control_fault(client, code,
		result->error == -ENOTCONN ? "`platenctl doctor` looks why" : "", "%s",
		result->text[0] ? result->text : strerror(-result->error));
}

static void on_mode_set(const struct virt_result *result, void *userdata)
{
	struct control_client *client = userdata;
	struct workspace *ws = workspace_find(control_host(client), &result->uuid);

	if (result->error < 0)
		virt_fault(client, result);
	else
		control_answer(client, mode_data(control_host(client), ws));
}

static void mode_of_domain(struct control_client *client, struct workspace *ws, enum mode mode)
{
	struct virt_set set = {.head = {.type = VIRT_SET, .size = sizeof(set)},
		.mode = (uint32_t)mode,
		.uuid = ws->uuid};
	int r;

	r = domains_request(
		control_host(client)->domains, &set.head, &set.serial, on_mode_set, client);
	if (r < 0) {
		control_fault(client, "unavailable", "`platenctl doctor` looks why",
			"libvirt cannot be asked to store it: %s", strerror(-r));
		return;
	}
	/* In force at once; the metadata's own event says the same in a moment. */
	ws->own_mode = mode;
	offer_update(ws);
	control_wait(client);
}

static void verb_mode(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *word = text_of(request, "mode");
	struct workspace *ws = NULL;
	enum mode mode;
	int r;

	if (text_of(request, "workspace")) {
		ws = workspace_of(client, request);
		if (!ws)
			return;
	}
	if (!word)
		return control_answer(client, mode_data(host, ws));
	if (!must_change(client))
		return;
	mode = mode_parse(word);
	if (mode == MODE_UNSET && strcmp(word, "unset") != 0)
		return control_fault(client, "bad-request", "off, network, all or unset",
			"no mode named %s", word);
	if (ws && ws->by_libvirt)
		return mode_of_domain(client, ws, mode);
	if (ws) {
		ws->own_mode = mode;
		offer_update(ws);
	} else {
		r = host_set_mode(host, mode);
		if (r < 0)
			return control_fault(client, "failed", "is the state folder's disk full?",
				"the mode cannot be stored: %s", strerror(-r));
	}
	control_answer(client, mode_data(host, ws));
}

static void on_attached(const struct virt_result *result, void *userdata)
{
	struct control_client *client = userdata;

	if (result->error < 0)
		virt_fault(client, result);
	else
		control_answer(client,
			json_pack("{s:s, s:b}", "text", result->text, "live", result->live));
}

/* attach and detach: also for a domain that is no workspace yet, by name or UUID. */
static void attach(struct control_client *client, const json_t *request, uint32_t type)
{
	struct host *host = control_host(client);
	const char *name = text_of(request, "workspace"), *device = text_of(request, "device");
	struct virt_request m = {.head = {.type = type, .size = sizeof(m)},
		.device = device && strcmp(device, "vsock") == 0 ? VIRT_DEVICE_VSOCK
								 : VIRT_DEVICE_VIRTIO};
	struct workspace *ws = name ? workspace_named(host, name) : NULL;
	int r;

	if (!must_change(client))
		return;
	if (!name || !text_is_line(name) || text_copy(m.name, sizeof(m.name), name) < 0)
		return control_fault(client, "bad-request", NULL, "attach needs a domain's name");
	if (ws && !ws->by_libvirt)
		return control_fault(client, "bad-request", NULL,
			"%s is a workspace of platen.conf: it has a socket, no device", ws->name);
	if (ws)
		m.uuid = ws->uuid;
	r = domains_request(host->domains, &m.head, &m.serial, on_attached, client);
	if (r < 0)
		return control_fault(client, "unavailable", "`platenctl doctor` looks why",
			"libvirt cannot be asked: %s", strerror(-r));
	control_wait(client);
}

static void verb_attach(struct control_client *client, const json_t *request)
{
	attach(client, request, VIRT_ATTACH);
}

static void verb_detach(struct control_client *client, const json_t *request)
{
	attach(client, request, VIRT_DETACH);
}

/* Whom a driver by hand is for: a printer, or a make and model. NULL: the client was answered. */
static const char *driver_name(struct control_client *client, const json_t *request, bool *is_model)
{
	const char *printer = text_of(request, "printer"), *model = text_of(request, "model");
	const char *name = printer ? printer : model;

	*is_model = !printer;
	if (name && *name && strlen(name) < TEXT_SIZE && text_is_line(name) &&
		(*is_model || text_is_queue(name)))
		return name;
	control_fault(client, "bad-request", "`platenctl printers` lists the host's",
		"the name of a printer, or a make and model, is wanted");
	return NULL;
}

static void verb_driver_add(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	_cleanup_close_ int fd = control_take_fd(client);
	bool is_model;
	const char *name;
	int r;

	if (!must_change(client))
		return;
	name = driver_name(client, request, &is_model);
	if (!name)
		return;
	if (!is_model && !printer_find(host, name))
		return control_fault(client, "not-found", "`platenctl printers` lists the host's",
			"the host's spooler has no printer %s", name);
	if (fd < 0)
		return control_fault(client, "bad-request", NULL, "the driver's file is wanted");
	r = manuals_add(host->manuals, client, name, is_model, fd);
	if (r == -EBUSY)
		return control_fault(client, "unavailable", "try again in a moment",
			"another driver is being added");
	if (r < 0)
		return control_fault(client, "failed", "", "it cannot be added: %s", strerror(-r));
	control_wait(client);
}

static void verb_driver_remove(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	bool is_model;
	const char *name;
	int r;

	if (!must_change(client))
		return;
	name = driver_name(client, request, &is_model);
	if (!name)
		return;
	r = manuals_remove(host->manuals, name, is_model);
	if (r == -ENOENT)
		return control_fault(client, "not-found", "`platenctl driver list` has them",
			"no driver was added by hand for %s", name);
	if (r < 0)
		return control_fault(client, "failed", "is the state folder's disk full?",
			"it cannot be noted: %s", strerror(-r));
	control_answer(client, json_pack("{s:s}", is_model ? "model" : "printer", name));
}

static json_t *driver_row(const struct printer *printer)
{
	const struct fetch_result *d = &printer->driver;
	static const char *const looked[] = {[0] = "",
		[FETCH_OK] = "fetched",
		[FETCH_UNCHANGED] = "unchanged",
		[FETCH_MISSING] = "missing",
		[FETCH_REFUSED] = "refused",
		[FETCH_FAILED] = "failed"};
	char hex[SHA256_SIZE * 2 + 1] = "", path[256] = "";

	if (printer->status == DRIVER_READY) {
		for (int i = 0; i < SHA256_SIZE; i++)
			(void)snprintf(hex + 2 * i, 3, "%02x", d->sha256[i]);
		(void)fetcher_driver_path(printer->host, d->sha256, path);
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:s, s:s}", "printer",
		printer->is.name, "driver", printer_driver_name(printer), "make_model",
		d->make_model, "source", d->source, "text", d->text, "sha256", hex, "size",
		(json_int_t)(printer->status == DRIVER_READY ? d->size : 0), "path", path,
		"fetching", printer->wanted || printer->fetching, "looked", looked[printer->looked],
		"looked_text", printer->looked_text);
}

static void verb_driver_list(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	json_t *rows = json_array();
	struct printer *printer;

	(void)request;
	TAILQ_FOREACH(printer, &host->printers, link)
	(void)json_array_append_new(rows, driver_row(printer));
	control_answer(client,
		json_pack("{s:o, s:o}", "drivers", rows, "manual", manuals_json(host->manuals)));
}

static void verb_driver_refresh(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *only = text_of(request, "printer");
	struct printer *printer;
	uint32_t count = 0;

	if (!must_change(client))
		return;
	TAILQ_FOREACH(printer, &host->printers, link)
	{
		if (only && strcmp(printer->is.name, only) != 0)
			continue;
		count++;
		fetcher_want(host->fetcher, printer);
	}
	if (only && !count)
		return control_fault(client, "not-found", "`platenctl printers` lists the host's",
			"the host's spooler has no printer %s", only);
	control_answer(client, json_pack("{s:I}", "count", (json_int_t)count));
}

/* The name of a printer, which need not be there (now); answers the client if it is none. */
static const char *printer_name_of(struct control_client *client, const json_t *request)
{
	const char *name = text_of(request, "printer");

	if (name && text_is_queue(name) && strlen(name) < NAME_SIZE)
		return name;
	control_fault(client, "bad-request", "`platenctl printers` lists the host's",
		"the name of a printer is wanted");
	return NULL;
}

static void verb_rendering(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *name = printer_name_of(client, request);
	const char *word = text_of(request, "rendering"), *from;
	enum rendering rendering;
	int r;

	if (!name)
		return;
	if (word && !must_change(client))
		return;
	rendering = word ? rendering_parse(word) : RENDERING_COUNT;
	if (word && rendering == RENDERING_COUNT && strcmp(word, "unset") != 0)
		return control_fault(client, "bad-request", "host, guest or unset",
			"no rendering named %s", word);
	if (!printer_find(host, name) && rendering != RENDERING_COUNT)
		return control_fault(client, "not-found", "`platenctl printers` lists the host's",
			"the host's spooler has no printer %s", name);
	r = word ? renderings_set(host->renderings, name, rendering) : 0;
	if (r < 0)
		return control_fault(client, "failed", "is the state folder's disk full?",
			"it cannot be stored: %s", strerror(-r));
	rendering = renderings_of(host->renderings, name, &from);
	control_answer(client, json_pack("{s:s, s:s, s:s}", "printer", name, "rendering",
				       rendering_name(rendering), "from", from));
}

static void package_add(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *name = printer_name_of(client, request), *file = text_of(request, "name");
	const char *word = text_of(request, "restart");
	enum restart_level restart = restart_level_parse(word ? word : "none");
	_cleanup_close_ int fd = control_take_fd(client);
	int r;

	if (!name)
		return;
	if (!printer_find(host, name))
		return control_fault(client, "not-found", "`platenctl printers` lists the host's",
			"the host's spooler has no printer %s", name);
	if (restart == LEVEL_COUNT)
		return control_fault(client, "bad-request", "none, spooler or workspace",
			"no restart level named %s", word);
	if (fd < 0 || !file || !rendering_is_name(file))
		return control_fault(client, "bad-request",
			"its name has at most 127 bytes and no control characters",
			"a package's file and its name are wanted");
	r = renderings_package_add(host->renderings, client, name, file, restart, fd);
	if (r == -EBUSY)
		return control_fault(client, "unavailable", "try again in a moment",
			"another package is being added");
	if (r < 0)
		return control_fault(client, "failed", "", "it cannot be added: %s", strerror(-r));
	control_wait(client);
}

static void verb_package_add(struct control_client *client, const json_t *request)
{
	if (must_change(client))
		package_add(client, request);
}

static void verb_package_list(struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, json_pack("{s:o}", "packages",
				       renderings_packages(control_host(client)->renderings)));
}

static void verb_package_remove(struct control_client *client, const json_t *request)
{
	const char *name = printer_name_of(client, request);
	int r;

	if (!name || !must_change(client))
		return;
	r = renderings_package_remove(control_host(client)->renderings, name);
	if (r == -ENOENT)
		return control_fault(client, "not-found",
			"`platenctl driver package list` lists them", "%s has no package", name);
	if (r < 0)
		return control_fault(client, "failed", "is the state folder's disk full?",
			"it cannot be stored: %s", strerror(-r));
	control_answer(client, json_pack("{s:s}", "printer", name));
}

static void on_policy_set(const struct virt_result *result, void *userdata)
{
	struct control_client *client = userdata;
	struct workspace *ws = workspace_find(control_host(client), &result->uuid);

	if (result->error < 0 || !ws)
		virt_fault(client, result);
	else
		control_answer(client, restarts_json(ws->restarts));
}

/* The workspace's own policy, kept with its domain. */
static void policy_set(struct control_client *client, struct workspace *ws, const char *word)
{
	enum restart_policy policy = restart_policy_parse(word);
	struct virt_set set = {.head = {.type = VIRT_SET, .size = sizeof(set)},
		.set_restart = 1,
		.restart = (uint32_t)policy,
		.uuid = ws->uuid};
	int r;

	if (policy == RESTART_UNSET && strcmp(word, "unset") != 0)
		return control_fault(client, "bad-request", "auto, ask, never or unset",
			"no restart policy named %s", word);
	if (ws->by_libvirt) {
		r = domains_request(control_host(client)->domains, &set.head, &set.serial,
			on_policy_set, client);
		if (r < 0)
			return control_fault(client, "unavailable", "`platenctl doctor` looks why",
				"libvirt cannot be asked to store it: %s", strerror(-r));
	}
	ws->own_restart = policy;
	restarts_look(ws->restarts);
	if (ws->by_libvirt)
		control_wait(client);
	else
		control_answer(client, restarts_json(ws->restarts));
}

static void verb_restart(struct control_client *client, const json_t *request)
{
	struct workspace *ws = workspace_of(client, request);
	const char *action = text_of(request, "action"), *policy = text_of(request, "policy");
	json_int_t seconds = json_integer_value(json_object_get(request, "seconds"));

	if (!ws)
		return;
	if (!action && !policy)
		return control_answer(client, restarts_json(ws->restarts));
	if (!must_change(client))
		return;
	if (policy)
		return policy_set(client, ws, policy);
	if (strcmp(action, "now") == 0)
		restarts_order(ws->restarts, ORDER_NOW);
	else if (strcmp(action, "ask") == 0)
		restarts_order(ws->restarts, ORDER_ASK);
	else if (strcmp(action, "cancel") == 0)
		restarts_cancel(ws->restarts);
	else if (strcmp(action, "defer") == 0 && seconds > 0 && seconds <= RESTART_SEC_MAX)
		restarts_defer(ws->restarts, seconds);
	else
		return control_fault(client, "bad-request", NULL,
			"restart wants now, ask, cancel, or defer by 1 s to 30 days");
	control_answer(client, restarts_json(ws->restarts));
}

static void verb_doctor(struct control_client *client, const json_t *request)
{
	struct workspace *ws = NULL;

	if (text_of(request, "workspace")) {
		ws = workspace_of(client, request);
		if (!ws)
			return;
	}
	control_answer(client, doctor_checks(control_host(client), ws));
}

static void verb_explain(struct control_client *client, const json_t *request)
{
	struct workspace *ws = workspace_of(client, request);
	const char *name = text_of(request, "printer");

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
	const char *verb = text_of(untrusted_request, "verb");

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, verb) == 0)
			return verbs[i].function(client, untrusted_request);
	control_fault(client, "bad-request", "platenctl and platend may be of different versions",
		"no such verb");
}
