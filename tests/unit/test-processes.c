/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counts as an application where no unit says so: rows of names, and a folder that looks like
 * a control group with real processes in it.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/processes.h"

static const struct {
	const char *comm;
	const char *parent;
	int tty;
	char state;
	bool own;
} rows[] = {
	/* Who logs people in, and a shell that waits. */
	{"login", "", 1025, 'S', true},
	{"sshd", "sshd", 0, 'S', true},
	{"sshd-session", "sshd", 0, 'S', true},
	{"bash", "login", 1025, 'S', true},
	{"zsh", "sshd-session", 34816, 'S', true},
	{"bash", "gnome-terminal-", 34816, 'S', true},
	{"bash", "su", 34816, 'S', true},
	{"bash", "", 34816, 'S', true},
	/* A script: by a shell, or without a terminal. */
	{"bash", "bash", 34816, 'S', false},
	{"sh", "zsh", 34816, 'S', false},
	{"bash", "sshd", 0, 'S', false},
	{"backup.sh", "bash", 34816, 'S', false},
	/* What a person works with. */
	{"vim", "bash", 34816, 'T', false},
	{"make", "bash", 34816, 'R', false},
	{"soffice.bin", "oosplash", 0, 'S', false},
	{"firefox-esr", "xfce4-session", 0, 'S', false},
	{"xterm", "openbox", 0, 'S', false},
	{"Thunar", "xfce4-session", 0, 'S', false},
	{"tmux: server", "systemd", 0, 'S', false},
	{"logind", "", 0, 'S', false},
	{"", "", 0, 'S', false},
	/* A desktop's own. */
	{"xfce4-session", "lightdm", 0, 'S', true},
	{"gdm-session-wor", "gdm3", 0, 'S', true},
	{"gnome-session-b", "gdm-x-session", 0, 'S', true},
	{"gvfsd-fuse", "gvfsd", 0, 'S', true},
	{"dbus-daemon", "systemd", 0, 'S', true},
	{"(sd-pam)", "systemd", 0, 'S', true},
	/* What is over is no work. */
	{"make", "bash", 34816, 'Z', true},
};

START_TEST(test_names)
{
	struct process p = {.state = rows[_i].state, .tty = rows[_i].tty};

	strcpy(p.comm, rows[_i].comm);
	ck_assert_msg(process_is_own(&p, rows[_i].parent) == rows[_i].own, "%s of %s",
		rows[_i].comm, rows[_i].parent);
}
END_TEST

START_TEST(test_parse)
{
	struct process p;

	ck_assert(process_parse("42 (vim) T 41 42 40 34816 42 4194304 1", &p));
	ck_assert_str_eq(p.comm, "vim");
	ck_assert(p.state == 'T' && p.parent == 41 && p.tty == 34816);
	/* A process chooses its name: it does not move the fields. */
	ck_assert(process_parse("7 (a) S 1 (b) R 9 7 6 0 -1 0", &p));
	ck_assert_str_eq(p.comm, "a) S 1 (b");
	ck_assert(p.state == 'R' && p.parent == 9 && p.tty == 0);
	ck_assert(!process_parse("", &p));
	ck_assert(!process_parse("1 (a", &p));
	ck_assert(!process_parse("1 )a(", &p));
	ck_assert(!process_parse("1 (a) S 1", &p));
	ck_assert(!process_parse("1 (sixteen letters!) S 1 1 1 0 0", &p));
}
END_TEST

/* A process of that name that waits for its end. */
static pid_t start(const char *name)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, name);
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void put(const char *group, const char *below, pid_t a, pid_t b)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s/cgroup.procs", group, below);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	(void)fprintf(file, "%d\n%d\n", (int)a, (int)b);
	(void)fclose(file);
}

START_TEST(test_group)
{
	char dir[] = "/tmp/platen-group-XXXXXX", path[256], comm[COMM_SIZE];
	pid_t login = start("login"), agent = start("ssh-agent"), vim = start("vim");
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/below", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(!processes_work(fd, comm)); /* nothing in it */
	put(dir, ".", login, agent);
	ck_assert(!processes_work(fd, comm));
	put(dir, "below", agent, vim);
	ck_assert(processes_work(fd, comm));
	ck_assert_str_eq(comm, "vim");
	end(vim); /* listed, and gone */
	ck_assert(!processes_work(fd, comm));
	end(login);
	end(agent);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "rm -r %s", dir);
	ck_assert_int_eq(system(path), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("processes");
	TCase *tc = tcase_create("processes");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_names, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_parse);
	tcase_add_test(tc, test_group);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
