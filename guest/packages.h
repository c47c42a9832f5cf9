/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver packages: fetched from the host, checked, installed by platen-install; each at most once.
 */
#ifndef PLATEN_AGENT_PACKAGES_H
#define PLATEN_AGENT_PACKAGES_H

#include "guest/agent.h"

struct packages;

enum package_stage {
	PACKAGE_NONE = 0,   /* never heard of */
	PACKAGE_COMING,	    /* it is wanted, asked for, or arrives */
	PACKAGE_INSTALLING, /* it waits for its turn, or is being installed */
	PACKAGE_INSTALLED,  /* in this run or, by STATE/packages, in an earlier one */
	PACKAGE_FAILED,	    /* not tried again in this run */
};

int packages_new(struct agent *agent, struct packages **ret_packages);
struct packages *packages_free(struct packages *packages);

/* How it is with a package; ret_trouble (may be NULL) is set with FAILED: one line. */
enum package_stage packages_stage(const struct packages *packages,
	const uint8_t sha256[static SHA256_SIZE], const char **ret_trouble);

/* Has the package of an offer installed, unless that was done or tried. */
void packages_want(struct packages *packages, const struct message_printer *offer);

/* How many are on their way: a restart would cut them off, or come too early. */
uint32_t packages_on_their_way(const struct packages *packages);

/* A piece of one. */
void packages_take(struct packages *packages, const struct message_package_data *data);

/* The session began, or is over: what had not come is asked for again, or does not come. */
void packages_session(struct packages *packages);
void packages_session_over(struct packages *packages);

#endif
