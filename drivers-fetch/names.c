/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking a server's name up.
 *
 * The C library asks whatever this machine is set up with: files, DNS, or by unix sockets nscd,
 * systemd-resolved or avahi (names in .local). platen-fetch itself is to have no unix socket at
 * all, nor to parse what a stranger's name server says; so a child asks, tells addresses, and is
 * gone. What it tells is taken only where it is an address.
 */
#include "drivers-fetch/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES_SEC  15
#define NAMES_MOST 8
#define SAID_MAX   (NAMES_MOST * (INET6_ADDRSTRLEN + 1))

static void tell(const char *host, int out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found, *a;
	char line[INET6_ADDRSTRLEN + 1];
	int count = 0;

	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return;
	for (a = found; a && count < NAMES_MOST; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, line, sizeof(line) - 1, NULL, 0,
			    NI_NUMERICHOST) != 0 ||
			strchr(line, '%')) /* of one link only: no use without its name */
			continue;
		(void)strcat(line, "\n");
		if (write(out, line, strlen(line)) < 0)
			return;
		count++;
	}
	freeaddrinfo(found);
}

static time_t now_sec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* All that comes until the other side closes, or time is up. Returns its size. */
static size_t hear(int in, char *buf, size_t size)
{
	time_t end = now_sec() + NAMES_SEC, now;
	size_t used = 0;

	while (used < size && (now = now_sec()) < end) {
		struct pollfd p = {.fd = in, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, (int)(end - now) * 1000) <= 0)
			continue;
		n = read(in, buf + used, size - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	return used;
}

static bool is_address(const char *text, bool *ret_is_v6)
{
	struct in6_addr v6;
	struct in_addr v4;

	*ret_is_v6 = inet_pton(AF_INET6, text, &v6) == 1;
	return *ret_is_v6 || inet_pton(AF_INET, text, &v4) == 1;
}

/* The lines that are addresses, joined. */
static int join(char *untrusted_said, char *buf, size_t size)
{
	char *rest = untrusted_said, *line;
	size_t used = 0;
	bool v6;

	buf[0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		size_t more = strlen(line) + 3;

		if (!is_address(line, &v6) || used + more >= size)
			continue;
		(void)snprintf(buf + used, size - used, "%s%s%s%s", used ? "," : "", v6 ? "[" : "",
			line, v6 ? "]" : "");
		used += strlen(buf + used);
	}
	return used ? 0 : -ENODATA;
}

int names_find(const char *host, char *buf, size_t size)
{
	char said[SAID_MAX + 1];
	int fds[2];
	size_t used;
	pid_t pid;
	bool v6;

	if (is_address(host, &v6) || host[0] == '[')
		return -EINVAL;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		tell(host, fds[1]);
		_exit(0);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return -EAGAIN;
	}
	used = hear(fds[0], said, SAID_MAX);
	(void)close(fds[0]);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	said[used] = '\0';
	return join(said, buf, size);
}
