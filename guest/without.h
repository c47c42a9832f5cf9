/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent goes without in a workspace that is not as most are. */
#ifndef PLATEN_WITHOUT_H
#define PLATEN_WITHOUT_H

/* Says in the log, one line each, what this system does not have and what that means. */
void without_say(void);

#endif
