/* SPDX-License-Identifier: Apache-2.0 */
/* Has drivers that no printer uses any more removed from the store, once a day. */
#ifndef PLATEN_PRUNER_H
#define PLATEN_PRUNER_H

#include "host/host.h"

struct pruner;

int pruner_new(struct host *host, struct pruner **ret_pruner);
struct pruner *pruner_free(struct pruner *pruner);

/* Called now and then: begins when it is time and every printer's driver is known. */
void pruner_tick(struct pruner *pruner);

#endif
