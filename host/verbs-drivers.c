/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers and driver packages, as an administrator sees and gives them.
 *
 * What is given comes as a descriptor beside the request, opened by who asks: platend opens no file
 * in anybody's name. It is cleaned and kept by platen-fetch before anything here looks at it.
 */
#include <errno.h>
#include <string.h>

#include "host/fetcher.h"
#include "host/manuals.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/verbs.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

/* Whom a driver by hand is for: a printer, or a make and model. NULL: the client was answered. */
static const char *driver_name(struct control_client *client, const json_t *request, bool *is_model)
{
	const char *printer = verb_text(request, "printer"), *model = verb_text(request, "model");
	const char *name = printer ? printer : model;

	*is_model = !printer;
	if (name && *name && strlen(name) < TEXT_SIZE && text_is_line(name) &&
		(*is_model || text_is_queue(name)))
		return name;
	control_fault(client, "bad-request", "`platenctl printers` lists the host's",
		"the name of a printer, or a make and model, is wanted");
	return NULL;
}

void verb_driver_add(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	_cleanup_close_ int fd = control_take_fd(client);
	bool is_model;
	const char *name;
	int r;

	if (!verb_must_change(client))
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

void verb_driver_remove(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	bool is_model;
	const char *name;
	int r;

	if (!verb_must_change(client))
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

void verb_driver_list(struct control_client *client, const json_t *request)
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

void verb_driver_refresh(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *only = verb_text(request, "printer");
	struct printer *printer;
	uint32_t count = 0;

	if (!verb_must_change(client))
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
	const char *name = verb_text(request, "printer");

	if (name && text_is_queue(name) && strlen(name) < NAME_SIZE)
		return name;
	control_fault(client, "bad-request", "`platenctl printers` lists the host's",
		"the name of a printer is wanted");
	return NULL;
}

void verb_rendering(struct control_client *client, const json_t *request)
{
	struct host *host = control_host(client);
	const char *name = printer_name_of(client, request);
	const char *word = verb_text(request, "rendering"), *from;
	enum rendering rendering;
	int r;

	if (!name)
		return;
	if (word && !verb_must_change(client))
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
	const char *name = printer_name_of(client, request), *file = verb_text(request, "name");
	const char *word = verb_text(request, "restart");
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

void verb_package_add(struct control_client *client, const json_t *request)
{
	if (verb_must_change(client))
		package_add(client, request);
}

void verb_package_list(struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, json_pack("{s:o}", "packages",
				       renderings_packages(control_host(client)->renderings)));
}

void verb_package_remove(struct control_client *client, const json_t *request)
{
	const char *name = printer_name_of(client, request);
	int r;

	if (!name || !verb_must_change(client))
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
