/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers and packages that a workspace asks for (DRIVER_GET, PACKAGE_GET of PROTOCOL.md).
 *
 * Embedded in struct workspace, without memory of its own.
 */
#ifndef PLATEN_HANDING_H
#define PLATEN_HANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "host/channel/channel.h"
#include "proto/message.h"

/* Questions that may wait for room: as many as platen-channel has open at once. */
#define HANDING_MOST FEED_OPEN

struct workspace;

struct handing {
	struct handing_ask {
		bool is_package;
		uint8_t sha256[SHA256_SIZE];
	} asks[HANDING_MOST]; /* in the order in which they came */
	uint32_t count;
};

/* The workspace asks. It is answered now, or when there is room; false: it asked for more than it
 * may. */
bool handing_asked(struct workspace *ws, const uint8_t sha256[static SHA256_SIZE], bool is_package);

/* There is room. */
void handing_pump(struct workspace *ws);

#endif
