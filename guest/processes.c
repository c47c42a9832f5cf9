/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling a session's own processes from a person's work, by name.
 *
 * The names are those of what logs people in, of desktops' parts, and of the services that come
 * with them. A shell is the session's own as long as it waits at a terminal for what is to be done:
 * one without a terminal, or that another shell started, runs a script. Any other name is work, so
 * a desktop that is not known here has its person asked once too often, and not once too seldom.
 * Only /proc/PID/stat is read: a process cannot make its reader wait there, as it can elsewhere.
 */
#include "guest/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define DEPTH_MOST 4
#define PIDS_MOST  4096 /* looked at in one group; one with more is at work */

/* As the kernel cuts them; '*' at the end stands for any rest. */
static const char *const own[] = {
	/* who logs people in */
	"(sd-pam)", "agetty", "doas", "gdm-*", "lightdm", "login", "sddm*", "sshd*", "su", "sudo",
	"systemd", "systemd-*", "xdm", "xinit",
	/* displays and window managers */
	"Xorg", "Xwayland", "kwin_*", "marco", "mutter*", "openbox", "xfwm4",
	/* desktops */
	"cinnamon*", "csd-*", "gnome-keyring-d", "gnome-session-*", "gnome-shell*", "gsd-*",
	"kded*", "kglobalaccel*", "ksmserver", "lxqt-panel", "lxqt-session", "lxsession",
	"mate-panel", "mate-session", "mate-settings-d", "plasma_session", "plasmashell",
	"startplasma-*", "wrapper-2.0", "xfce4-panel", "xfce4-power-man", "xfce4-session",
	"xfconfd", "xfdesktop", "xfsettingsd",
	/* services */
	"at-spi*", "dbus-broker*", "dbus-daemon", "dbus-launch", "dbus-run-*", "dconf-service",
	"gpg-agent", "gvfs*", "pipewire*", "polkit-*", "pulseaudio", "ssh-agent", "wireplumber",
	"xdg-desktop-po*", "xdg-document-p*", "xdg-permission-*"};

static const char *const shells[] = {
	"ash", "bash", "csh", "dash", "fish", "ksh", "ksh93", "mksh", "rbash", "sh", "tcsh", "zsh"};

static bool is_shell(const char *comm)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(shells[i], comm) == 0)
			return true;
	return false;
}

static bool is_known(const char *comm)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t n = strlen(own[i]);

		if (own[i][n - 1] == '*' ? strncmp(own[i], comm, n - 1) == 0
					 : strcmp(own[i], comm) == 0)
			return true;
	}
	return false;
}

bool process_parse(const char *line, struct process *ret_process)
{
	const char *begin = strchr(line, '('), *end = strrchr(line, ')'); /* a name may have both */
	struct process p = {0};
	int group, session;

	if (!begin || !end || end < begin || end - begin - 1 >= COMM_SIZE)
		return false;
	memcpy(p.comm, begin + 1, (size_t)(end - begin - 1));
	if (sscanf(end + 1, " %c %d %d %d %d", &p.state, &p.parent, &group, &session, &p.tty) != 5)
		return false;
	*ret_process = p;
	return true;
}

bool process_is_own(const struct process *p, const char *parent)
{
	if (p->state == 'Z' || p->state == 'X')
		return true; /* it is over */
	if (is_shell(p->comm))
		return p->tty != 0 && !is_shell(parent);
	return is_known(p->comm);
}

/* False: it has ended meanwhile. */
static bool look_up(int pid, struct process *ret_process)
{
	char path[32], line[512];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;
	if (n <= 0)
		return false;
	line[n] = '\0';
	return process_parse(line, ret_process);
}

static bool is_work(int pid, char ret_comm[static COMM_SIZE])
{
	struct process p, parent = {0};

	if (!look_up(pid, &p))
		return false;
	if (is_shell(p.comm))
		(void)look_up(p.parent, &parent); /* none: it is nobody's child any more */
	if (process_is_own(&p, parent.comm))
		return false;
	memcpy(ret_comm, p.comm, COMM_SIZE);
	return true;
}

/* The processes of one group, and not of those below it. */
static bool look_at(int group, char ret_comm[static COMM_SIZE])
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW), pid, count = 0;
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	bool found = false;

	if (!file) {
		(void)close_fd(fd);
		return false;
	}
	while (!found && fscanf(file, "%d", &pid) == 1) {
		found = is_work(pid, ret_comm);
		if (!found && ++count == PIDS_MOST) {
			(void)snprintf(ret_comm, COMM_SIZE, "much");
			found = true;
		}
	}
	(void)fclose(file);
	return found;
}

static bool look_below(int group, int depth, char ret_comm[static COMM_SIZE])
{
	int fd = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool found = false;

	if (!dir) {
		(void)close_fd(fd);
		return false;
	}
	found = look_at(dirfd(dir), ret_comm);
	while (!found && depth < DEPTH_MOST && (entry = readdir(dir))) {
		_cleanup_close_ int below = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		below = openat(
			dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		found = below >= 0 && look_below(below, depth + 1, ret_comm);
	}
	(void)closedir(dir);
	return found;
}

bool processes_work(int group, char ret_comm[static COMM_SIZE])
{
	return look_below(group, 0, ret_comm);
}
