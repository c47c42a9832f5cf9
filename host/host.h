/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platend as a whole: what it knows, in one struct, and the few calls between its parts.
 *
 * A part that learns something tells host_…() here, and the host tells whom it concerns: printers
 * come from the spooler, drivers from the fetcher, workspaces from libvirt and the settings; offers
 * and jobs follow from them.
 */
#ifndef PLATEN_HOST_H
#define PLATEN_HOST_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "host/config.h"
#include "host/ledger.h"
#include "proto/base/list.h"
#include "proto/message.h"

struct printer;
struct workspace;
struct job;
struct spooler;
struct fetcher;
struct domains;
struct control;
struct renderings;
struct manuals;
struct pruner;
struct vsock;
struct arrivals;
struct commits;

TAILQ_HEAD(printer_list, printer);
TAILQ_HEAD(workspace_list, workspace);
TAILQ_HEAD(job_list, job);

struct host {
	sd_event *event;
	struct config config;
	char name[TEXT_SIZE]; /* of this machine, for people */
	int64_t started;      /* seconds since 1970 */
	enum mode mode;	      /* the default in force */
	/* What the settings' files say, and is not in force, one line; see reload.h. */
	char unread[MESSAGE_SIZE];
	bool unread_fault; /* a fault in them; else settings that want a restart */
	struct ledger *ledger;
	struct commits *commits;
	bool rebuilding;     /* the ledger is not whole yet, see rebuild.h */
	uint32_t rebuilt;    /* jobs that it has from the spooler */
	bool unsynced;	     /* it was told that documents cannot be synced */
	uint64_t look_again; /* usec of CLOCK_MONOTONIC: no look for what is to be written back
				before */
	struct spooler *spooler;
	struct fetcher *fetcher;
	struct domains *domains;
	struct control *control;
	struct renderings *renderings;
	struct manuals *manuals;
	struct pruner *pruner;
	struct arrivals *arrivals;
	struct printer_list printers;
	struct workspace_list workspaces;
	struct job_list jobs; /* unfinished, and finished ones that a guest still has open */
	sd_event_source *post, *tick, *term, *interrupt, *hup, *settle;
	struct vsock *vsock;
	bool ending;	   /* SIGTERM was seen: channels say goodbye, and no new one begins */
	unsigned int left; /* channels that are still saying it */
	bool settled;	   /* printers and drivers are known well enough to be offered */
};

/* Sets everything up; takes the settings over. 0 or -errno (already logged). */
int host_new(struct config *config, struct host **ret_host);
struct host *host_free(struct host *host);

/* Runs until SIGTERM or SIGINT. 0 or -errno. */
int host_run(struct host *host);

/* The full path of one of our programs. Returns buf. */
const char *host_program(const struct host *host, const char *name, char buf[static 256]);

/* The user that workers without a need for more run as, or NULL. */
const char *host_worker_user(const struct host *host);

/* What those workers do not find in their file system: the ways to libvirt and to us. */
const char *const *host_hidden(const struct host *host);

/* Says that the ledger cannot be written, why, and what to do. */
void host_say_unwritten(const struct host *host, int r);

/* A printer is there, has changed in what is offered or in its state, or is about to go. */
void host_printer_changed(struct host *host, struct printer *printer, bool offer, bool state);
void host_printer_gone(struct host *host, struct printer *printer);

/* The spooler's list is complete, or a driver's fate is known: offers may begin. */
void host_settle(struct host *host);

/* Takes up the default mode: one that was stored, else that of the settings. */
void host_load_mode(struct host *host);

/* Stores another default mode (MODE_UNSET: that of the settings) and applies it. 0 or -errno. */
int host_set_mode(struct host *host, enum mode mode);

#endif
