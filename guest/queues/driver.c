/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver as the guest's cupsd will see it.
 *
 * cupsd parses PPDs with libcups, and so does this, so both agree on what is a driver. The
 * functions are marked as deprecated since CUPS 1.6 and are gone in CUPS 3, together with drivers
 * themselves; this is the one place that has to change then.
 */
#include "guest/queues/driver.h"

#include <cups/ppd.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/text.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

int driver_read(int fd, char *why, size_t size)
{
	int line = 0, copy = dup(fd);
	ppd_status_t status;
	ppd_file_t *ppd;

	if (copy < 0) {
		int r = -errno;

		(void)text_printf(why, size, "the driver cannot be read: %s", strerror(-r));
		return r;
	}
	(void)lseek(copy, 0, SEEK_SET);
	ppd = ppdOpenFd(copy); /* closes it */
	if (ppd) {
		ppdClose(ppd);
		return 0;
	}
	status = ppdLastError(&line);
	(void)text_printf(why, size, "the driver cannot be read: %.300s in line %d",
		ppdErrorString(status), line);
	return status <= PPD_ALLOC_ERROR ? -EIO : -EINVAL;
}
