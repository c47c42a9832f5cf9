/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platend for a fuzzer: the whole of it, in a folder of its own, as it is a moment
 * after its start. The workers' programs do not exist, so that no process is started.
 */
#ifndef PLATEN_TESTS_FUZZ_PLATEND_H
#define PLATEN_TESTS_FUZZ_PLATEND_H

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"
#include "host/printer.h"
#include "host/workspace.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

#define OFFICE "00112233-4455-6677-8899-aabbccddeeff" /* of the settings */
#define DOMAIN "00112233-4455-6677-8899-aabbccddeefe" /* of libvirt */

static char platend_folder[64];

static int on_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void platend_clean(void)
{
	(void)nftw(platend_folder, on_file, 8, FTW_DEPTH | FTW_PHYS);
}

static void add_printer(struct host *host, const char *name, enum printer_kind kind)
{
	static struct spool_printer p;
	static struct fetch_result driver;

	p = (struct spool_printer){.head = {.type = SPOOL_PRINTER, .size = sizeof(p)},
		.kind = (uint32_t)kind,
		.accepting = 1,
		.state = 3};
	(void)text_copy(p.name, sizeof(p.name), name);
	(void)text_copy(p.make_model, sizeof(p.make_model), "Example Laser");
	(void)text_copy(p.device_uri, sizeof(p.device_uri), "ipp://10.0.0.5/ipp/print");
	PROMISE(printer_update(host, &p) == 0);
	driver = (struct fetch_result){.code = FETCH_OK, .provenance = FETCH_DEVICE, .size = 1};
	if (kind == PRINTER_NETWORK)
		printer_fetched(printer_find(host, name), &driver);
}

static void platend_make_folder(const char *name)
{
	const char *tmp = getenv("TMPDIR");

	if (platend_folder[0]) {
		PROMISE(mkdir(platend_folder, 0700) == 0);
		return;
	}
	log_open(name, LOG_EMERG);
	(void)snprintf(
		platend_folder, sizeof(platend_folder), "%.40s/platen-XXXXXX", tmp ? tmp : "/tmp");
	PROMISE(mkdtemp(platend_folder));
	(void)atexit(platend_clean);
}

/* platend as it is a moment after its start: two workspaces, two printers. */
static inline struct host *platend_begin(const char *name)
{
	struct config config = {.mode = MODE_NETWORK,
		.libvirt_uri = "test:///default",
		.restart = RESTART_AUTO,
		.restart_limit = RESTART_LIMIT_MIN,
		.keepalive_msec = KEEPALIVE_MSEC,
		.drivers = {{FETCH_SERVER, FETCH_DEVICE, FETCH_HOST}}};
	static struct virt_domain domain; /* too large for a stack */
	struct config_workspace office = {.name = "office"};
	struct workspace *ws;
	struct host *host;

	platend_make_folder(name);
	(void)snprintf(config.control, sizeof(config.control), "%s/control", platend_folder);
	(void)snprintf(config.run_dir, sizeof(config.run_dir), "%s/run", platend_folder);
	(void)snprintf(config.state_dir, sizeof(config.state_dir), "%s/state", platend_folder);
	(void)snprintf(config.libexec_dir, sizeof(config.libexec_dir), "%s/none", platend_folder);
	(void)snprintf(config.cups_socket, sizeof(config.cups_socket), "%s/none", platend_folder);
	(void)snprintf(office.socket, sizeof(office.socket), "%s/office", platend_folder);
	PROMISE(uuid_parse(OFFICE, &office.uuid) == 0);
	config.workspaces = malloc(sizeof(office));
	PROMISE(config.workspaces);
	config.workspaces[0] = office;
	config.workspace_count = 1;
	PROMISE(host_new(&config, &host) == 0);
	domain = (struct virt_domain){
		.head = {.type = VIRT_DOMAIN, .size = sizeof(domain)}, .running = 1};
	PROMISE(uuid_parse(DOMAIN, &domain.uuid) == 0);
	(void)text_copy(domain.name, sizeof(domain.name), "domain");
	PROMISE(workspace_new(host, &domain.uuid, &ws) == 0);
	workspace_domain(ws, &domain);
	add_printer(host, "laser", PRINTER_NETWORK);
	add_printer(host, "usb", PRINTER_LOCAL);
	return host;
}

/* Ends it, and forgets all that it kept. */
static inline void platend_end(struct host *host)
{
	(void)host_free(host);
	platend_clean();
}

#endif
