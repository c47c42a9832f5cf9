/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator does to a workspace: its mode, its channel's device, its restarts.
 *
 * Mode and restart policy of a domain lie in its metadata and its devices in its definition, so
 * that these are for libvirt to carry out: the client waits for platen-virt's word.
 */
#include <errno.h>
#include <string.h>

#include "host/domains.h"
#include "host/restarts.h"
#include "host/verbs.h"
#include "host/workspace.h"
#include "proto/base/text.h"

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

void verb_mode(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *word = verb_text(request, "mode");
	struct workspace *ws = NULL;
	enum mode mode;
	int r;

	if (verb_text(request, "workspace")) {
		ws = verb_workspace(client, request);
		if (!ws)
			return;
	}
	if (!word)
		return control_answer(client, mode_data(host, ws));
	if (!verb_must_change(client))
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
	const char *name = verb_text(request, "workspace"), *device = verb_text(request, "device");
	struct virt_request m = {.head = {.type = type, .size = sizeof(m)},
		.device = device && strcmp(device, "vsock") == 0 ? VIRT_DEVICE_VSOCK
								 : VIRT_DEVICE_VIRTIO};
	struct workspace *ws = name ? workspace_named(host, name) : NULL;
	int r;

	if (!verb_must_change(client))
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

void verb_attach(struct control_client *client, const json_t *request)
{
	attach(client, request, VIRT_ATTACH);
}

void verb_detach(struct control_client *client, const json_t *request)
{
	attach(client, request, VIRT_DETACH);
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

void verb_restart(struct control_client *client, const json_t *request)
{
	struct workspace *ws = verb_workspace(client, request);
	const char *action = verb_text(request, "action"), *policy = verb_text(request, "policy");
	json_int_t seconds = json_integer_value(json_object_get(request, "seconds"));

	if (!ws)
		return;
	if (!action && !policy)
		return control_answer(client, restarts_json(ws->restarts));
	if (!verb_must_change(client))
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
