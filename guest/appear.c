/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching a folder for one name.
 *
 * udev makes /dev/virtio-ports when the first port comes, so the folder itself may be what is
 * waited for. Other names in it are none of our business and wake nobody else. A socket is there
 * before it listens: whoever is told waits a moment, or tries twice.
 */
#include "guest/appear.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "guest/config.h"
#include "proto/base/cleanup.h"

struct appear {
	const char *path;
	appear_fn *on_appear;
	void *userdata;
	int notify, watch; /* -1: none */
	const char *name;  /* that is waited for in the watched folder */
	size_t name_len;
	sd_event_source *io;
};

/* Whether one of the events that wait is about our name. */
static bool drain(struct appear *appear)
{
	_Alignas(struct inotify_event) char buf[4096];
	bool ours = false;
	ssize_t n;

	while ((n = read(appear->notify, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;

			at += sizeof(*e) + e->len;
			ours |= e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF) ||
				(e->len && strlen(e->name) == appear->name_len &&
					memcmp(e->name, appear->name, appear->name_len) == 0);
		}
	}
	return ours;
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct appear *appear = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	if (drain(appear))
		appear->on_appear(appear->userdata);
	return 0;
}

int appear_new(sd_event *event, const char *path, appear_fn *on_appear, void *userdata,
	struct appear **ret_appear)
{
	struct appear *appear = calloc(1, sizeof(*appear));
	int r;

	if (!appear)
		return -ENOMEM;
	*appear = (struct appear){
		.path = path, .on_appear = on_appear, .userdata = userdata, .watch = -1};
	appear->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = appear->notify < 0 ? -errno
			       : sd_event_add_io(event, &appear->io, appear->notify, EPOLLIN,
					 on_events, appear);
	if (r < 0) {
		(void)appear_free(appear);
		return r;
	}
	*ret_appear = appear;
	return 0;
}

struct appear *appear_free(struct appear *appear)
{
	if (!appear)
		return NULL;
	appear->io = sd_event_source_disable_unref(appear->io);
	appear->notify = close_fd(appear->notify);
	free(appear);
	return NULL;
}

/* Watches the folder of the first `len` bytes of the path. */
static bool watch_folder_of(struct appear *appear, size_t len)
{
	char folder[AGENT_PATH_SIZE];
	const char *slash = memrchr(appear->path, '/', len);
	size_t folder_len;

	if (!slash)
		return false;
	folder_len = slash == appear->path ? 1 : (size_t)(slash - appear->path);
	if (folder_len >= sizeof(folder))
		return false;
	memcpy(folder, appear->path, folder_len);
	folder[folder_len] = '\0';
	appear->name = slash + 1;
	appear->name_len = len - (size_t)(slash + 1 - appear->path);
	appear->watch = inotify_add_watch(appear->notify, folder,
		IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR);
	return appear->watch >= 0;
}

bool appear_arm(struct appear *appear)
{
	const char *slash = strrchr(appear->path, '/');

	appear_disarm(appear);
	if (watch_folder_of(appear, strlen(appear->path)))
		return true;
	return slash && watch_folder_of(appear, (size_t)(slash - appear->path));
}

void appear_disarm(struct appear *appear)
{
	if (appear->watch >= 0)
		(void)inotify_rm_watch(appear->notify, appear->watch);
	appear->watch = -1;
	(void)drain(appear);
}
