/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `platenctl driver`: its command lines, the descriptor that goes with a request, and what is shown
 * of a store's record, which is text from elsewhere.
 *
 * The other end is a process that answers one connection with given bytes. Whether a driver that
 * was added is used is tested with platend itself (tests/integration/test_drivers_by_hand.py).
 */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/ctl/ctl.h"
#include "proto/base/cleanup.h"

#define DRIVER "*PPD-Adobe: \"4.3\"\n"

static char folder[64], path[96], file[96], record[96];
static char *out_text, *err_text; /* what the last run wrote */

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	strcpy(folder, "/tmp/platen-ctl-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/control", folder);
	(void)snprintf(file, sizeof(file), "%s/d.ppd", folder);
	(void)snprintf(record, sizeof(record), "%s/ab.json", folder);
	write_file(file, DRIVER);
	ck_assert_int_eq(setenv(CTL_SOCKET_ENV, path, 1), 0);
}

static void teardown(void)
{
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
	(void)unlink(path);
	(void)unlink(file);
	(void)unlink(record);
	(void)rmdir(folder);
}

/* One request with the descriptor that came with it, -1 if none. */
static int take(int fd, char *buf, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size - 1};
	struct msghdr hdr = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&hdr);
	int passed = -1;

	buf[n > 0 ? n : 0] = '\0';
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&passed, CMSG_DATA(c), sizeof(passed));
	return passed;
}

/* Answers one connection, in a process that exits 0 if it was asked `want` with the file `holds`
 * (NULL: with none). */
static pid_t serve(const char *want, const char *holds, const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, passed;
	char request[8192], bytes[64] = "";
	bool sound;
	pid_t pid;

	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0) {
		(void)close(listener);
		return pid;
	}
	fd = accept(listener, NULL, NULL);
	passed = take(fd, request, sizeof(request));
	if (passed >= 0)
		(void)!read(passed, bytes, sizeof(bytes) - 1);
	sound = strcmp(request, want) == 0 && (passed >= 0) == (holds != NULL) &&
		(!holds || strcmp(bytes, holds) == 0);
	(void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	_exit(!sound);
}

static void served(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "asked for something else");
}

static char *read_back(FILE *f)
{
	char *text = NULL;
	size_t size = 0;

	rewind(f);
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	(void)fclose(f);
	return text;
}

/* Runs `platenctl driver` with its output caught. `line` is split at blanks. */
static int run(const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), argc = 2, code;
	char *argv[16] = {"platenctl", "driver"};
	_cleanup_free_ char *words = strdup(line);

	for (char *word = strtok(words, " "); word && argc < 15; word = strtok(NULL, " "))
		argv[argc++] = word;
	free(out_text);
	free(err_text);
	(void)fflush(NULL);
	(void)dup2(fileno(out), STDOUT_FILENO);
	(void)dup2(fileno(err), STDERR_FILENO);
	code = ctl_main(argc, argv);
	(void)fflush(NULL);
	(void)dup2(saved_out, STDOUT_FILENO);
	(void)dup2(saved_err, STDERR_FILENO);
	(void)close(saved_out);
	(void)close(saved_err);
	out_text = read_back(out);
	err_text = read_back(err);
	return code;
}

/* Command lines that never reach platend. */
static const struct {
	const char *line, *says;
} lines[] = {
	{"", "driver wants add FILE"},
	{"paper", "driver wants add FILE"},
	{"add", "driver wants add FILE"},
	{"add /dev/null", "driver wants add FILE"},
	{"add --printer p", "driver wants add FILE"},
	{"add /dev/null --printer p --model m", "driver wants add FILE"},
	{"add /dev/null x --printer p", "driver wants add FILE"},
	{"add /nowhere/d.ppd --printer p", "/nowhere/d.ppd: No such file"},
	{"list x", "driver wants add FILE"},
	{"show", "driver wants add FILE"},
	{"show p q", "driver wants add FILE"},
	{"remove", "driver wants add FILE"},
	{"remove p", "driver wants add FILE"},
	{"remove --printer p --model m", "driver wants add FILE"},
	{"refresh p q", "driver wants add FILE"},
};

START_TEST(test_line)
{
	ck_assert_int_eq(run(lines[_i].line), CTL_USAGE);
	ck_assert_msg(strstr(err_text, lines[_i].says) != NULL, "%s", err_text);
	ck_assert_str_eq(out_text, "");
}
END_TEST

/* The open file goes with the request, and what platend says of it is shown escaped. */
START_TEST(test_add)
{
	char line[160];
	pid_t pid = serve("{\"verb\":\"driver-add\",\"printer\":\"p\"}\n", DRIVER,
		"{\"ok\":true,\"data\":{\"make_model\":\"Acme\\u001b[2J\",\"text\":\"3 kept\"}}\n");

	(void)snprintf(line, sizeof(line), "add %s --printer p", file);
	ck_assert_int_eq(run(line), CTL_OK);
	served(pid);
	ck_assert_str_eq(out_text, "p: Acme\\x1b[2J, 3 kept\n");
}
END_TEST

START_TEST(test_add_refused)
{
	char line[160];
	pid_t pid = serve("{\"verb\":\"driver-add\",\"model\":\"m\"}\n", DRIVER,
		"{\"ok\":false,\"code\":\"not-permitted\",\"error\":\"for administrators\"}\n");

	(void)snprintf(line, sizeof(line), "add %s --model m", file);
	ck_assert_int_eq(run(line), CTL_NOT_PERMITTED);
	served(pid);
	ck_assert_str_eq(out_text, "");
	ck_assert_msg(strstr(err_text, "for administrators") != NULL, "%s", err_text);
}
END_TEST

START_TEST(test_remove)
{
	pid_t pid = serve("{\"verb\":\"driver-remove\",\"model\":\"m\"}\n", NULL,
		"{\"ok\":false,\"code\":\"not-found\",\"error\":\"none was added\"}\n");

	ck_assert_int_eq(run("remove --model m"), CTL_NOT_FOUND);
	served(pid);
}
END_TEST

static pid_t serve_list(void)
{
	static char answer[512];

	(void)snprintf(answer, sizeof(answer),
		"{\"ok\":true,\"data\":{\"drivers\":[{\"printer\":\"p\",\"driver\":\"manual\","
		"\"sha256\":\"0123456789abcdef\",\"size\":7,\"source\":\"by hand\","
		"\"path\":\"%s/ab.ppd.gz\"}],\"manual\":[{\"model\":\"Acme\\u0007\","
		"\"make_model\":\"Acme 1\"}]}}\n",
		folder);
	return serve("{\"verb\":\"driver-list\"}\n", NULL, answer);
}

START_TEST(test_list)
{
	pid_t pid = serve_list();

	ck_assert_int_eq(run("list"), CTL_OK);
	served(pid);
	ck_assert_msg(strstr(out_text, "0123456789ab ") != NULL, "%s", out_text);
	ck_assert_msg(strstr(out_text, "for each Acme\\x07: Acme 1\n") != NULL, "%s", out_text);
}
END_TEST

/* A record is shown escaped; one that is no JSON, or not there, is named. */
static const struct {
	const char *text;
	int code;
	const char *says;
} records[] = {
	{"{\"dropped\":1,\"left_out\":[{\"line\":9,\"keyword\":\"cups\\u001b[2J\",\"reason\":"
	 "\"a program\\nline 1\"}]}",
		CTL_OK, "left out: 1 statements\n  line 9: *cups\\x1b[2J: a program\\x0aline 1\n"},
	{"{\"dropped\":0,\"left_out\":[]}", CTL_OK, "left out: 0 statements\n"},
	{"{\"dropped\":1,\"left_out\":[7,{}]}", CTL_OK, "left out: 1 statements\n"},
	{"{\"dropped\":1", CTL_FAILED, "ab.json cannot be read"},
	{NULL, CTL_FAILED, "ab.json cannot be read"},
};

START_TEST(test_diff)
{
	pid_t pid = serve_list();

	if (records[_i].text)
		write_file(record, records[_i].text);
	ck_assert_int_eq(run("show p --diff"), records[_i].code);
	served(pid);
	ck_assert_msg(
		strstr(records[_i].code == CTL_OK ? out_text : err_text, records[_i].says) != NULL,
		"%s%s", out_text, err_text);
}
END_TEST

START_TEST(test_show_nobody)
{
	pid_t pid = serve_list();

	ck_assert_int_eq(run("show q"), CTL_NOT_FOUND);
	served(pid);
	ck_assert_msg(strstr(err_text, "no printer q") != NULL, "%s", err_text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl-driver");
	TCase *tc = tcase_create("ctl-driver");
	SRunner *runner;
	int failed;

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, test_add);
	tcase_add_test(tc, test_add_refused);
	tcase_add_test(tc, test_remove);
	tcase_add_test(tc, test_list);
	tcase_add_loop_test(tc, test_diff, 0, sizeof(records) / sizeof(records[0]));
	tcase_add_test(tc, test_show_nobody);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
