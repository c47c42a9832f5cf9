/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers that were added by hand.
 *
 * platend reads no byte of one: a platen-fetch cleans and stores it, like any other, from the
 * descriptor that came over the control socket. Who gets it is one small file that is written whole
 * before anything acts on it, so that a restart finds what was answered.
 */
#include "host/manuals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "host/control.h"
#include "host/fetcher.h"
#include "host/printer.h"
#include "proto/base/cleanup.h"
#include "proto/base/device-id.h"
#include "proto/base/file.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define ADD_DEADLINE 50000000ULL /* usec; platend ends a client's question after 60 s */
#define ROWS_MAX     4096

struct row {
	TAILQ_ENTRY(row) link;
	bool is_model;
	char name[TEXT_SIZE];
	int64_t added;	  /* seconds since the epoch */
	uint32_t cleaner; /* FETCH_CLEANER of the Platen that cleaned it */
	bool tried;	  /* to clean it anew */
	struct fetch_result driver;
};

struct manuals {
	struct host *host;
	TAILQ_HEAD(, row) rows;
	uint32_t count;
	/* The driver that is being added. */
	struct worker *worker;
	struct control_client *client; /* NULL: gone */
	char name[TEXT_SIZE];
	bool is_model, answered, again; /* it was added before, and is cleaned anew */
	struct fetch_result result;
};

static struct row *find(const struct manuals *manuals, const char *name, bool is_model)
{
	struct row *row;

	TAILQ_FOREACH(row, &manuals->rows, link)
	if (row->is_model == is_model &&
		(is_model ? strcasecmp(row->name, name) : strcmp(row->name, name)) == 0)
		return row;
	return NULL;
}

/* Whether a printer's device id says that it is this model, or one that the driver is for. */
static bool is_by_id(
	const char *model, const struct fetch_result *driver, const struct spool_printer *printer)
{
	return printer->device_id[0] &&
	       (device_id_is(printer->device_id, model) ||
		       device_id_match(printer->device_id, driver->device_id));
}

const struct fetch_result *manuals_of(
	const struct manuals *manuals, const struct spool_printer *printer)
{
	const struct row *row = find(manuals, printer->name, false);

	if (!row && printer->make_model[0])
		row = find(manuals, printer->make_model, true);
	if (row)
		return &row->driver;
	TAILQ_FOREACH(row, &manuals->rows, link)
	if (row->is_model && is_by_id(row->name, &row->driver, printer))
		return &row->driver;
	return NULL;
}

const struct fetch_result *manuals_at(const struct manuals *manuals, size_t i)
{
	const struct row *row;

	TAILQ_FOREACH(row, &manuals->rows, link)
	if (i-- == 0)
		return &row->driver;
	return NULL;
}

static void hex_of(const uint8_t *bytes, char hex[static SHA256_SIZE * 2 + 1])
{
	for (int i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static bool hex_parse(const char *hex, uint8_t sha256[static SHA256_SIZE])
{
	if (strlen(hex) != SHA256_SIZE * 2 || strspn(hex, "0123456789abcdef") != SHA256_SIZE * 2)
		return false;
	for (int i = 0; i < SHA256_SIZE; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &sha256[i]) != 1)
			return false;
	return true;
}

static json_t *row_json(const struct row *row)
{
	const struct fetch_result *d = &row->driver;
	char sha[SHA256_SIZE * 2 + 1], whole[SHA256_SIZE * 2 + 1];

	hex_of(d->sha256, sha);
	hex_of(d->whole_sha256, whole);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:s}",
		row->is_model ? "model" : "printer", row->name, "make_model", d->make_model,
		"sha256", sha, "size", (json_int_t)d->size, "packed_size",
		(json_int_t)d->packed_size, "text", d->text, "whole_sha256", whole, "whole_size",
		(json_int_t)d->whole_size, "whole_packed_size", (json_int_t)d->whole_packed_size,
		"filters", d->filters, "added", (json_int_t)row->added, "cleaner",
		(json_int_t)row->cleaner, "device_id", d->device_id);
}

json_t *manuals_json(const struct manuals *manuals)
{
	json_t *rows = json_array();
	const struct row *row;

	TAILQ_FOREACH(row, &manuals->rows, link)
	(void)json_array_append_new(rows, row_json(row));
	return rows;
}

static void file_path(const struct host *host, char buf[static 256])
{
	(void)snprintf(buf, 256, "%.107s/manual.json", host->config.state_dir);
}

static int save(const struct manuals *manuals)
{
	json_t *rows = manuals_json(manuals);
	_cleanup_free_ char *text = json_dumps(rows, JSON_INDENT(2));
	char path[256];

	json_decref(rows);
	if (!text)
		return -ENOMEM;
	file_path(manuals->host, path);
	return file_put(path, text, strlen(text));
}

static struct row *row_new(struct manuals *manuals, const char *name, bool is_model)
{
	struct row *row = manuals->count < ROWS_MAX ? calloc(1, sizeof(*row)) : NULL;

	if (!row)
		return NULL;
	row->is_model = is_model;
	(void)text_copy(row->name, sizeof(row->name), name);
	TAILQ_INSERT_TAIL(&manuals->rows, row, link);
	manuals->count++;
	return row;
}

static void row_free(struct manuals *manuals, struct row *row)
{
	TAILQ_REMOVE(&manuals->rows, row, link);
	manuals->count--;
	free(row);
}

static void load_row(struct manuals *manuals, json_t *is)
{
	const char *printer = json_string_value(json_object_get(is, "printer"));
	const char *model = json_string_value(json_object_get(is, "model"));
	const char *name = printer ? printer : model, *make, *sha, *text, *whole, *filters,
		   *id = "";
	struct fetch_result d = {.code = FETCH_OK, .provenance = FETCH_MANUAL};
	json_int_t size, packed, whole_size, whole_packed, added, cleaner = 1;
	struct row *row;

	if (!name || !*name || !text_is_line(name) || strlen(name) >= TEXT_SIZE ||
		json_unpack(is, "{s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:s, s:I, s?I, s?s}",
			"make_model", &make, "sha256", &sha, "size", &size, "packed_size", &packed,
			"text", &text, "whole_sha256", &whole, "whole_size", &whole_size,
			"whole_packed_size", &whole_packed, "filters", &filters, "added", &added,
			"cleaner", &cleaner, "device_id", &id) < 0 ||
		!hex_parse(sha, d.sha256) || !hex_parse(whole, d.whole_sha256) || size <= 0 ||
		size > DRIVER_SIZE_MAX || packed <= 0 || packed > DRIVER_PACKED_MAX ||
		whole_size < 0 || whole_size > DRIVER_SIZE_MAX || whole_packed < 0 ||
		whole_packed > DRIVER_PACKED_MAX)
		return;
	d.size = (uint32_t)size;
	d.packed_size = (uint32_t)packed;
	d.whole_size = (uint32_t)whole_size;
	d.whole_packed_size = (uint32_t)whole_packed;
	text_copy_line(d.make_model, sizeof(d.make_model), make);
	text_copy_line(d.text, sizeof(d.text), text);
	text_copy_line(d.filters, sizeof(d.filters), filters);
	text_copy_line(d.device_id, sizeof(d.device_id), id);
	text_copy_line(d.source, sizeof(d.source), "by hand");
	row = row_new(manuals, name, !printer);
	if (!row)
		return;
	row->driver = d;
	row->added = added;
	row->cleaner = (uint32_t)cleaner;
}

static void load(struct manuals *manuals)
{
	char path[256], aside[300];
	json_error_t error;
	json_t *rows, *row;
	size_t i;

	file_path(manuals->host, path);
	if (access(path, F_OK) < 0)
		return;
	rows = json_load_file(path, 0, &error);
	if (!json_is_array(rows)) {
		(void)snprintf(aside, sizeof(aside), "%s.damaged", path);
		(void)rename(path, aside); /* said either way */
		log_line(LOG_ERR, NULL,
			"%s is damaged (%s): set aside as %s; add the drivers by hand again", path,
			error.text, aside);
	}
	json_array_foreach(rows, i, row) load_row(manuals, row);
	json_decref(rows);
}

static void clean_next(struct manuals *manuals);

int manuals_new(struct host *host, struct manuals **ret_manuals)
{
	struct manuals *manuals = calloc(1, sizeof(*manuals));

	if (!manuals)
		return -ENOMEM;
	manuals->host = host;
	TAILQ_INIT(&manuals->rows);
	load(manuals);
	clean_next(manuals);
	*ret_manuals = manuals;
	return 0;
}

struct manuals *manuals_free(struct manuals *manuals)
{
	if (!manuals)
		return NULL;
	manuals->worker = worker_free(manuals->worker);
	while (!TAILQ_EMPTY(&manuals->rows))
		row_free(manuals, TAILQ_FIRST(&manuals->rows));
	free(manuals);
	return NULL;
}

/* Printers that this may concern are looked at again. */
static void changed(
	struct manuals *manuals, const char *name, bool is_model, const struct fetch_result *driver)
{
	struct printer *printer;

	TAILQ_FOREACH(printer, &manuals->host->printers, link)
	if (is_model ? strcasecmp(printer->is.make_model, name) == 0 ||
				is_by_id(name, driver, &printer->is) ||
				printer->driver.provenance == FETCH_MANUAL
		     : strcmp(printer->is.name, name) == 0)
		printer_driver_again(printer);
}

static int row_set(
	struct manuals *manuals, const char *name, bool is_model, const struct fetch_result *driver)
{
	struct row *row = find(manuals, name, is_model), before = {0};
	bool was = row != NULL;
	int r;

	if (!row)
		row = row_new(manuals, name, is_model);
	if (!row)
		return -ENOMEM;
	before = *row;
	row->driver = *driver;
	row->cleaner = FETCH_CLEANER;
	if (!manuals->again)
		row->added = time(NULL);
	r = save(manuals);
	if (r == 0)
		changed(manuals, name, is_model, driver);
	else if (was) {
		row->driver = before.driver;
		row->cleaner = before.cleaner;
		row->added = before.added;
	} else
		row_free(manuals, row);
	return r;
}

int manuals_remove(struct manuals *manuals, const char *name, bool is_model)
{
	struct row *row = find(manuals, name, is_model);
	struct fetch_result gone;
	int r;

	if (!row)
		return -ENOENT;
	TAILQ_REMOVE(&manuals->rows, row, link);
	r = save(manuals);
	TAILQ_INSERT_TAIL(&manuals->rows, row, link);
	if (r < 0)
		return r;
	gone = row->driver;
	row_free(manuals, row);
	changed(manuals, name, is_model, &gone);
	return 0;
}

static void on_message(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	struct manuals *manuals = userdata;

	(void)worker;
	(void)fd;
	if (!manuals->answered)
		manuals->answered = fetcher_result_take(msg, &manuals->result);
}

/* The driver is in the store, or was refused: the client hears, if it is still there. */
static void added(struct manuals *manuals)
{
	struct control_client *client = manuals->client;
	const struct fetch_result *result = &manuals->result;
	struct log_about about = {.printer = manuals->name};
	int r;

	manuals->client = NULL;
	if (!manuals->answered || result->code != FETCH_OK) {
		if (client)
			control_fault(client, "bad-request", "", "the driver was not added: %s",
				manuals->answered ? result->text
						  : "platen-fetch ended without an answer");
		return;
	}
	r = row_set(manuals, manuals->name, manuals->is_model, result);
	if (r == 0)
		log_line(LOG_INFO, &about, "driver added by hand: %s", result->text);
	if (client && r < 0)
		control_fault(client, "failed", "is the state folder's disk full?",
			"the driver cannot be noted: %s", strerror(-r));
	else if (client)
		control_answer(client, row_json(find(manuals, manuals->name, manuals->is_model)));
}

/* A driver that the cleaner of today refuses is used no more; the row says so until it is removed
 * or another is added. */
static void cleaned_again(struct manuals *manuals)
{
	struct row *row = find(manuals, manuals->name, manuals->is_model);
	const struct fetch_result *result = &manuals->result;
	struct log_about about = {.printer = manuals->name};

	if (!row)
		return;
	if (manuals->answered && result->code == FETCH_OK) {
		if (row_set(manuals, manuals->name, manuals->is_model, result) == 0)
			log_line(LOG_INFO, &about, "driver added by hand cleaned anew: %s",
				result->text);
	} else if (manuals->answered && result->code == FETCH_REFUSED) {
		row->driver.code = FETCH_REFUSED;
		memcpy(row->driver.text, result->text, sizeof(row->driver.text));
		changed(manuals, manuals->name, manuals->is_model, &row->driver);
	} else {
		log_line(LOG_ERR, &about, "driver added by hand not cleaned anew: %s",
			manuals->answered ? result->text : "platen-fetch ended without an answer");
	}
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct manuals *manuals = userdata;

	(void)timed_out;
	manuals->answered &= status == 0;
	manuals->worker = worker_free(worker);
	if (manuals->again)
		cleaned_again(manuals);
	else
		added(manuals);
	clean_next(manuals);
}

/* Has a worker clean what `fd` has, for this row. */
static int begin(struct manuals *manuals, const char *name, bool is_model, int fd)
{
	struct ipc_head add = {.type = FETCH_ADD, .size = sizeof(add)};
	struct fetcher_call call = {
		.request = &add,
		.fd = fd,
		.deadline_usec = ADD_DEADLINE,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = manuals,
	};

	manuals->answered = false;
	manuals->is_model = is_model;
	(void)text_copy(manuals->name, sizeof(manuals->name), name);
	return fetcher_start(manuals->host, &call, &manuals->worker);
}

int manuals_add(struct manuals *manuals, struct control_client *client, const char *name,
	bool is_model, int fd)
{
	int r;

	if (manuals->worker)
		return -EBUSY;
	manuals->again = false;
	r = begin(manuals, name, is_model, fd);
	if (r == 0)
		manuals->client = client;
	return r;
}

/* What was added, or, of an older Platen that did not keep it, what came of it. */
static int original_open(const struct manuals *manuals, const struct row *row)
{
	char hex[SHA256_SIZE * 2 + 1], path[512];
	int fd;

	hex_of(row->driver.sha256, hex);
	(void)snprintf(path, sizeof(path), "%.107s/drivers/originals/%s.gz",
		manuals->host->config.state_dir, hex);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		fd = open(fetcher_driver_path(manuals->host, row->driver.sha256, path),
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

/* Begins with the next driver that another version of Platen has cleaned. */
static void clean_next(struct manuals *manuals)
{
	struct row *row;

	TAILQ_FOREACH(row, &manuals->rows, link)
	{
		_cleanup_close_ int fd = -1;

		if (manuals->worker)
			return;
		if (row->cleaner == FETCH_CLEANER || row->tried)
			continue;
		row->tried = true;
		fd = original_open(manuals, row);
		manuals->again = true;
		if (fd < 0 || begin(manuals, row->name, row->is_model, fd) < 0)
			log_line(LOG_ERR, NULL,
				"the driver added by hand for %s was cleaned by another version of "
				"Platen and cannot be cleaned anew: add it again",
				row->name);
	}
}

void manuals_abandon(struct manuals *manuals, const struct control_client *client)
{
	if (manuals->client == client)
		manuals->client = NULL;
}
