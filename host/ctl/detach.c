/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl detach WORKSPACE`: takes a domain's channel away, and Platen's settings in it.
 *
 * Afterwards the domain is as if Platen had never been there. A running domain that cannot lose the
 * device lives with it until its end, and that is said.
 */
#include "host/ctl/ctl.h"

int ctl_detach(struct ctl *ctl, int argc, char **argv)
{
	json_auto_t *data = NULL;
	int code;

	if (!ctl_operands(ctl, argc, argv, 1, 1))
		return CTL_USAGE;
	code = ctl_ask(
		ctl, json_pack("{s:s, s:s}", "verb", "detach", "workspace", argv[optind]), &data);
	if (code != CTL_OK)
		return code;
	return ctl->json ? ctl_print_json(data) : ctl_print_change(argv[optind], data);
}
