/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers that an admin added by hand, for one printer or for a make and model: they win over every
 * source until they are removed. Kept in STATE/manual.json.
 */
#ifndef PLATEN_MANUALS_H
#define PLATEN_MANUALS_H

#include <jansson.h>

#include "host/host.h"
#include "proto/base/fetch.h"

struct control_client;
struct spool_printer;
struct manuals;

/* 0 or -errno (logged). A file that cannot be read is set aside, and said so. */
int manuals_new(struct host *host, struct manuals **ret_manuals);
struct manuals *manuals_free(struct manuals *manuals);

/* What holds for a printer: the driver added for it, else for its make and model by name, else for
 * a model that its device id says it is, else NULL. */
const struct fetch_result *manuals_of(
	const struct manuals *manuals, const struct spool_printer *printer);

/* Row by row, from 0; NULL: no more. */
const struct fetch_result *manuals_at(const struct manuals *manuals, size_t i);

/*
 * Has a worker clean and store the driver that `fd` has, then gives it to the printer or (is_model)
 * the make and model `name`, and answers the client. 0: it answers later; -EBUSY; -errno. `fd` is
 * the caller's.
 */
int manuals_add(struct manuals *manuals, struct control_client *client, const char *name,
	bool is_model, int fd);

/* 0; -ENOENT: none was added; -errno. */
int manuals_remove(struct manuals *manuals, const char *name, bool is_model);

/* A row for each. */
json_t *manuals_json(const struct manuals *manuals);

/* The client is gone: what it waits for goes on, and is told to nobody. */
void manuals_abandon(struct manuals *manuals, const struct control_client *client);

#endif
