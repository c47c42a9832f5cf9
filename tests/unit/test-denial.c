/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the kernel about what AppArmor and SELinux refused. */
#include <check.h>
#include <string.h>

#include "host/ctl/denial.h"

#define APPARMOR "audit: type=1400 audit(1763725000.123:45): apparmor=\"DENIED\" "
#define SELINUX	 "audit: type=1400 audit(1763725000.123:46): avc:  denied  "

static const struct {
	const char *line;
	struct denial want; /* who == "": it is none, or not ours */
} lines[] = {
	/* As a Debian 12 kernel writes them. */
	{APPARMOR "operation=\"open\" class=\"file\" profile=\"platend\" name=\"/srv/p.conf\" "
		  "pid=812 comm=\"platend\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0",
		{false, "platend", "platend", "open", "/srv/p.conf"}},
	{APPARMOR "operation=\"connect\" profile=\"platen-spool//&platend\" "
		  "name=\"/srv/cups.sock\" comm=\"platen-spool\"",
		{false, "platen-spool", "platen-spool//&platend", "connect", "/srv/cups.sock"}},
	/* By the journal from the audit socket. */
	{"AVC apparmor=\"DENIED\" operation=\"capable\" profile=\"platen-virt\" pid=1 "
	 "comm=\"platen-virt\" capability=12 capname=\"net_admin\"",
		{false, "platen-virt", "platen-virt", "capable", ""}},
	/* Another's program at our files. */
	{APPARMOR "operation=\"connect\" profile=\"/usr/sbin/cupsd\" "
		  "name=\"/run/platen/events\" comm=\"ipp\"",
		{false, "ipp", "/usr/sbin/cupsd", "connect", "/run/platen/events"}},
	{SELINUX "{ connectto } for  pid=901 comm=\"platen-virt\" "
		 "path=\"/run/libvirt/libvirt-sock\" "
		 "scontext=system_u:system_r:init_t:s0 tcontext=system_u:system_r:virtd_t:s0 "
		 "tclass=unix_stream_socket permissive=0",
		{true, "platen-virt", "system_u:system_r:init_t:s0", "connectto",
			"/run/libvirt/libvirt-sock"}},
	{SELINUX "{ read } for  pid=9 comm=\"platend\" name=\"p.conf\" dev=\"vda1\" ino=7 "
		 "scontext=s tcontext=t tclass=file permissive=0",
		{true, "platend", "s", "read", "p.conf"}},
	/* A control character does not get through, nor does a bidirectional override. */
	{APPARMOR "operation=\"open\" profile=\"platend\" name=\"/a\033[2J\xe2\x80\xae\" "
		  "comm=\"platend\"",
		{false, "platend", "platend", "open", "/a [2J"}},
	/* Cut in the midst of a value, and without any. */
	{APPARMOR "operation=\"open\" profile=\"platend\" comm=\"platend\" name=\"/sr",
		{false, "platend", "platend", "open", "/sr"}},
	{APPARMOR "comm=\"platend\" name=", {false, "platend", "", "", ""}},
	/* Others' denials, what was allowed, and what only speaks of it. */
	{APPARMOR "operation=\"ptrace\" profile=\"libvirtd\" peer=\"platen-virt//&platend\" "
		  "comm=\"rpc-libvirtd\"",
		{0}},
	{APPARMOR "operation=\"open\" profile=\"x\" hostname=\"platend\" comm=\"x\"", {0}},
	{"audit: type=1400 audit(1:1): apparmor=\"ALLOWED\" profile=\"platend\" comm=\"platend\"",
		{0}},
	{"audit: type=1400 audit(1:1): apparmor=\"STATUS\" operation=\"profile_load\" "
	 "name=\"platend\" comm=\"apparmor_parser\"",
		{0}},
	{SELINUX "{ read } for  pid=9 comm=\"sshd\" name=\"x\" scontext=s tcontext=t", {0}},
	{SELINUX "{", {0}},
	/* Noted only: that domain, or the machine, is permissive. */
	{SELINUX "{ write } for  pid=9 comm=\"platen\" name=\"backend\" scontext=s tcontext=t "
		 "tclass=sock_file permissive=1",
		{0}},
	{"", {0}},
};

START_TEST(test_line)
{
	const struct denial *want = &lines[_i].want;
	struct denial d;

	if (!want->who[0]) {
		ck_assert_msg(!denial_read(lines[_i].line, &d), "%s", lines[_i].line);
		return;
	}
	ck_assert_msg(denial_read(lines[_i].line, &d), "%s", lines[_i].line);
	ck_assert_int_eq(d.selinux, want->selinux);
	ck_assert_str_eq(d.who, want->who);
	ck_assert_str_eq(d.profile, want->profile);
	ck_assert_str_eq(d.operation, want->operation);
	ck_assert_str_eq(d.name, want->name);
}
END_TEST

/* A value of any length is cut to its place. */
START_TEST(test_long)
{
	char line[2048] = APPARMOR "profile=\"platend\" comm=\"platend\" name=\"";
	struct denial d;

	memset(line + strlen(line), 'x', sizeof(line) - strlen(line) - 1);
	ck_assert(denial_read(line, &d));
	ck_assert_uint_eq(strlen(d.name), sizeof(d.name) - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("denial");
	TCase *tc = tcase_create("denial");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, test_long);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
