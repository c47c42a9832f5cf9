/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing drivers and packages to a workspace that asks for them.
 *
 * What it may ask for is what it is offered; platen-channel gets the file, opened, and reads it by
 * itself. It asks for the next one when it has been answered, and so must be, always: where its
 * queue is full of the offer, which may be a thousand printers, the question is kept until there
 * is room.
 */
#include "host/handing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/channel/channel.h"
#include "host/fetcher.h"
#include "host/host.h"
#include "host/printer.h"
#include "host/renderings.h"
#include "host/workspace.h"
#include "proto/base/cleanup.h"

static int open_driver(struct workspace *ws, const uint8_t *sha256, uint32_t *ret_size)
{
	struct printer *printer = offer_driver(ws, sha256);
	char path[256];
	int fd;

	if (!printer)
		return -ENOENT;
	fd = open(fetcher_driver_path(ws->host, sha256, path), O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fetcher_want(ws->host->fetcher, printer); /* the store lost it */
		return -ENOENT;
	}
	*ret_size = memcmp(printer->driver.sha256, sha256, SHA256_SIZE) == 0
			    ? printer->driver.packed_size
			    : printer->driver.whole_packed_size;
	return fd;
}

static int open_package(struct workspace *ws, const uint8_t *sha256, uint32_t *ret_size)
{
	const struct rendering_package *package = offer_package(ws, sha256);
	char path[256];
	int fd;

	if (!package)
		return -ENOENT;
	fd = open(renderings_package_path(ws->host, package, path),
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -ENOENT;
	*ret_size = package->size;
	return fd;
}

/* Answers, without a file if there is none. 0 or -errno. */
static int answer(struct workspace *ws, const struct handing_ask *ask)
{
	struct channel_driver d = {
		.head = {.type = CHANNEL_DRIVER, .size = sizeof(d)}, .is_package = ask->is_package};
	_cleanup_close_ int fd = ask->is_package ? open_package(ws, ask->sha256, &d.size)
						 : open_driver(ws, ask->sha256, &d.size);

	memcpy(d.driver, ask->sha256, SHA256_SIZE);
	return workspace_send(ws, &d, fd >= 0 ? fd : -1);
}

bool handing_asked(struct workspace *ws, const uint8_t sha256[static SHA256_SIZE], bool is_package)
{
	struct handing *handing = &ws->handing;
	struct handing_ask ask = {.is_package = is_package};

	memcpy(ask.sha256, sha256, SHA256_SIZE);
	if (handing->count == 0 && answer(ws, &ask) != -EAGAIN)
		return true;
	if (handing->count == HANDING_MOST)
		return false;
	handing->asks[handing->count++] = ask;
	return true;
}

void handing_pump(struct workspace *ws)
{
	struct handing *handing = &ws->handing;
	uint32_t done = 0;

	while (done < handing->count && answer(ws, &handing->asks[done]) != -EAGAIN)
		done++;
	handing->count -= done;
	memmove(handing->asks, handing->asks + done, handing->count * sizeof(handing->asks[0]));
}
