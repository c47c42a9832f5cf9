/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each printer is rendered, and the packages that workspaces need for it: what platen.conf
 * says, and over it what an admin said by platenctl, which is kept in STATE/printers.json.
 */
#ifndef PLATEN_RENDERINGS_H
#define PLATEN_RENDERINGS_H

#include <jansson.h>

#include "host/host.h"

struct control_client;
struct renderings;

/* A package in the store that brings a printer's filters. */
struct rendering_package {
	uint8_t sha256[SHA256_SIZE];
	uint32_t size;	  /* bytes */
	uint32_t restart; /* enum restart_level that it was declared with */
	bool rpm;
	char name[NAME_SIZE]; /* its file name, rendering_is_name() */
};

/* 0 or -errno (logged). A file that cannot be read is set aside, and said so. */
int renderings_new(struct host *host, struct renderings **ret_renderings);
struct renderings *renderings_free(struct renderings *renderings);

/* What is wanted for a printer; ret_from (may be NULL): "platenctl", "platen.conf" or "default". */
enum rendering renderings_of(
	const struct renderings *renderings, const char *printer, const char **ret_from);

/* The printer's package, or NULL. */
const struct rendering_package *renderings_package(
	const struct renderings *renderings, const char *printer);

/* Sets, or with RENDERING_COUNT takes away, what an admin wants. 0 or -errno. */
int renderings_set(struct renderings *renderings, const char *printer, enum rendering rendering);

/*
 * Has a worker copy `fd` into the store, then gives it to the printer and answers the client. 0: it
 * answers later; -EBUSY: another one is under way; -errno. `fd` is the caller's.
 */
int renderings_package_add(struct renderings *renderings, struct control_client *client,
	const char *printer, const char *name, enum restart_level restart, int fd);

/* 0; -ENOENT: the printer has none; -errno. */
int renderings_package_remove(struct renderings *renderings, const char *printer);

/* A row for each printer that has a package. */
json_t *renderings_packages(const struct renderings *renderings);

/* The client is gone: what it waits for goes on, and is told to nobody. */
void renderings_abandon(struct renderings *renderings, const struct control_client *client);

/* The store's file of a package. Returns buf. */
char *renderings_package_path(
	const struct host *host, const struct rendering_package *package, char buf[static 256]);

/* The words of settings and commands; RENDERING_COUNT, LEVEL_COUNT: no such word. */
enum rendering rendering_parse(const char *word);
bool rendering_is_name(const char *name); /* a file's, without a folder: one bounded line */
const char *rendering_name(uint32_t rendering);
enum restart_level restart_level_parse(const char *word);
const char *restart_level_name(uint32_t level);

#endif
