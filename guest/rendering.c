/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this guest can render for a printer.
 *
 * A printer is never kept waiting for it: while a filter is missing, and a package with it may take
 * minutes to come, the host renders, and the queue is made anew when the filters are here. Whatever
 * is not as the host would like it is said in the printer's report.
 */
#include "guest/rendering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/queues.h"
#include "proto/base/text.h"

struct rendering_decision rendering_decide(const struct rendering_facts *f)
{
	struct rendering_decision d = {0};

	if (!f->wanted)
		return d;
	if (f->refused) {
		(void)text_printf(d.text, sizeof(d.text),
			"the host renders: this workspace's spooler does not take the driver "
			"with its filters: %.300s",
			f->refused);
		return d;
	}
	if (!f->missing) {
		d.whole = true;
		return d;
	}
	if (!f->has_package) {
		(void)text_printf(d.text, sizeof(d.text),
			"the host renders: the filter %.100s is not in this workspace, and no "
			"package brings it (`platenctl driver package add FILE --printer …`)",
			f->missing);
		return d;
	}
	switch (f->stage) {
	case PACKAGE_NONE: d.want_package = true; /* fall through */
	case PACKAGE_COMING:
	case PACKAGE_INSTALLING:
		(void)text_printf(d.text, sizeof(d.text),
			"the host renders until the package with the filter %.100s is installed",
			f->missing);
		break;
	case PACKAGE_INSTALLED:
		(void)text_printf(d.text, sizeof(d.text),
			"the host renders: the filter %.100s is not in this workspace, though the "
			"package was installed",
			f->missing);
		break;
	case PACKAGE_FAILED:
		(void)text_printf(d.text, sizeof(d.text),
			"the host renders: the package with the filter %.100s could not be "
			"installed: %.300s",
			f->missing, f->trouble ? f->trouble : "");
		break;
	}
	return d;
}

const char *rendering_missing(
	const char *folder, const char *filters, char buf[static FILTERS_SIZE])
{
	char path[512];
	struct stat st;

	while (*filters) {
		size_t n = strcspn(filters, ",");

		if (n < FILTERS_SIZE) {
			memcpy(buf, filters, n);
			buf[n] = '\0';
			(void)snprintf(path, sizeof(path), "%s/filter/%s", folder, buf);
			if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
				return buf;
		}
		filters += n;
		filters += *filters == ',';
	}
	return NULL;
}

void rendering_look(struct agent *agent, struct printer *p)
{
	struct rendering_facts facts = {0};
	struct rendering_decision d;
	char missing[FILTERS_SIZE];

	if (!p->offer || !p->offered)
		return;
	facts.wanted = p->offer->rendering == RENDERING_GUEST;
	facts.refused = p->whole_trouble[0] ? p->whole_trouble : NULL;
	facts.has_package = p->offer->package_size > 0;
	facts.missing =
		rendering_missing(agent->config.cups_server_bin, p->offer->filters, missing);
	facts.stage = packages_stage(agent->packages, p->offer->package, &facts.trouble);
	d = rendering_decide(&facts);
	if (printers_set_whole(p, d.whole, d.text)) {
		p->reported = 0; /* it is said anew */
		queues_due(agent->queues, p);
	}
	if (!d.want_package)
		return;
	packages_want(agent->packages, p->offer);
	if (packages_stage(agent->packages, p->offer->package, NULL) == PACKAGE_INSTALLED)
		rendering_look(agent, p); /* in an earlier run */
}

void rendering_look_all(struct agent *agent)
{
	struct printer *p;

	TAILQ_FOREACH(p, &agent->printers.all, link)
	rendering_look(agent, p);
}

void rendering_refused(struct agent *agent, struct printer *p, const char *why)
{
	(void)text_copy(
		p->whole_trouble, sizeof(p->whole_trouble), why[0] ? why : "no reason given");
	rendering_look(agent, p);
}
