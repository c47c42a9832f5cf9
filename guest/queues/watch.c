/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following cupsd's comings and goings without asking all the time.
 *
 * While it is up, its end closes our connection, which a poll notices. A question now and then
 * keeps that connection from being closed for idleness (cupsd.conf's Timeout, 900 s). While it is
 * down, a change in its socket's folder is what it comes back by; only where that cannot be
 * watched, or is not enough (a folder that is made anew, a socket that systemd holds), does time
 * do it.
 */
#include "guest/queues/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define KEEP_MSEC  240000 /* between two questions while nothing else is asked */
#define FIRST_MSEC 50	  /* from a socket's appearance to its listening */
#define REST_MSEC  30000  /* between two tries when nothing moves */
#define BLIND_MSEC 2000	  /* the same without inotify */

void watch_init(struct watch *watch, struct cupsd *cupsd)
{
	*watch = (struct watch){.cupsd = cupsd, .notify = -1};
}

void watch_deinit(struct watch *watch)
{
	watch->notify = close_fd(watch->notify);
}

/* Watches the socket's folder. One that does not exist (yet) is not watched. */
static void notify_open(struct watch *watch)
{
	char folder[QUEUES_URI_SIZE];
	char *slash;

	watch->notify = close_fd(watch->notify);
	(void)text_copy(folder, sizeof(folder), watch->cupsd->socket);
	slash = strrchr(folder, '/');
	if (!slash)
		return;
	slash[slash == folder] = '\0';
	watch->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->notify >= 0 && inotify_add_watch(watch->notify, folder,
					  IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0)
		watch->notify = close_fd(watch->notify);
}

/* Whether something happened in the folder. */
static bool notify_drain(struct watch *watch)
{
	char events[4096];
	bool any = false;

	while (watch->notify >= 0 && read(watch->notify, events, sizeof(events)) > 0)
		any = true;
	return any;
}

static enum watch_news tell(struct watch *watch, bool up)
{
	bool news = !watch->told || up != watch->up ||
		    (up && watch->connections != watch->cupsd->connections);

	watch->told = true;
	watch->up = up;
	watch->connections = watch->cupsd->connections;
	if (!news)
		return WATCH_NOTHING;
	return up ? WATCH_UP : WATCH_DOWN;
}

enum watch_news watch_turn(struct watch *watch)
{
	int64_t now = cupsd_msec(), most;
	bool moved;

	if (!watch->on)
		return WATCH_NOTHING;
	cupsd_check(watch->cupsd);
	if (watch->up && watch->cupsd->http && now - watch->cupsd->used < KEEP_MSEC)
		return tell(watch, true);
	moved = notify_drain(watch);
	if (!watch->up && watch->told && now < watch->next && !moved)
		return WATCH_NOTHING;
	if (watch->up || !watch->told || moved)
		watch->pause = FIRST_MSEC;
	if (cupsd_answers(watch->cupsd)) {
		watch->notify = close_fd(watch->notify);
		return tell(watch, true);
	}
	if (watch->notify < 0)
		notify_open(watch);
	most = watch->notify < 0 ? BLIND_MSEC : REST_MSEC;
	watch->next = now + watch->pause;
	watch->pause = watch->pause * 2 < most ? watch->pause * 2 : most;
	return tell(watch, false);
}

int watch_wait(const struct watch *watch)
{
	int64_t wait;

	if (!watch->on)
		return -1;
	if (!watch->told || (watch->up && !watch->cupsd->http))
		return 0;
	wait = (watch->up ? watch->cupsd->used + KEEP_MSEC : watch->next) - cupsd_msec();
	return wait < 0 ? 0 : (int)wait;
}
