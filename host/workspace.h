/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace: its identity, its settings, its channel, and what it is offered.
 */
#ifndef PLATEN_WORKSPACE_H
#define PLATEN_WORKSPACE_H

#include "host/handing.h"
#include "host/host.h"
#include "host/quota.h"
#include "host/virt/virt.h"

struct rendering_package;
struct worker;
struct restarts;

enum transport {
	TRANSPORT_NONE = 0,
	TRANSPORT_VIRTIO,
	TRANSPORT_VSOCK,
	TRANSPORT_UNIX,
};

/* One printer as this session knows it; its place in the array is its index. */
struct offer_entry {
	struct printer *printer; /* NULL: gone */
	bool told;		 /* PRINTER was sent */
	bool heard;		 /* the guest said what became of it, or it is gone */
	bool tell, tell_state, tell_gone;
	uint32_t report;    /* enum report_code, 0: none yet */
	uint32_t rendering; /* enum rendering in force there */
	char *name;
	char *report_text;
};

struct workspace {
	TAILQ_ENTRY(workspace) link;
	struct host *host;
	struct uuid uuid;
	char name[TEXT_SIZE];
	char owner[USER_SIZE];
	enum mode own_mode;		 /* UNSET: the host's default holds */
	enum restart_policy own_restart; /* UNSET: the host's default holds */
	struct restarts *restarts;
	bool by_libvirt; /* a domain; otherwise from the settings */
	struct virt_domain domain;
	/* From the settings: */
	int listener;
	sd_event_source *listener_io;
	/* The channel: */
	TAILQ_ENTRY(workspace) arrival;
	int arrived; /* a connection that waits for one, see arrivals.h; or -1 */
	enum transport arrived_by;
	enum transport transport;
	struct worker *channel;
	bool opening;		/* a VIRT_OPEN is under way */
	uint32_t open_failures; /* in a row */
	sd_event_source *reopen;
	/* The session: */
	bool synced, greeted;
	uint32_t version;	  /* of the protocol, with `greeted` */
	bool decisions_due;	  /* see decide_pump() */
	bool limits_due;	  /* the channel is to hear of other settings */
	char agent[VERSION_SIZE]; /* the last that was greeted since the domain's start */
	struct message_guest_status guest;
	struct quota quota;
	struct handing handing;	    /* what is to be answered when the channel takes more */
	char text[MESSAGE_SIZE];    /* why there is no session, one line */
	char refusal[MESSAGE_SIZE]; /* why the last agent was sent away, until one is not */
	/* The offer: */
	struct offer_entry *offers;
	uint32_t offer_count, offer_size;
	uint8_t offer_held[SHA256_SIZE]; /* what the guest says that it holds, or 0 */
	bool offer_begun;		 /* OFFER_BEGIN was sent in this session */
	bool offer_ended;
	uint32_t offer_unheard; /* entries that were told, and are not heard of yet */
	uint32_t offer_ready;	/* entries that became ready since the last line about it */
};

int workspace_new(struct host *host, const struct uuid *uuid, struct workspace **ret_workspace);
struct workspace *workspace_free(struct workspace *workspace);
struct workspace *workspace_find(struct host *host, const struct uuid *uuid);
struct workspace *workspace_named(struct host *host, const char *name);

/* A workspace of the settings: listens at its socket. 0 or -errno. */
int workspace_listen(struct workspace *workspace, const struct config_workspace *config);

/* What its section says now, but for its socket; of mode and restart policy, what it did not say
 * before (`was`, or NULL), for platenctl may have changed them since. */
void workspace_adopt(struct workspace *workspace, const struct config_workspace *was,
	const struct config_workspace *is);

/* The mode in force. */
enum mode workspace_mode(const struct workspace *workspace);

/* Whose jobs the workspace's are on the host: the metadata's owner, else the domain's name made a
 * user name (other characters become '_'). Returns buf. */
const char *workspace_owner(const struct workspace *workspace, char buf[static USER_SIZE]);

/* What libvirt tells of its domain: adopts name, mode, owner, and sees to the channel. */
void workspace_domain(struct workspace *workspace, const struct virt_domain *domain);

/* The settings that a channel keeps were changed: it is told. */
void workspace_limits(struct workspace *workspace);

/* Starts a channel on a descriptor, in place of any other. Takes `fd`. 0 or -errno. */
int workspace_connect(struct workspace *workspace, enum transport transport, int fd);

/* Nothing came of a connection: where it is we who open, we do so again in a while. */
void workspace_not_connected(struct workspace *workspace);

/* The answer to VIRT_OPEN: a descriptor, which is taken, or why there is none. */
void workspace_opened(struct workspace *workspace, int error, const char *text, int *fd);

/* Asks a channel that has used processor time whether it is alive: one that does not answer has so
 * much left and no more. */
void workspace_tick(struct workspace *ws);

/* Ends the channel; the guest is told. */
void workspace_disconnect(struct workspace *workspace, const char *why);

/* Sends to the guest. 0, -EAGAIN (it is not sent), -ENOTCONN. */
int workspace_send(struct workspace *workspace, const void *msg, int fd);

/* "connected", "waiting", "off", "no-channel" or "down" (platenctl workspaces). */
const char *workspace_link_name(const struct workspace *workspace);

/* offer.c: what the workspace should have was changed; a session began; there is room to send. */
void offer_update(struct workspace *workspace);
void offer_restart(struct workspace *workspace);
void offer_pump(struct workspace *workspace);
void offer_state_changed(struct workspace *workspace, const struct printer *printer);
void offer_printer_changed(struct workspace *workspace, const struct printer *printer);
void offer_printer_gone(struct workspace *workspace, const struct printer *printer);
void offer_report(struct workspace *workspace, const struct message_printer_report *report);
struct offer_entry *offer_find(struct workspace *workspace, const char *printer);
/* Whether a driver is one of an offered printer's: what DRIVER_GET may ask for. */
struct printer *offer_driver(struct workspace *workspace, const uint8_t sha256[static SHA256_SIZE]);
/* The package of an offered printer: what PACKAGE_GET may ask for. NULL: there is none. */
const struct rendering_package *offer_package(
	struct workspace *workspace, const uint8_t sha256[static SHA256_SIZE]);
/* Whether workspaces are offered the driver whole: it is wanted, and there is one. */
bool offer_is_whole(const struct printer *printer);
void offer_deinit(struct workspace *workspace);
const char *report_name(uint32_t code);

#endif
