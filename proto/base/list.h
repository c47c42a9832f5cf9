/* SPDX-License-Identifier: Apache-2.0 */
/* queue(7) lists, and the walk that may remove what it stands on, which glibc leaves out. */
#ifndef PLATEN_BASE_LIST_H
#define PLATEN_BASE_LIST_H

#include <stddef.h>
#include <sys/queue.h>

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                                 \
	for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1);             \
		(var) = (next))
#endif

#endif
