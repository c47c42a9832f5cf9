/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auditd's log: records as it writes them, the last first, each kind once, none from before.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/ctl/audit.h"

#define CUPSD "scontext=system_u:system_r:cupsd_t:s0-s0:c0.c1023 "

/* As auditd 3 writes them, RAW and ENRICHED, in a Fedora and a Debian. */
static const char records[] =
	"type=AVC msg=audit(1763724999.900:40): avc:  denied  { read } for  pid=700 "
	"comm=\"platend\" "
	"name=\"early\" dev=\"vda3\" ino=11 scontext=system_u:system_r:init_t:s0 "
	"tcontext=system_u:object_r:admin_home_t:s0 tclass=file permissive=0\n"
	"type=AVC msg=audit(1763725000.123:41): apparmor=\"DENIED\" operation=\"open\" "
	"class=\"file\" profile=\"platend\" name=\"/srv/print.secret\" pid=812 comm=\"platend\" "
	"requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0\x1d"
	"FSUID=\"root\" OUID=\"root\"\n"
	"type=SYSCALL msg=audit(1763725000.123:41): arch=c000003e syscall=257 success=no exit=-13 "
	"a0=ffffff9c a1=7ffd items=1 ppid=1 pid=812 auid=4294967295 uid=0 gid=0 comm=\"platend\" "
	"exe=\"/usr/sbin/platend\" subj=platend key=(null)\n"
	"type=PROCTITLE msg=audit(1763725000.123:41): "
	"proctitle=2F7573722F7362696E2F706C6174656E64\n"
	"type=AVC msg=audit(1763725001.456:42): avc:  denied  { write } for  pid=2431 "
	"comm=\"platen\" name=\"events\" dev=\"tmpfs\" ino=1423 " CUPSD
	"tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file permissive=0\n"
	"type=AVC msg=audit(1763725002.456:43): avc:  denied  { connectto } for  pid=2431 "
	"comm=\"platen\" path=\"/run/cups/platen/events\" " CUPSD
	"tcontext=system_u:system_r:unconfined_service_t:s0 tclass=unix_stream_socket "
	"permissive=0\n"
	"type=AVC msg=audit(1763725003.456:44): avc:  denied  { write } for  pid=2500 "
	"comm=\"platen\" name=\"events\" dev=\"tmpfs\" ino=1423 " CUPSD
	"tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file permissive=0\n"
	"type=AVC msg=audit(1763725004.1:45): avc:  denied  { read } for  pid=1 comm=\"sshd\" "
	"name=\"x\" scontext=s tcontext=t tclass=file permissive=0\n"
	"type=USER_CMD msg=audit(1763725005.1:46): pid=9 uid=1000 msg='cwd=\"/\" "
	"cmd=6176633A acct=\"avc:  denied  { read } for comm=\"platend\"'\n";

static void read_records(const char *text, size_t size, int64_t since, struct denials *ret_denials)
{
	char path[] = "/tmp/platen-audit-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	(void)close(fd);
	memset(ret_denials, 0, sizeof(*ret_denials));
	ck_assert_int_eq(audit_read(path, since, ret_denials), 0);
	(void)unlink(path);
}

START_TEST(test_records)
{
	struct denials denials;

	read_records(records, strlen(records), 1763725000, &denials);
	ck_assert_uint_eq(denials.count, 3);
	ck_assert_str_eq(denials.shown[0].operation, "write");
	ck_assert_str_eq(denials.shown[0].name, "events");
	ck_assert_str_eq(denials.shown[0].who, "platen");
	ck_assert(denials.shown[0].selinux);
	ck_assert_str_eq(denials.shown[0].profile, "system_u:system_r:cupsd_t:s0-s0:c0.c1023");
	ck_assert_str_eq(denials.shown[1].operation, "connectto");
	ck_assert_str_eq(denials.shown[1].name, "/run/cups/platen/events");
	ck_assert_str_eq(denials.shown[2].name, "/srv/print.secret");
	ck_assert_str_eq(denials.shown[2].profile, "platend");
	ck_assert(!denials.shown[2].selinux);
	read_records(records, strlen(records), 0, &denials);
	ck_assert_uint_eq(denials.count, 4);
	ck_assert_str_eq(denials.shown[3].name, "early");
	read_records(records, strlen(records), 1763725009, &denials);
	ck_assert_uint_eq(denials.count, 0);
}
END_TEST

/* A log that is empty, cut, odd, or longer than what is looked at. */
START_TEST(test_odd)
{
	static const char odd[] = "\n\ntype=AVC msg=audit(: avc:  denied  {\n\0\n\x1d\ntype=AVC";
	static char large[3 * 1024 * 1024];
	struct denials denials;
	size_t size = strlen(records);

	read_records("", 0, 0, &denials);
	ck_assert_uint_eq(denials.count, 0);
	read_records(odd, sizeof(odd), 0, &denials);
	ck_assert_uint_eq(denials.count, 0);
	for (size_t cut = 0; cut < size; cut += 7)
		read_records(records + cut, size - cut, 0, &denials);
	memset(large, 'x', sizeof(large));
	memcpy(large, records, size); /* too far back */
	large[size] = '\n';
	read_records(large, sizeof(large), 0, &denials);
	ck_assert_uint_eq(denials.count, 0);
	large[sizeof(large) - size - 1] = '\n';
	memcpy(large + sizeof(large) - size, records, size);
	read_records(large, sizeof(large), 0, &denials);
	ck_assert_uint_eq(denials.count, 4);
}
END_TEST

START_TEST(test_none)
{
	struct denials denials = {0};

	ck_assert_int_eq(audit_read("/nonexistent/audit.log", 0, &denials), -ENOENT);
	ck_assert_uint_eq(denials.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tc = tcase_create("audit");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_records);
	tcase_add_test(tc, test_odd);
	tcase_add_test(tc, test_none);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
