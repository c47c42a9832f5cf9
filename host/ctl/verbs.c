/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of platenctl.
 *
 * The one table that the program, its help and its manual's test go by: a new verb is a file with
 * its function and a row here. The order is that of the help: to look, to change, to find out.
 */
#include "host/ctl/ctl.h"

const struct verb ctl_verbs[] = {
	{"status", ctl_status, "", "how platend, libvirt and the spooler are, in short"},
	{"workspaces", ctl_workspaces, "", "list workspaces, their channel and their mode"},
	{"printers", ctl_printers, "[WORKSPACE]",
		"list the host's printers; with WORKSPACE, what became of each there"},
	{"jobs", ctl_jobs, "[WORKSPACE] [--all [--limit COUNT]]",
		"list jobs on their way; with --all, ended ones too"},
	{"job", ctl_job, "{retry | forget [--printed]} WORKSPACE JOB",
		"decide about a job of which nobody knows whether it was printed"},
	{"mode", ctl_mode, "[WORKSPACE | --default] [off | network | all | unset]",
		"show or set what a workspace is offered"},
	{"rendering", ctl_rendering, "PRINTER [host | guest | unset]",
		"show or set who makes a printer's pages: the host or the workspaces"},
	{"driver", ctl_driver,
		"{add FILE | list | show PRINTER [--diff] | remove | refresh [PRINTER] | "
		"package {add FILE [--restart LEVEL] | list | remove}} "
		"[--printer PRINTER | --model MODEL]",
		"printers' drivers: those added by hand, and packages for workspaces"},
	{"attach", ctl_attach, "DOMAIN [--virtio | --vsock]",
		"give a domain a channel, at once where libvirt can"},
	{"detach", ctl_detach, "WORKSPACE", "take a domain's channel and its settings away"},
	{"restart", ctl_restart,
		"WORKSPACE [--now | --ask | --defer TIME | --cancel | --policy POLICY]",
		"show, order, defer or call off a workspace's restart"},
	{"doctor", ctl_doctor, "[WORKSPACE]",
		"check each link from libvirt to the workspace's spooler"},
	{"explain", ctl_explain, "PRINTER WORKSPACE",
		"say why a printer is in a workspace, or is not"},
	{0},
};
