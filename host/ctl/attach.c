/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl attach DOMAIN`: gives a domain its channel, which makes it a workspace.
 *
 * libvirt does the work and may take a while. Where it cannot add the device to a running domain,
 * the domain has it from its next start on, and that is said.
 */
#include "host/ctl/ctl.h"

int ctl_attach(struct ctl *ctl, int argc, char **argv)
{
	static const struct option own[] = {
		{"virtio", no_argument, NULL, 'v'}, {"vsock", no_argument, NULL, 's'}, {0}};
	json_auto_t *data = NULL;
	int code, option, device = 0;

	while ((option = ctl_getopt(ctl, argc, argv, own)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		if (device && device != option)
			return ctl_usage(ctl, "either --virtio or --vsock");
		device = option;
	}
	if (argc - optind != 1)
		return ctl_usage(ctl, "attach wants one DOMAIN, by its name or UUID");
	code = ctl_ask(ctl,
		json_pack("{s:s, s:s, s:s}", "verb", "attach", "workspace", argv[optind], "device",
			device == 's' ? "vsock" : "virtio"),
		&data);
	if (code != CTL_OK)
		return code;
	return ctl->json ? ctl_print_json(data) : ctl_print_change(argv[optind], data);
}
