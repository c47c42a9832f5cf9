/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes a printer's pages ready for it: the host, or this guest's own filters.
 */
#ifndef PLATEN_AGENT_RENDERING_H
#define PLATEN_AGENT_RENDERING_H

#include "guest/agent.h"
#include "guest/packages.h"

/* What is known about one printer. */
struct rendering_facts {
	bool wanted;	     /* the host would like the guest to render */
	const char *missing; /* a filter that is not here, or NULL */
	bool has_package;    /* the host knows one that brings it */
	enum package_stage stage;
	const char *trouble; /* why the package is FAILED */
	const char *refused; /* why this spooler does not take the whole driver, or NULL */
};

struct rendering_decision {
	bool whole;		 /* the guest renders */
	bool want_package;	 /* the package is to be fetched and installed */
	char text[MESSAGE_SIZE]; /* why it is not as wanted; empty when it is */
};

/* Pure: the same facts, the same decision. */
struct rendering_decision rendering_decide(const struct rendering_facts *facts);

/* The first of "a,b,c" that is no program in `folder`, in buf; NULL: all are there. */
const char *rendering_missing(
	const char *folder, const char *filters, char buf[static FILTERS_SIZE]);

/* Looks at one printer, after its offer came, and has done what is to be done. */
void rendering_look(struct agent *agent, struct printer *printer);
void rendering_look_all(struct agent *agent);

/* This spooler does not take the whole driver: the host renders. */
void rendering_refused(struct agent *agent, struct printer *printer, const char *why);

#endif
