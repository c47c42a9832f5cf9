/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which printers workspaces render themselves, and with whose packages.
 *
 * What an admin sets lives in one small file that is written whole before anything acts on it, so a
 * restart finds what was answered. A package's bytes are never read here: a worker copies them into
 * the store from the descriptor that came over the control socket, and tells their hash.
 */
#include "host/renderings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control.h"
#include "host/fetcher.h"
#include "host/printer.h"
#include "proto/base/cleanup.h"
#include "proto/base/fetch.h"
#include "proto/base/file.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define KEEP_DEADLINE 50000000ULL /* usec; platend ends a client's question after 60 s */
#define ROWS_MAX      4096

struct row {
	TAILQ_ENTRY(row) link;
	char printer[NAME_SIZE];
	enum rendering rendering; /* RENDERING_COUNT: not said */
	bool has_package;
	struct rendering_package package;
};

struct renderings {
	struct host *host;
	TAILQ_HEAD(, row) rows;
	uint32_t count;
	/* The package that is being kept. */
	struct worker *worker;
	struct control_client *client; /* NULL: gone */
	char printer[NAME_SIZE];
	struct rendering_package adding;
	bool answered;
	struct fetch_result result;
};

enum rendering rendering_parse(const char *word)
{
	return strcmp(word, "host") == 0    ? RENDERING_HOST
	       : strcmp(word, "guest") == 0 ? RENDERING_GUEST
					    : RENDERING_COUNT;
}

bool rendering_is_name(const char *name)
{
	return name[0] && strlen(name) < NAME_SIZE && text_is_line(name) && !strchr(name, '/');
}

const char *rendering_name(uint32_t rendering)
{
	return rendering == RENDERING_GUEST ? "guest" : "host";
}

const char *restart_level_name(uint32_t level)
{
	static const char *const names[LEVEL_COUNT] = {"none", "spooler", "workspace"};

	return level < LEVEL_COUNT ? names[level] : "unknown";
}

enum restart_level restart_level_parse(const char *word)
{
	enum restart_level level = LEVEL_NONE;

	while (level < LEVEL_COUNT && strcmp(restart_level_name(level), word) != 0)
		level++;
	return level;
}

static char *hex_of(const uint8_t sha256[static SHA256_SIZE], char hex[static SHA256_SIZE * 2 + 1])
{
	for (int i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
	return hex;
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

char *renderings_package_path(
	const struct host *host, const struct rendering_package *package, char buf[static 256])
{
	char hex[SHA256_SIZE * 2 + 1];

	(void)snprintf(buf, 256, "%.107s/drivers/packages/%s.%s", host->config.state_dir,
		hex_of(package->sha256, hex), package->rpm ? "rpm" : "deb");
	return buf;
}

static struct row *find(const struct renderings *renderings, const char *printer)
{
	struct row *row;

	TAILQ_FOREACH(row, &renderings->rows, link)
	if (strcmp(row->printer, printer) == 0)
		return row;
	return NULL;
}

static struct row *get(struct renderings *renderings, const char *printer)
{
	struct row *row = find(renderings, printer);

	if (row || renderings->count == ROWS_MAX)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->rendering = RENDERING_COUNT;
	(void)text_copy(row->printer, sizeof(row->printer), printer);
	TAILQ_INSERT_TAIL(&renderings->rows, row, link);
	renderings->count++;
	return row;
}

/* Forgets a row that says nothing any more. */
static void tidy(struct renderings *renderings, struct row *row)
{
	if (row->has_package || row->rendering != RENDERING_COUNT)
		return;
	TAILQ_REMOVE(&renderings->rows, row, link);
	renderings->count--;
	free(row);
}

static json_t *package_row(const struct rendering_package *package)
{
	char hex[SHA256_SIZE * 2 + 1];

	return json_pack("{s:s, s:I, s:s, s:s, s:s}", "sha256", hex_of(package->sha256, hex),
		"size", (json_int_t)package->size, "name", package->name, "kind",
		package->rpm ? "rpm" : "deb", "restart", restart_level_name(package->restart));
}

static void file_path(const struct host *host, char buf[static 256])
{
	(void)snprintf(buf, 256, "%.107s/printers.json", host->config.state_dir);
}

static int save(const struct renderings *renderings)
{
	json_t *object = json_object();
	_cleanup_free_ char *text = NULL;
	const struct row *row;
	char path[256];

	TAILQ_FOREACH(row, &renderings->rows, link)
	{
		json_t *is = json_object();

		if (row->rendering != RENDERING_COUNT)
			(void)json_object_set_new(
				is, "rendering", json_string(rendering_name(row->rendering)));
		if (row->has_package)
			(void)json_object_set_new(is, "package", package_row(&row->package));
		(void)json_object_set_new(object, row->printer, is);
	}
	text = json_dumps(object, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(object);
	if (!text)
		return -ENOMEM;
	file_path(renderings->host, path);
	return file_put(path, text, strlen(text));
}

static void load_row(struct renderings *renderings, const char *printer, const json_t *is)
{
	const char *word = json_string_value(json_object_get(is, "rendering"));
	const char *sha, *name, *kind, *restart;
	struct rendering_package package = {0};
	json_t *has = json_object_get(is, "package");
	json_int_t size;
	struct row *row = text_is_queue(printer) && strlen(printer) < NAME_SIZE
				  ? get(renderings, printer)
				  : NULL;

	if (!row)
		return;
	if (word)
		row->rendering = rendering_parse(word);
	if (has &&
		json_unpack(has, "{s:s, s:I, s:s, s:s, s:s}", "sha256", &sha, "size", &size, "name",
			&name, "kind", &kind, "restart", &restart) == 0 &&
		hex_parse(sha, package.sha256) && size > 0 && size <= PACKAGE_SIZE_MAX &&
		rendering_is_name(name) &&
		text_copy(package.name, sizeof(package.name), name) == 0 &&
		restart_level_parse(restart) != LEVEL_COUNT) {
		package.size = (uint32_t)size;
		package.rpm = strcmp(kind, "rpm") == 0;
		package.restart = restart_level_parse(restart);
		row->package = package;
		row->has_package = true;
	}
	tidy(renderings, row);
}

static void load(struct renderings *renderings)
{
	char path[256], aside[300];
	json_t *object, *is;
	const char *printer;
	json_error_t error;

	file_path(renderings->host, path);
	if (access(path, F_OK) < 0)
		return;
	object = json_load_file(path, 0, &error);
	if (!json_is_object(object)) {
		(void)snprintf(aside, sizeof(aside), "%s.damaged", path);
		(void)rename(path, aside); /* said either way */
		log_line(LOG_ERR, NULL,
			"%s is damaged (%s): set aside as %s; set renderings and packages anew",
			path, error.text, aside);
		json_decref(object);
		return;
	}
	json_object_foreach(object, printer, is) load_row(renderings, printer, is);
	json_decref(object);
}

int renderings_new(struct host *host, struct renderings **ret_renderings)
{
	struct renderings *renderings = calloc(1, sizeof(*renderings));

	if (!renderings)
		return -ENOMEM;
	renderings->host = host;
	TAILQ_INIT(&renderings->rows);
	load(renderings);
	*ret_renderings = renderings;
	return 0;
}

struct renderings *renderings_free(struct renderings *renderings)
{
	struct row *row;

	if (!renderings)
		return NULL;
	renderings->worker = worker_free(renderings->worker);
	while ((row = TAILQ_FIRST(&renderings->rows))) {
		TAILQ_REMOVE(&renderings->rows, row, link);
		free(row);
	}
	free(renderings);
	return NULL;
}

enum rendering renderings_of(
	const struct renderings *renderings, const char *printer, const char **ret_from)
{
	const struct row *row = find(renderings, printer);
	const struct config_printer *config =
		config_printer_find(&renderings->host->config, printer);
	const char *from;

	if (!ret_from)
		ret_from = &from;
	*ret_from = "platenctl";
	if (row && row->rendering != RENDERING_COUNT)
		return row->rendering;
	*ret_from = config ? "platen.conf" : "default";
	return config ? config->rendering : RENDERING_HOST;
}

const struct rendering_package *renderings_package(
	const struct renderings *renderings, const char *printer)
{
	const struct row *row = find(renderings, printer);

	return row && row->has_package ? &row->package : NULL;
}

/* Workspaces are to hear of it. */
static void changed(struct renderings *renderings, const char *name)
{
	struct printer *printer = printer_find(renderings->host, name);

	if (printer)
		host_printer_changed(renderings->host, printer, true, false);
}

int renderings_set(struct renderings *renderings, const char *printer, enum rendering rendering)
{
	struct row *row = get(renderings, printer);
	enum rendering before;
	int r;

	if (!row)
		return -ENOMEM;
	before = row->rendering;
	row->rendering = rendering;
	r = save(renderings);
	if (r < 0)
		row->rendering = before;
	else
		changed(renderings, printer);
	tidy(renderings, row);
	return r;
}

/* Takes a package's file away that no printer has any more. */
static void file_forget(struct renderings *renderings, const struct rendering_package *package)
{
	const struct row *row;
	char path[256];

	TAILQ_FOREACH(row, &renderings->rows, link)
	if (row->has_package && memcmp(row->package.sha256, package->sha256, SHA256_SIZE) == 0)
		return;
	(void)unlink(renderings_package_path(renderings->host, package, path)); /* only room */
}

static int package_set(
	struct renderings *renderings, const char *printer, const struct rendering_package *package)
{
	struct row *row = get(renderings, printer);
	struct row before;
	int r;

	if (!row)
		return -ENOMEM;
	before = *row;
	row->has_package = package != NULL;
	if (package)
		row->package = *package;
	r = save(renderings);
	if (r < 0) {
		row->has_package = before.has_package;
		row->package = before.package;
		tidy(renderings, row);
		return r;
	}
	tidy(renderings, row);
	if (before.has_package)
		file_forget(renderings, &before.package);
	changed(renderings, printer);
	return 0;
}

int renderings_package_remove(struct renderings *renderings, const char *printer)
{
	return renderings_package(renderings, printer) ? package_set(renderings, printer, NULL)
						       : -ENOENT;
}

json_t *renderings_packages(const struct renderings *renderings)
{
	json_t *rows = json_array();
	const struct row *row;

	TAILQ_FOREACH(row, &renderings->rows, link)
	{
		json_t *is = row->has_package ? package_row(&row->package) : NULL;

		if (!is)
			continue;
		(void)json_object_set_new(is, "printer", json_string(row->printer));
		(void)json_object_set_new(is, "rendering",
			json_string(rendering_name(renderings_of(renderings, row->printer, NULL))));
		(void)json_array_append_new(rows, is);
	}
	return rows;
}

static void on_message(struct worker *worker, const struct ipc_head *msg, int *fd, void *userdata)
{
	struct renderings *renderings = userdata;
	struct fetch_result *result = &renderings->result;

	(void)worker;
	(void)fd;
	if (msg->type != FETCH_RESULT || msg->size != sizeof(*result) || renderings->answered)
		return;
	memcpy(result, msg, sizeof(*result));
	renderings->answered = text_terminated(result->source, sizeof(result->source)) &&
			       text_terminated(result->text, sizeof(result->text)) &&
			       (result->code != FETCH_OK ||
				       (result->size > 0 && result->size <= PACKAGE_SIZE_MAX));
}

/* The copy is made, or not: the client hears, if it is still there. */
static void kept(struct renderings *renderings)
{
	struct control_client *client = renderings->client;
	struct log_about about = {.printer = renderings->printer};
	const struct fetch_result *result = &renderings->result;
	int r;

	renderings->client = NULL;
	if (!renderings->answered || result->code != FETCH_OK) {
		if (client)
			control_fault(client,
				renderings->answered && result->code == FETCH_REFUSED
					? "bad-request"
					: "failed",
				"", "the package was not added: %s",
				renderings->answered
					? result->text
					: "the worker that copies it ended without an answer");
		return;
	}
	memcpy(renderings->adding.sha256, result->sha256, SHA256_SIZE);
	renderings->adding.size = result->size;
	renderings->adding.rpm = strcmp(result->source, "rpm") == 0;
	r = package_set(renderings, renderings->printer, &renderings->adding);
	if (r == 0)
		log_line(LOG_INFO, &about, "package %s, %u bytes, restart level %s",
			renderings->adding.name, renderings->adding.size,
			restart_level_name(renderings->adding.restart));
	if (client && r < 0)
		control_fault(client, "failed", "is the state folder's disk full?",
			"the package cannot be noted: %s", strerror(-r));
	else if (client)
		control_answer(client, package_row(&renderings->adding));
}

static void on_exit_worker(struct worker *worker, int status, bool timed_out, void *userdata)
{
	struct renderings *renderings = userdata;

	(void)timed_out;
	renderings->answered &= status == 0;
	renderings->worker = worker_free(worker);
	kept(renderings);
}

int renderings_package_add(struct renderings *renderings, struct control_client *client,
	const char *printer, const char *name, enum restart_level restart, int fd)
{
	struct ipc_head keep = {.type = FETCH_KEEP, .size = sizeof(keep)};
	struct fetcher_call call = {
		.request = &keep,
		.fd = fd,
		.deadline_usec = KEEP_DEADLINE,
		.on_message = on_message,
		.on_exit = on_exit_worker,
		.userdata = renderings,
	};
	int r;

	if (renderings->worker)
		return -EBUSY;
	renderings->answered = false;
	renderings->adding = (struct rendering_package){.restart = restart};
	(void)text_copy(renderings->adding.name, sizeof(renderings->adding.name), name);
	(void)text_copy(renderings->printer, sizeof(renderings->printer), printer);
	r = fetcher_start(renderings->host, &call, &renderings->worker);
	if (r == 0)
		renderings->client = client;
	return r;
}

void renderings_abandon(struct renderings *renderings, const struct control_client *client)
{
	if (renderings->client == client)
		renderings->client = NULL;
}
