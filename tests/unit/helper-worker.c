/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker for test-worker.c. Its first argument says how it behaves; what it hears and says are
 * messages of one number. It answers as a good worker does, or hangs, dies, closes, floods: all
 * that an owner must be ready for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/ipc.h"

struct number {
	struct ipc_head head;
	uint32_t value, reserved;
};

static int say(uint32_t value, int fd)
{
	struct number m = {.head = {.type = 1, .size = sizeof(m)}, .value = value};

	return ipc_send(IPC_FD, &m, fd);
}

/* Each number comes back plus one, and a descriptor's first byte is added to it. */
static int echo(void)
{
	struct number m;
	int fd, r;

	while ((r = ipc_recv(IPC_FD, &m, sizeof(m), &fd)) > 0) {
		uint32_t value = m.value + 1;
		unsigned char byte;

		if (fd >= 0 && read(fd, &byte, 1) == 1)
			value += byte;
		if (say(value, fd) < 0)
			return 1;
		if (fd >= 0)
			(void)close(fd);
	}
	return r == 0 ? 0 : 1;
}

/* 0 when nothing was inherited but what should be. */
static uint32_t faults(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint32_t bad = 0;
	sigset_t mask;

	if (!dir)
		return 1;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			bad |= atoi(entry->d_name) > IPC_FD ? 2 : 0;
	(void)closedir(dir);
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	bad |= sigismember(&mask, SIGCHLD) ? 4 : 0;
	bad |= getpgrp() != getpid() ? 8 : 0;
	bad |= getchar() != EOF ? 16 : 0;
	bad |= signal(SIGPIPE, SIG_DFL) != SIG_DFL ? 32 : 0;
	return bad;
}

/* Its users, its groups, and how many more of those it has. */
static int who(void)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return 1;
	for (int i = 0; i < 6; i++)
		if (say(i < 3 ? u[i] : g[i - 3], -1) < 0)
			return 1;
	return say((uint32_t)getgroups(0, NULL), -1) < 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	static const char garbage[] = "this is no message of ours";

	if (strcmp(how, "echo") == 0)
		return echo();
	if (strcmp(how, "die") == 0)
		return 3;
	if (strcmp(how, "crash") == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)raise(SIGKILL);
	}
	if (strcmp(how, "flood") == 0) {
		for (int i = 0; i < 200; i++)
			if (say((uint32_t)i, -1) < 0)
				return 1;
		return 0;
	}
	if (strcmp(how, "close") == 0)
		(void)close(IPC_FD);
	if (strcmp(how, "leave") == 0) { /* in order, but not at once */
		(void)close(IPC_FD);
		(void)usleep(100000);
		return 7;
	}
	if (strcmp(how, "garbage") == 0)
		(void)send(IPC_FD, garbage, sizeof(garbage), MSG_NOSIGNAL);
	if (strcmp(how, "faults") == 0)
		return say(faults(), -1) < 0;
	if (strcmp(how, "parent") == 0) {
		pid_t child = fork();

		if (child > 0)
			(void)say((uint32_t)child, -1);
	}
	if (strcmp(how, "who") == 0)
		return who();
	if (strcmp(how, "look") == 0) { /* at /etc/ssl and /etc/hostname */
		struct stat st;
		bool file = stat("/etc/hostname", &st) == 0 && S_ISREG(st.st_mode);

		return say((access("/etc/ssl/certs", F_OK) == 0 ? 1U : 0U) | (file ? 2U : 0U), -1) <
		       0;
	}
	if (strcmp(how, "spin-deaf") == 0)
		(void)signal(SIGPROF, SIG_IGN);
	while (strncmp(how, "spin", 4) == 0)
		;
	if (strcmp(how, "stop") == 0) {
		(void)raise(SIGSTOP);
		return echo();
	}
	for (;;) /* hang, and whoever came here */
		(void)pause();
}
