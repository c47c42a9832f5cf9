/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent goes without, said once at its start.
 *
 * Printing needs a spooler and a channel and nothing else, so that the agent runs below any init.
 * Two more things it would use: systemd, which starts it again, restarts a spooler for it and
 * restarts the workspace; and logind or elogind, by which it knows who is there to be asked.
 */
#include "guest/without.h"

#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proto/base/log.h"

#define SEATS "/run/systemd/seats" /* of logind and elogind, sd-login(3) */

void without_say(void)
{
	if (sd_booted() > 0)
		return; /* logind belongs to it, and may only come after us */
	log_line(LOG_NOTICE, NULL,
		"without systemd: nothing starts the agent again when it ends, and a restart that "
		"a driver needs is an administrator's to do");
	if (access(SEATS, F_OK) < 0)
		log_line(LOG_NOTICE, NULL,
			"without logind and elogind: people are not asked before a restart; that "
			"somebody works here is seen by processes alone");
}
