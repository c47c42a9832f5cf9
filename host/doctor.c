/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain from libvirt to a queue in a guest, link by link.
 *
 * A fault is told once, at the link where it is; the links behind it are skipped, for what they
 * show follows from it. Each fault has a line that says what to do.
 */
#include "host/doctor.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/domains.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/restarts.h"
#include "host/spooler.h"
#include "host/vsock.h"
#include "host/workspace.h"
#include "proto/base/text.h"

static void check(json_t *checks, const char *link, const struct workspace *ws, const char *state,
	const char *text, const char *fix)
{
	json_array_append_new(checks, json_pack("{s:s, s:o, s:s, s:s, s:s}", "link", link,
					      "workspace", ws ? json_string(ws->name) : json_null(),
					      "state", state, "text", text, "fix", fix));
}

static void check_spooler(struct host *host, json_t *checks)
{
	const char *text;

	if (!spooler_up(host->spooler, &text))
		return check(checks, "spooler", NULL, "fault", text,
			"start it: `systemctl start cups`, and look at `systemctl status cups`");
	check(checks, "spooler", NULL, "ok", text, "");
	text = spooler_events(host->spooler);
	if (text[0])
		check(checks, "events", NULL, "fault", text,
			"all works, only later: see \"The notifier\" in platend(8)");
	else
		check(checks, "events", NULL, "ok", "of cupsd arrive", "");
}

/* What a wrong `cups-spool` costs shows only when the power goes, so it is said before. */
static void check_documents(struct host *host, json_t *checks)
{
	char text[MESSAGE_SIZE];
	int error = access(host->config.cups_spool, X_OK) < 0 ? errno : 0;

	(void)text_printf(text, sizeof(text), "%s: %s", host->config.cups_spool,
		error		 ? strerror(error)
		: host->unsynced ? "the spooler keeps its documents elsewhere: they cannot be "
				   "synced, and one may be printed in part after a loss of power"
				 : "documents are synced before they are printed");
	if (error || host->unsynced)
		check(checks, "documents", NULL, "fault", text,
			"have `cups-spool` in platen.conf name the RequestRoot of cups-files.conf, "
			"and `systemctl reload platend`");
	else
		check(checks, "documents", NULL, "ok", text, "");
}

/* That it was damaged is said until somebody has put the old one away. */
static void check_ledger(struct host *host, json_t *checks)
{
	char path[256], text[MESSAGE_SIZE], day[32] = "";
	int64_t damaged = ledger_note(host->ledger, LEDGER_DAMAGED);
	time_t t = (time_t)damaged;
	struct tm tm;

	if (host->rebuilding)
		return check(checks, "ledger", NULL, "fault",
			"it is built anew from the spooler's jobs; until then no job is taken",
			"the spooler has to answer: see its line");
	(void)snprintf(path, sizeof(path), "%s/ledger.db.damaged", host->config.state_dir);
	if (!damaged || access(path, F_OK) < 0)
		return check(checks, "ledger", NULL, "ok", "whole", "");
	if (localtime_r(&t, &tm))
		(void)strftime(day, sizeof(day), "%F %H:%M", &tm);
	(void)text_printf(text, sizeof(text),
		"it was damaged and was built anew from the spooler's jobs on %s; the old one is "
		"%s",
		day, path);
	check(checks, "ledger", NULL, "fault", text,
		"look whether the disk is in order, then remove that file");
}

static int count_one(const struct ledger_job *row, void *userdata)
{
	(void)row;
	(*(int *)userdata)++;
	return 0;
}

static void check_jobs(struct host *host, json_t *checks)
{
	char text[MESSAGE_SIZE];
	int asked = 0;

	(void)ledger_walk(host->ledger, LEDGER_ASKED, UINT32_MAX, count_one, &asked);
	if (!asked)
		return check(checks, "jobs", NULL, "ok", "none waits for a decision", "");
	(void)text_printf(text, sizeof(text), "of %d nobody knows whether %s printed", asked,
		asked == 1 ? "it was" : "they were");
	check(checks, "jobs", NULL, "fault", text,
		"look at the printer, then `platenctl job retry` or `platenctl job forget`; "
		"`platenctl jobs` lists them");
}

static void check_printers(struct host *host, json_t *checks)
{
	int all = 0, local = 0, without = 0, pending = 0;
	char text[MESSAGE_SIZE], names[256] = "";
	struct printer *printer;

	TAILQ_FOREACH(printer, &host->printers, link)
	{
		all++;
		local += printer->is.kind == PRINTER_LOCAL;
		if (printer->is.kind == PRINTER_LOCAL || printer->status == DRIVER_READY)
			continue;
		if (printer->status == DRIVER_PENDING) {
			pending++;
			continue;
		}
		without++;
		if (strlen(names) + strlen(printer->is.name) + 3 < sizeof(names)) {
			if (names[0])
				strcat(names, ", ");
			strcat(names, printer->is.name);
		}
	}
	if (all == 0)
		return check(checks, "printers", NULL, "fault",
			"the host's spooler has no printers",
			"add one: `lpadmin -p NAME -E -v URI -m everywhere`");
	(void)text_printf(text, sizeof(text), "%d, of them %d local", all, local);
	if (all == local && host->mode != MODE_ALL)
		check(checks, "printers", NULL, "fault",
			"all printers are local, and mode is network",
			"offer them too: `platenctl mode --default all`");
	else
		check(checks, "printers", NULL, "ok", text, "");
	if (without) {
		(void)text_printf(text, sizeof(text), "%d without a driver: %s", without, names);
		check(checks, "drivers", NULL, "fault", text,
			"`platenctl printers` says why for each");
	} else if (pending) {
		(void)text_printf(text, sizeof(text), "%d being looked for", pending);
		check(checks, "drivers", NULL, "skipped", text, "look again in a moment");
	} else {
		check(checks, "drivers", NULL, "ok", "each printer has one", "");
	}
}

/* A line of a workspace, with its name in what to do. */
static void check_named(json_t *checks, const char *link, const struct workspace *ws,
	const char *state, const char *text, const char *before, const char *after)
{
	char fix[MESSAGE_SIZE];

	(void)text_printf(fix, sizeof(fix), "%s%s%s", before, ws->name, after);
	check(checks, link, ws, state, text, fix);
}

static void check_guest(const struct workspace *ws, json_t *checks)
{
	int offered = 0, ready = 0;
	char text[MESSAGE_SIZE];

	if (!ws->guest.spooler_up) {
		check(checks, "guest-spooler", ws, "fault", "the workspace's cupsd does not answer",
			"in the workspace: `systemctl start cups`");
		return check(checks, "queues", ws, "skipped", "", "");
	}
	check(checks, "guest-spooler", ws, "ok", ws->guest.spooler, "");
	for (uint32_t i = 0; i < ws->offer_count; i++) {
		offered += ws->offers[i].printer != NULL;
		ready += ws->offers[i].printer && ws->offers[i].report == REPORT_READY;
	}
	(void)text_printf(text, sizeof(text), "%d of %d ready", ready, offered);
	if (ready < offered)
		check_named(checks, "queues", ws, "fault", text, "`platenctl printers ",
			"` and `platenctl explain` say why");
	else
		check(checks, "queues", ws, "ok", text, "");
}

/* A device that libvirt could not give to the domain as it runs. */
static void check_later(const struct workspace *ws, json_t *checks)
{
	char text[MESSAGE_SIZE], fix[MESSAGE_SIZE];
	bool vsock = ws->domain.later & VIRT_DEVICE_VSOCK;
	bool refused = vsock && ws->domain.confined;

	(void)text_printf(text, sizeof(text), "%s is attached, but not to the domain as it runs%s",
		vsock ? "vsock" : "the channel",
		refused ? ": AppArmor, which confines it, lets libvirt add none" : "");
	(void)text_printf(fix, sizeof(fix),
		"its next start brings it, a reboot does not: `virsh shutdown %s`, `virsh start "
		"%s`%s",
		ws->name, ws->name,
		refused ? "; domains that are started after the line `/dev/vhost-vsock rw,` was "
			  "put into /etc/apparmor.d/local/abstractions/libvirt-qemu get it at once"
			: "");
	check(checks, vsock ? "vsock" : "channel", ws, "fault", text, fix);
}

/* A workspace that would come by vsock, and nobody listens. */
static void check_listener(const struct workspace *ws, json_t *checks)
{
	int error = vsock_error(ws->host->vsock);
	char text[MESSAGE_SIZE];
	const char *fix;

	switch (error) {
	case 0: return;
	case -ENODEV: fix = "vsock-port in platen.conf, and `systemctl reload platend`"; break;
	case -EADDRINUSE:
		fix = "`ss -l --vsock` shows whose the port is; or another vsock-port in "
		      "platen.conf, and in platen-agent.conf of the workspaces; tried again each "
		      "minute";
		break;
	case -EACCES:
	case -EPERM:
		fix = "a security module refuses it: `journalctl -k -g denied`; tried again each "
		      "minute";
		break;
	default: fix = "`modprobe vhost_vsock`, and `systemctl reload platend`"; break;
	}
	(void)text_printf(text, sizeof(text), "platend does not listen for vsock: %s",
		error == -ENODEV ? "the settings do not have it" : strerror(-error));
	check(checks, "vsock", ws, "fault", text, fix);
}

/* The domain and its devices. Returns whether the agent can be looked at. */
static bool check_domain(const struct workspace *ws, json_t *checks)
{
	bool by_vsock = ws->domain.devices & VIRT_DEVICE_VSOCK;

	if (ws->by_libvirt && by_vsock)
		check_listener(ws, checks);
	if (ws->by_libvirt && !ws->domain.running) {
		check_named(checks, "domain", ws, "skipped", "shut off", "start it: `virsh start ",
			"`");
		return false;
	}
	if (ws->by_libvirt && ws->domain.paused) {
		check_named(checks, "domain", ws, "skipped", "paused", "`virsh resume ", "`");
		return false;
	}
	check(checks, "domain", ws, "ok", ws->by_libvirt ? "running" : "of platen.conf", "");
	if (ws->by_libvirt && ws->domain.later)
		check_later(ws, checks);
	if (ws->by_libvirt && !ws->domain.devices) {
		if (!ws->domain.later)
			check_named(checks, "channel", ws, "fault",
				"the domain has no Platen channel", "add one: `platenctl attach ",
				"`");
		return false;
	}
	if (!ws->greeted && ws->refusal[0])
		return true; /* the channel closes with it, and is no fault of its own */
	if (ws->channel) {
		check(checks, "channel", ws, "ok", "open", "");
	} else if (!ws->by_libvirt) {
		check(checks, "channel", ws, "skipped", ws->text[0] ? ws->text : "not connected",
			"in the workspace: `systemctl status platen-agent`, and look whether its "
			"`path` is the workspace's `socket` in platen.conf");
		return false;
	} else if (ws->domain.devices & VIRT_DEVICE_VIRTIO) {
		check_named(checks, "channel", ws, "fault",
			ws->text[0] ? ws->text : "not connected",
			"platend tries again by itself; if this stays: `platenctl detach ",
			"`, and "
			"attach it again");
		return false;
	}
	return true;
}

/* Why nobody speaks in a workspace whose channel is there. */
static void check_silence(const struct workspace *ws, json_t *checks)
{
	char text[MESSAGE_SIZE];

	if (ws->refusal[0])
		return check(checks, "agent", ws, "fault", ws->refusal,
			"install the platen-guest that belongs to this host's platen-host "
			"(" PLATEN_VERSION ") in the workspace, or that one's platen-host here");
	if (ws->agent[0]) {
		(void)text_printf(text, sizeof(text), "%s was here and has gone%s%.380s", ws->agent,
			ws->text[0] ? ": " : "", ws->text);
		return check(checks, "agent", ws, "fault", text,
			"in the workspace: `systemctl start platen-agent`, and look at `journalctl "
			"-u platen-agent`");
	}
	check(checks, "agent", ws, "fault", "no agent has answered since the workspace's start",
		"in the workspace: install platen-guest; if it is there, `systemctl status "
		"platen-agent`; one that boots takes a minute");
}

static void check_workspace(const struct workspace *ws, json_t *checks)
{
	if (!check_domain(ws, checks))
		return;
	if (workspace_mode(ws) == MODE_OFF)
		return check_named(checks, "agent", ws, "skipped",
			"redirection is off for this workspace", "switch it on: `platenctl mode ",
			" network`");
	if (!ws->greeted)
		return check_silence(ws, checks);
	check(checks, "agent", ws, "ok", ws->agent, "");
	check_guest(ws, checks);
}

/* What to do where libvirt does not answer: it may not be there at all, or be in its newer parts.
 */
static const char *libvirt_advice(const struct host *host)
{
	bool ours = strncmp(host->config.libvirt_uri, "qemu:///", 8) == 0;

	if (ours && access("/usr/sbin/libvirtd", X_OK) < 0 &&
		access("/usr/sbin/virtqemud", X_OK) < 0)
		return "install libvirt-daemon-system; where all workspaces are containers, set "
		       "libvirt-uri to nothing in platen.conf, and `systemctl restart platend`";
	if (ours && access("/usr/sbin/libvirtd", X_OK) < 0)
		return "start it: `systemctl start virtqemud.socket`, and look at `systemctl "
		       "status virtqemud`";
	return "start it: `systemctl start libvirtd`, and look at `systemctl status libvirtd`";
}

static void check_libvirt(struct host *host, json_t *checks)
{
	const char *text;

	if (!host->config.libvirt_uri[0])
		check(checks, "libvirt", NULL, "skipped", "not used (libvirt-uri is empty)", "");
	else if (domains_up(host->domains, &text))
		check(checks, "libvirt", NULL, "ok", text, "");
	else
		check(checks, "libvirt", NULL, "fault", text, libvirt_advice(host));
}

/* What the files say holds, or it is said what does not. */
static void check_settings(const struct host *host, json_t *checks)
{
	if (host->unread_fault)
		check(checks, "settings", NULL, "fault", host->unread,
			"mend it, and `systemctl reload platend`; until then those before hold");
	else if (host->unread[0])
		check(checks, "settings", NULL, "fault", host->unread,
			"`systemctl restart platend`; jobs under way go on afterwards");
	else
		check(checks, "settings", NULL, "ok", host->config.path, "");
}

static void check_rights(const struct host *host, bool may_change, json_t *checks)
{
	const char *group = host->config.admin_group;
	char text[MESSAGE_SIZE], fix[MESSAGE_SIZE];

	if (may_change)
		return check(checks, "rights", NULL, "ok", "you may change things", "");
	if (!group[0])
		return check(checks, "rights", NULL, "skipped",
			"you may look only: changing is for root", "use sudo");
	(void)text_printf(text, sizeof(text),
		"you may look only: changing is for root and the group %s", group);
	(void)text_printf(
		fix, sizeof(fix), "use sudo, or `sudo usermod -aG %s YOU` and log in anew", group);
	check(checks, "rights", NULL, "skipped", text, fix);
}

json_t *doctor_checks(struct host *host, struct workspace *only, bool may_change)
{
	json_t *checks = json_array(), *vsock = json_array();
	struct workspace *ws;
	bool any = false;

	check_libvirt(host, checks);
	check_spooler(host, checks);
	check_documents(host, checks);
	check_ledger(host, checks);
	check_jobs(host, checks);
	check_printers(host, checks);
	check_settings(host, checks);
	check_rights(host, may_change, checks);
	TAILQ_FOREACH(ws, &host->workspaces, link)
	{
		if (only && ws != only)
			continue;
		any = true;
		if (ws->by_libvirt && (ws->domain.devices | ws->domain.later) & VIRT_DEVICE_VSOCK)
			json_array_append_new(vsock, json_string(ws->name));
		check_workspace(ws, checks);
	}
	if (!any)
		check(checks, "domain", NULL, "fault", "no domain has a Platen channel",
			"add one: `platenctl attach DOMAIN`; `virsh list --all` lists them");
	return json_pack("{s:I, s:o, s:o}", "started", (json_int_t)host->started, "vsock", vsock,
		"checks", checks);
}

static void step(json_t *steps, bool ok, const char *text)
{
	json_array_append_new(
		steps, json_pack("{s:s, s:s}", "state", ok ? "ok" : "no", "text", text));
}

/* Where it is rendered, if that was asked for to be in the workspace. */
static void explain_rendering(
	const struct printer *printer, const struct offer_entry *entry, json_t *steps)
{
	const struct renderings *renderings = printer->host->renderings;
	const struct rendering_package *package = renderings_package(renderings, printer->is.name);
	const char *from;
	char text[MESSAGE_SIZE];
	bool there = entry && entry->report == REPORT_READY && entry->rendering == RENDERING_GUEST;

	if (renderings_of(renderings, printer->is.name, &from) != RENDERING_GUEST)
		return;
	if (!offer_is_whole(printer))
		(void)text_printf(text, sizeof(text),
			"rendering = guest (%s), but its driver has no filter that a workspace "
			"could run: the host renders",
			from);
	else
		(void)text_printf(text, sizeof(text),
			"rendering = guest (%s), filters %s, package %s: the %s renders", from,
			printer->driver.filters,
			package ? package->name : "none (`platenctl driver package add` gives one)",
			there ? "workspace" : "host");
	step(steps, there, text);
}

/* What to do where something is in the way, a line of MESSAGE_SIZE; empty: nothing is. */
static void advise(char *ret_fix, const char *before, const char *name, const char *after)
{
	(void)text_printf(ret_fix, MESSAGE_SIZE, "%s%s%s", before, name, after);
}

/* The steps of a printer that exists, and what to do. */
static void explain_printer(struct workspace *ws, const struct printer *printer, json_t *steps,
	bool *ret_offered, char *ret_fix)
{
	struct offer_entry *entry = offer_find(ws, printer->is.name);
	enum mode mode = workspace_mode(ws);
	char text[MESSAGE_SIZE];
	bool fits = mode == MODE_ALL || (mode == MODE_NETWORK && printer->is.kind != PRINTER_LOCAL);

	(void)text_printf(text, sizeof(text), "the host's spooler has it: %s, %s",
		printer_kind_name(printer->is.kind), printer_state_name(printer->is.state));
	step(steps, true, text);
	(void)text_printf(text, sizeof(text), "mode is %s (%s): %s printers are %soffered",
		mode_name(mode), ws->own_mode ? "of this workspace" : "the host's default",
		printer_kind_name(printer->is.kind), fits ? "" : "not ");
	step(steps, fits, text);
	if (!fits)
		return advise(ret_fix, "`platenctl mode ", ws->name,
			mode == MODE_OFF ? " network` switches redirection on"
					 : " all` offers local printers too");
	(void)text_printf(text, sizeof(text), "%s%s%s%s%.380s",
		printer->status == DRIVER_MISSING ? "driver-missing" : "driver: ",
		printer->status == DRIVER_MISSING ? "" : printer_driver_name(printer),
		printer->status == DRIVER_READY && printer->driver.provenance == FETCH_GENERIC
			? " (vendor options are missing)"
			: "",
		printer->driver.text[0] ? ": " : "", printer->driver.text);
	step(steps, printer->status == DRIVER_READY, text);
	if (printer->status == DRIVER_MISSING)
		return advise(ret_fix, "`platenctl driver add FILE --printer ", printer->is.name,
			"` gives it one; what other sources may be asked is `drivers` in "
			"platen.conf");
	if (printer->status != DRIVER_READY)
		return advise(
			ret_fix, "see the driver's line; it is looked for again by itself", "", "");
	*ret_offered = true;
	(void)text_printf(text, sizeof(text), "the workspace is %s%s%.380s",
		workspace_link_name(ws), ws->text[0] ? ": " : "", ws->text);
	step(steps, ws->greeted, text);
	if (!ws->greeted)
		return advise(ret_fix, "`platenctl doctor ", ws->name, "` looks at each link");
	(void)text_printf(text, sizeof(text), "the workspace's agent says: %s%s%.380s",
		report_name(entry ? entry->report : 0), entry && entry->report_text ? ": " : "",
		entry && entry->report_text ? entry->report_text : "");
	step(steps, entry && entry->report == REPORT_READY, text);
	explain_rendering(printer, entry, steps);
	if (restarts_text(ws->restarts, text)[0])
		step(steps, true, text);
	if (entry && (entry->report == REPORT_NAME_TAKEN || entry->report == REPORT_DEVICE_TAKEN))
		advise(ret_fix,
			"a queue made by hand is in its place: remove that one in the workspace to "
			"have this one",
			"", "");
}

json_t *doctor_explain(struct workspace *ws, const char *name)
{
	struct printer *printer = printer_find(ws->host, name);
	json_t *steps = json_array();
	char fix[MESSAGE_SIZE] = "";
	bool offered = false;

	if (printer) {
		explain_printer(ws, printer, steps, &offered, fix);
	} else {
		step(steps, false, "the host's spooler has no printer of this name");
		advise(fix, "`platenctl printers` lists the host's", "", "");
	}
	return json_pack("{s:s, s:s, s:b, s:o, s:s}", "printer", printer ? printer->is.name : name,
		"workspace", ws->name, "offered", offered, "steps", steps, "fix", fix);
}
