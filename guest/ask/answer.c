/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's answer by command, from a terminal that has no desktop.
 *
 * It says only what is wanted; who wants it the agent learns from the kernel, and it takes the
 * word of users that have a session.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "guest/ask/ask.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define REPLY_MSEC   10000
#define TONIGHT_HOUR 22

uint32_t ask_tonight(void)
{
	time_t now = time(NULL), then;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return 8 * 3600;
	tm.tm_hour = TONIGHT_HOUR;
	tm.tm_min = tm.tm_sec = 0;
	then = mktime(&tm);
	if (then < now + 1800) {
		tm.tm_mday++;
		then = mktime(&tm);
	}
	return (uint32_t)(then - now);
}

uint32_t ask_parse_time(const char *word)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'\0', 60}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long n;

	if (strcmp(word, "tonight") == 0)
		return ask_tonight();
	if (*word < '0' || *word > '9')
		return 0;
	n = strtoul(word, &end, 10);
	if (n == 0 || n > RESTART_SEC_MAX || (*end && end[1]))
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end && n <= RESTART_SEC_MAX / units[i].seconds)
			return (uint32_t)n * units[i].seconds;
	return 0;
}

int ask_answer_send(const char *path, enum answer_choice choice, uint32_t after_sec)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ask_answer a = {.head = {.type = ASK_ANSWER, .size = sizeof(a)},
		.choice = choice,
		.after_sec = after_sec};
	struct ask_reply reply;
	struct pollfd p;
	int none = -1;

	if (text_copy(address.sun_path, sizeof(address.sun_path), path) < 0 || fd < 0 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "platen-ask: %s: %s: is platen-agent running?\n", path,
			strerror(errno));
		return 3;
	}
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	if (ipc_send(fd, &a, -1) < 0 || poll(&p, 1, REPLY_MSEC) != 1 ||
		ipc_recv(fd, &reply, sizeof(reply), &none) != (int)sizeof(reply) ||
		!text_terminated(reply.text, sizeof(reply.text))) {
		fprintf(stderr, "platen-ask: platen-agent does not answer\n");
		return 3;
	}
	(void)close_fd(none);
	fprintf(reply.error < 0 ? stderr : stdout, "%s\n", reply.text);
	return reply.error < 0 ? 1 : 0;
}
