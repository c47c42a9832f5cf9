/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notifier `platen`: cupsd runs it (ServerBin/notifier/platen RECIPIENT USERDATA, as lp) and
 * writes an IPP message to its standard input for each event of our subscription.
 *
 * It passes on only that something happened to which printer or job, as a fixed datagram, to the
 * one socket that platen-spool listens at. The recipient URI could be anybody's, so it names no
 * path: the folder is fixed, or set by cupsd's own configuration.
 */
#include <cups/cups.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/spool/hint.h"
#include "proto/base/text.h"

#define AGAIN_MSEC 300 /* between two tries to say that something was left out */

static int hint_from(ipp_t *event, struct spool_hint *hint)
{
	ipp_attribute_t *a;
	const char *text;

	memset(hint, 0, sizeof(*hint));
	a = ippFindAttribute(event, "notify-job-id", IPP_TAG_INTEGER);
	hint->host_job = a ? (uint32_t)ippGetInteger(a, 0) : 0;
	a = ippFindAttribute(event, "job-state", IPP_TAG_ENUM);
	hint->job_state = a ? (uint32_t)ippGetInteger(a, 0) : 0;
	a = ippFindAttribute(event, "printer-name", IPP_TAG_NAME);
	text = a ? ippGetString(a, 0, NULL) : NULL;
	if (text && text_copy(hint->printer, sizeof(hint->printer), text) < 0)
		return -1;
	a = ippFindAttribute(event, "notify-subscribed-event", IPP_TAG_KEYWORD);
	text = a ? ippGetString(a, 0, NULL) : NULL;
	hint->printers = text && (strcmp(text, "printer-added") == 0 ||
					 strcmp(text, "printer-deleted") == 0 ||
					 strcmp(text, "printer-modified") == 0);
	return 0;
}

/* Whether another event came, or cupsd closed, within this time. */
static bool comes(int msec)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, msec) != 0;
}

/* platen-spool is behind, or not there: cupsd must not wait for it, so it is told later that
 * something was left out. */
static bool pass_on(int sock, const struct sockaddr_un *to, const struct spool_hint *hint)
{
	if (sendto(sock, hint, sizeof(*hint), MSG_DONTWAIT, (const struct sockaddr *)to,
		    sizeof(*to)) >= 0)
		return true;
	if (!hint->lost)
		fprintf(stderr, "DEBUG: platen: platen-spool does not listen at %s\n",
			to->sun_path);
	return false;
}

int main(void)
{
	const char *folder = getenv(HINT_ENV);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool lost = false;

	if (sock < 0 || snprintf(to.sun_path, sizeof(to.sun_path), "%s/" HINT_SOCKET,
				folder ? folder : HINT_RUNDIR) >= (int)sizeof(to.sun_path))
		return 1;
	for (;;) {
		ipp_t *event = ippNew();
		struct spool_hint hint = {.lost = 1};
		ipp_state_t state;

		while (lost && !comes(AGAIN_MSEC))
			lost = !pass_on(sock, &to, &hint);
		while ((state = ippReadFile(STDIN_FILENO, event)) != IPP_STATE_DATA)
			if (state <= IPP_STATE_IDLE)
				break;
		if (state == IPP_STATE_DATA && hint_from(event, &hint) == 0)
			lost |= !pass_on(sock, &to, &hint);
		ippDelete(event);
		if (state <= IPP_STATE_IDLE)
			return 0; /* cupsd closed: it ends or the subscription does */
	}
}
