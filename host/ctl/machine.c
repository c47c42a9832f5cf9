/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine around platend: denials of its security module, the vsock device, platend itself.
 *
 * platend lives in a sandbox without devices and without the journal, and may be what was denied
 * something; so platenctl looks, with no more rights than the person has who asks. Only lines that
 * the journal says are the kernel's count, for anybody can write one that looks so.
 */
#include "host/ctl/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "host/ctl/audit.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LINES_MOST 20000 /* of the kernel's, from the last back */
#define TEXT_MOST  512

#define _cleanup_journal_ PLATEN_CLEANUP(sd_journal_closep)

static void add(json_t *checks, const char *link, const char *workspace, const char *state,
	const char *text, const char *fix)
{
	json_array_append_new(
		checks, json_pack("{s:s, s:o, s:s, s:s, s:s}", "link", link, "workspace",
				workspace ? json_string(workspace) : json_null(), "state", state,
				"text", text, "fix", fix));
}

static void add_denial(json_t *checks, const struct denial *d)
{
	char text[TEXT_MOST], fix[TEXT_MOST];
	bool ours = strncmp(d->profile, "platen", 6) == 0;

	(void)text_printf(text, sizeof(text), "%s refused %s: %s %s (%s)",
		d->selinux ? "SELinux" : "AppArmor", d->who[0] ? d->who : "a program", d->operation,
		d->name, d->profile);
	if (d->selinux)
		(void)text_printf(fix, sizeof(fix),
			"if it is to be allowed: `ausearch -m avc -c %s | audit2allow -M "
			"platen-local`, read what that allows, `semodule -i platen-local.pp`, "
			"`systemctl restart platend`",
			d->who);
	else
		(void)text_printf(fix, sizeof(fix),
			"if it is to be allowed: a rule in /etc/apparmor.d/local/%s, "
			"`systemctl reload apparmor`, `systemctl restart platend`",
			ours ? "platen" : "usr.sbin.cupsd, or what that profile includes");
	add(checks, "confinement", NULL, "fault", text, fix);
}

/* The kernel's lines of this boot. NULL: the journal cannot be read. */
static sd_journal *kernel_lines(void)
{
	char match[64] = "_BOOT_ID=";
	sd_journal *journal = NULL;
	sd_id128_t boot;

	if (sd_id128_get_boot(&boot) < 0 || sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0)
		return NULL;
	(void)sd_id128_to_string(boot, match + strlen(match));
	if (sd_journal_add_match(journal, match, 0) == 0 &&
		sd_journal_add_match(journal, "_TRANSPORT=kernel", 0) == 0 &&
		sd_journal_add_match(journal, "_TRANSPORT=audit", 0) == 0 &&
		sd_journal_seek_tail(journal) == 0)
		return journal;
	sd_journal_close(journal);
	return NULL;
}

static bool read_denial(sd_journal *journal, struct denial *denial)
{
	char line[2048];
	const void *data;
	size_t size;

	if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0)
		return false;
	if (size >= sizeof(line))
		size = sizeof(line) - 1;
	memcpy(line, data, size);
	line[size] = '\0';
	return denial_read(line, denial);
}

/* Denials since then, each kind once, the last first. */
static void check_denials(json_t *checks, uint64_t since_usec)
{
	_cleanup_journal_ sd_journal *journal = kernel_lines();
	struct denials denials = {0};
	struct denial d;
	int lines = 0;
	uint64_t usec;
	bool audited;

	while (journal && denials.count < DENIALS_SHOWN && lines < LINES_MOST &&
		sd_journal_previous(journal) > 0 &&
		sd_journal_get_realtime_usec(journal, &usec) == 0 && usec >= since_usec) {
		lines++;
		if (read_denial(journal, &d))
			denials_add(&denials, &d);
	}
	audited = audit_read(AUDIT_LOG, (int64_t)(since_usec / 1000000), &denials) == 0;
	for (size_t i = 0; i < denials.count; i++)
		add_denial(checks, &denials.shown[i]);
	if (lines == 0 && !audited && geteuid() != 0)
		add(checks, "confinement", NULL, "skipped",
			"what AppArmor or SELinux refused is in the journal, which you may not "
			"read",
			"`sudo platenctl doctor`");
}

static void check_vsock(json_t *checks, const json_t *workspaces)
{
	json_t *name;
	size_t i;

	if (access("/dev/vhost-vsock", F_OK) == 0)
		return;
	json_array_foreach(workspaces, i, name)
	{
		char fix[TEXT_MOST];

		if (!json_is_string(name))
			continue;
		(void)text_printf(fix, sizeof(fix),
			"`modprobe vhost_vsock`, and its name into "
			"/etc/modules-load.d/platen.conf; "
			"or without vsock: `platenctl detach %s`, `platenctl attach %s`",
			json_string_value(name), json_string_value(name));
		add(checks, "vsock", json_string_value(name), "fault",
			"this kernel has no /dev/vhost-vsock: a domain with vsock does not start",
			fix);
	}
}

void machine_checks(const json_t *data, json_t *checks)
{
	json_int_t started = json_integer_value(json_object_get(data, "started"));

	if (!data)
		add(checks, "platend", NULL, "fault", "it does not answer",
			access("/usr/sbin/platend", X_OK) < 0
				? "install platen-host"
				: "`platend --check` reads its settings; then `systemctl start "
				  "platend`, and `journalctl -u platend -n 20` says what it said");
	else
		check_vsock(checks, json_object_get(data, "vsock"));
	/* It may have been refused something before it looked at the clock. */
	check_denials(checks, started > 5 ? (uint64_t)(started - 5) * 1000000 : 0);
}
