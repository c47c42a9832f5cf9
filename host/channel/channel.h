/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-channel: one workspace's end of the channel on the host, and what it and platend say to
 * each other: struct message (proto/message.h) as it is, and the few below.
 *
 * It parses what a guest sends and can do nothing else: after CHANNEL_START it opens, connects,
 * executes and signals nothing. Documents go from it into the pipe that platend passes with
 * JOB_ACCEPT, drivers and packages come out of the file that platend passes with CHANNEL_DRIVER;
 * neither passes through platend.
 */
#ifndef PLATEN_CHANNEL_H
#define PLATEN_CHANNEL_H

#include <stdint.h>

#include "proto/base/ipc.h"
#include "proto/message.h"

#define FEED_OPEN 2 /* drivers and packages that platen-channel asks for and reads at once */

enum channel_message {
	CHANNEL_START = 1000, /* platend → channel: struct channel_limits, with the channel's fd */
	CHANNEL_DRIVER, /* platend → channel: struct channel_driver, with the file or none */
	CHANNEL_SYNCED, /* channel → platend: struct channel_text: a session begins */
	CHANNEL_LOST,	/* channel → platend: struct channel_text: why it is over */
	CHANNEL_PING,	/* platend → channel: a head only */
	CHANNEL_PONG,	/* channel → platend: a head only: it is not stuck in its own code */
	CHANNEL_LIMITS, /* platend → channel: struct channel_limits: other settings hold */
};

struct channel_limits {
	struct ipc_head head;
	uint32_t keepalive_msec;
	uint32_t reserved;
	uint64_t bytes_per_minute; /* of documents; 0: no limit */
};

struct channel_driver {
	struct ipc_head head;
	uint32_t size;	     /* bytes of the compressed file or the package; 0: there is none */
	uint32_t is_package; /* bool: the answer to PACKAGE_GET, else to DRIVER_GET */
	uint8_t driver[SHA256_SIZE];
};

struct channel_text {
	struct ipc_head head;
	char text[MESSAGE_SIZE];
};

struct channel;

/* Takes over the connection to platend. 0 or -errno. */
int channel_new(int ipc, struct channel **ret_channel);
struct channel *channel_free(struct channel *channel);

/* Runs until the guest's side or platend's ends. 0 at an orderly end, or -errno. */
int channel_run(struct channel *channel);

/* Gives up what a leaf does not need (proto/base/sandbox.h). 0 or -errno. */
int channel_sandbox(void);

#endif
