/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platen-ask as a worker: one request at IPC_FD.
 *
 * It begins with the agent's rights, and all that it does with them is to look up the user, which
 * may block on a directory in the network, and to become that user; the bus and the terminals are
 * met by the user. The agent's deadline ends it where it blocks for too long.
 */
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guest/ask/ask.h"
#include "proto/base/text.h"

#define REQUEST_MSEC 10000

static const struct passwd *look_up(uint32_t uid)
{
	struct ask_name m = {.head = {.type = ASK_NAME, .size = sizeof(m)}};
	const struct passwd *pw = getpwuid(uid);

	if (!pw)
		return NULL;
	text_copy_line(m.name, sizeof(m.name), pw->pw_name);
	return ipc_send(IPC_FD, &m, -1) < 0 ? NULL : pw;
}

static bool become(const struct passwd *pw)
{
	if (pw->pw_uid == geteuid())
		return true;
	if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
		return false;
	/* The change of user took this away. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

int ask_serve(void)
{
	static union {
		struct ipc_head head;
		struct ask_question question;
		struct ask_who who;
	} m;
	struct pollfd p = {.fd = IPC_FD, .events = POLLIN};
	const struct passwd *pw;
	int r, none = -1;

	if (poll(&p, 1, REQUEST_MSEC) != 1)
		return 2;
	r = ipc_recv(IPC_FD, &m, sizeof(m), &none);
	if (r == (int)sizeof(m.who) && m.head.type == ASK_WHO)
		return look_up(m.who.uid) ? 0 : ASK_NOBODY;
	if (r != (int)sizeof(m.question) || m.head.type != ASK_QUESTION)
		return 2;
	pw = look_up(m.question.uid);
	if (!pw)
		return ASK_NOBODY;
	return become(pw) ? ask_put(&m.question) : 1;
}
