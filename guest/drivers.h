/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers that this guest holds: STATE/drivers/<sha256>.ppd.gz.
 *
 * Leaf code: it keeps files and says what came of the pieces that arrive; asking the host is the
 * owner's.
 */
#ifndef PLATEN_AGENT_DRIVERS_H
#define PLATEN_AGENT_DRIVERS_H

#include <stdbool.h>
#include <time.h>

#include "proto/message.h"

struct drivers;

/* Asks the host for a driver. 0 or -errno. */
typedef int drivers_ask_fn(const uint8_t sha256[static SHA256_SIZE], void *userdata);
/* Whether a driver is of use. */
typedef bool drivers_use_fn(const uint8_t sha256[static SHA256_SIZE], void *userdata);

#define DRIVERS_KEEP_SEC (30 * 24 * 3600) /* an unused driver is kept: modes are toggled */

/* Opens, or makes, the folder below `state_dir` and sees what is there. 0 or -errno. */
int drivers_new(
	const char *state_dir, drivers_ask_fn *ask, void *userdata, struct drivers **ret_drivers);
struct drivers *drivers_free(struct drivers *drivers);

/* "STATE/drivers" */
const char *drivers_folder(const struct drivers *drivers);

bool drivers_have(const struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE]);

/* Asks for a driver unless it is held, was asked for in this session, or was refused in it. */
void drivers_want(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE]);

/* A held driver, as a descriptor that the caller owns. One from an earlier run is looked at first:
 * -ENOENT when it is not what its name says (it is then forgotten), or not held; -errno. */
int drivers_open(struct drivers *drivers, const uint8_t sha256[static SHA256_SIZE]);

enum drivers_news {
	DRIVERS_MORE = 0, /* more is to come, or nobody asked for it */
	DRIVERS_CAME,	  /* it is held now */
	DRIVERS_FAILED,	  /* it is not: see ret_why; not asked for again before drivers_retry() */
};

/* A piece of a driver. `ret_why` is set with DRIVERS_FAILED: one line. */
enum drivers_news drivers_take(struct drivers *drivers, const struct message_driver_data *data,
	char ret_why[static MESSAGE_SIZE]);

/* Lets drivers_want() ask again for what failed. */
void drivers_retry(struct drivers *drivers);

/* The session is over: what was asked for does not come any more. */
void drivers_session_over(struct drivers *drivers);

/* Takes away what nobody has used for DRIVERS_KEEP_SEC; notes the use of the others. */
void drivers_prune(struct drivers *drivers, drivers_use_fn *is_used, void *userdata, time_t now);

#endif
