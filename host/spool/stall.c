/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document that does not come holds a worker, and there are not many.
 *
 * A guest may open jobs and send nothing, or a byte a second: it is not the silence that counts,
 * then, but what came in a while. The job is refused and comes again when its guest likes.
 */
#include "host/spool/stall.h"

#include <errno.h>

int stall_look(struct stall *stall, uint64_t now_msec, uint64_t offset)
{
	if (stall->due && now_msec >= stall->due && offset - stall->offset < STALL_BYTES)
		return -ETIMEDOUT;
	if (!stall->due || now_msec >= stall->due)
		*stall = (struct stall){.due = now_msec + STALL_MSEC, .offset = offset};
	return (int)(stall->due - now_msec);
}
