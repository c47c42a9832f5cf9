/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platend and platen-virt say to each other (fixed messages, proto/base/ipc.h).
 *
 * platen-virt is the only program that links libvirt. It lists and watches domains, opens channels,
 * reads and writes the Platen part of a domain's metadata, attaches and detaches the channel
 * device, restarts: nothing else. It connects to libvirt by itself, again and again with backoff,
 * and says VIRT_UP or VIRT_DOWN. A libvirt call may block for good, so platend pings it and kills
 * it when no pong comes.
 */
#ifndef PLATEN_VIRT_H
#define PLATEN_VIRT_H

#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/base/uuid.h"
#include "proto/limits.h"

#define VIRT_METADATA_URI    "https://platen-print.org/xmlns/workspace/1"
#define VIRT_METADATA_PREFIX "platen"

enum virt_message {
	/* platend → platen-virt */
	VIRT_PING = 1,
	VIRT_OPEN,    /* struct virt_request: open the virtio channel; the result carries the fd */
	VIRT_SET,     /* struct virt_set: store settings in the metadata, live and persistent */
	VIRT_ATTACH,  /* struct virt_request: add the channel device or vsock */
	VIRT_DETACH,  /* struct virt_request: take Platen's devices and metadata away */
	VIRT_RESTART, /* struct virt_request: orderly reboot (virDomainReboot) */
	VIRT_RESET, /* struct virt_request: as if its reset button were pressed (virDomainReset) */
	VIRT_FIND_CID, /* struct virt_request.cid: which running domain has it now */
	/* platen-virt → platend */
	VIRT_PONG,
	VIRT_UP,       /* struct virt_text: connected; text: "libvirt 9.0.0, qemu:///system" */
	VIRT_DOWN,     /* struct virt_text: why; all domains are unknown from now on */
	VIRT_DOMAIN,   /* struct virt_domain: there, or changed */
	VIRT_GONE,     /* struct virt_domain.uuid: undefined */
	VIRT_LISTED,   /* struct ipc_head: every domain that exists has been told */
	VIRT_RESULT,   /* struct virt_result: the answer to a request, by serial */
	VIRT_REBOOTED, /* struct virt_domain.uuid: its guest begins anew, in the same run */
};

enum virt_mode { /* as the metadata has it; 0: none there, the host's default holds */
	VIRT_MODE_UNSET = 0,
	VIRT_MODE_OFF,
	VIRT_MODE_NETWORK,
	VIRT_MODE_ALL,
};

enum virt_restart { /* as the metadata has it; 0: none there, the host's default holds */
	VIRT_RESTART_UNSET = 0,
	VIRT_RESTART_AUTO,
	VIRT_RESTART_ASK,
	VIRT_RESTART_NEVER,
};

enum virt_device {
	VIRT_DEVICE_VIRTIO =
		1, /* <channel type='unix'><target type='virtio' name='org.platen.0'/> */
	VIRT_DEVICE_VSOCK = 2, /* <vsock model='virtio'> */
};

struct virt_domain {
	struct ipc_head head;
	struct uuid uuid;
	uint32_t running;  /* bool: its guest executes or is paused; see paused */
	uint32_t paused;   /* bool */
	uint32_t devices;  /* bits of enum virt_device, live if running, else persistent */
	uint32_t later;	   /* the same: attached, and there from the next start only */
	uint32_t confined; /* bool: AppArmor confines it as it runs */
	uint32_t
		connected; /* bool: libvirt sees the guest's port open (target state='connected') */
	uint32_t cid;	   /* vsock context ID of the running domain, 0: none */
	uint32_t id;	   /* libvirt's id of this run, changes at each start; 0: not running */
	uint32_t mode;	   /* enum virt_mode */
	uint32_t restart;  /* enum virt_restart */
	char name[TEXT_SIZE];
	char owner[USER_SIZE]; /* from the metadata, text_is_user(); empty: none there */
};

struct virt_request {
	struct ipc_head head;
	uint32_t serial;
	uint32_t device; /* enum virt_device, for ATTACH */
	uint32_t cid;	 /* for FIND_CID */
	struct uuid uuid;
	char name[TEXT_SIZE]; /* ATTACH and DETACH: the domain's name or UUID, when uuid is null */
};

struct virt_set {
	struct ipc_head head;
	uint32_t serial;
	uint32_t mode;	      /* enum virt_mode; UNSET takes it out */
	uint32_t set_restart; /* bool: only restart is to be stored, the mode stays */
	uint32_t restart;     /* enum virt_restart; UNSET takes it out */
	uint32_t set_owner;   /* bool: owner is to be stored (empty takes it out) */
	struct uuid uuid;
	char owner[USER_SIZE];
};

struct virt_result {
	struct ipc_head head;
	uint32_t serial;
	int32_t error;	  /* 0, or -errno: -ENOENT no such domain or device, -EEXIST is there
			     already, -ENOTSUP libvirt cannot live (stored for the next start), … */
	uint32_t live;	  /* bool, ATTACH/DETACH: in force now, not only after the next start */
	struct uuid uuid; /* FIND_CID: the domain */
	char text[MESSAGE_SIZE]; /* one line */
};

struct virt_text {
	struct ipc_head head;
	char text[MESSAGE_SIZE];
};

#endif
