/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platenctl's exit codes, and what it makes of every kind of answer, whole, cut or wrong.
 *
 * The other end is a process that answers one connection with given bytes: what platend's own
 * answers look like is tested with platend itself (tests/integration).
 */
#include <check.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/ctl/ctl.h"
#include "proto/base/cleanup.h"

static char folder[64], path[96];
static char *out_text, *err_text; /* what the last run wrote */

static void setup(void)
{
	strcpy(folder, "/tmp/platen-ctl-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/control", folder);
	ck_assert_int_eq(setenv(CTL_SOCKET_ENV, path, 1), 0);
}

static void teardown(void)
{
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
	(void)unlink(path);
	(void)rmdir(folder);
}

/* Answers one connection with these bytes, and checks what was asked, in a process of its own. */
static pid_t serve(const char *want, const char *bytes, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char request[8192];
	size_t used = 0;
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
	while (used < sizeof(request) - 1) {
		ssize_t n = recv(fd, request + used, sizeof(request) - 1 - used, 0);

		if (n <= 0 || request[used + (size_t)n - 1] == '\n') {
			used += n > 0 ? (size_t)n : 0;
			break;
		}
		used += (size_t)n;
	}
	request[used] = '\0';
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		bytes += n;
		size -= (size_t)n;
	}
	_exit(want && strcmp(request, want) != 0);
}

static char *read_back(FILE *file)
{
	char *text = NULL;
	size_t size = 0;

	rewind(file);
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	(void)fclose(file);
	return text;
}

/* Runs platenctl with its output caught. `line` is split at blanks. */
static int run(const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), argc = 1, code;
	char *argv[16] = {"platenctl"};
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
	const char *line;
	int code;
	const char *says;
} lines[] = {
	{"", CTL_USAGE, "Usage: platenctl"},
	{"paper", CTL_USAGE, "no verb paper"},
	{"\033[2J", CTL_USAGE, "no verb \\x1b[2J"},
	{"--paper status", CTL_USAGE, "--paper: no such option"},
	{"status -p", CTL_USAGE, "-p: no such option"},
	{"status --socket", CTL_USAGE, "--socket: wants a value"},
	/* Each verb's operands: one too few, one too many. */
	{"status x", CTL_USAGE, "status wants"},
	{"workspaces x", CTL_USAGE, "workspaces wants"},
	{"printers x y", CTL_USAGE, "printers wants"},
	{"jobs x y", CTL_USAGE, "jobs wants"},
	{"jobs --limit 0", CTL_USAGE, "--limit wants a number"},
	{"jobs --limit 5x", CTL_USAGE, "--limit wants a number"},
	{"job", CTL_USAGE, "job wants"},
	{"job print box 1234", CTL_USAGE, "job wants"},
	{"job retry box", CTL_USAGE, "job wants"},
	{"job retry --printed box 1234", CTL_USAGE, "job wants"},
	{"attach", CTL_USAGE, "attach wants one DOMAIN"},
	{"attach x y", CTL_USAGE, "attach wants one DOMAIN"},
	{"attach x --vsock --virtio", CTL_USAGE, "either --virtio or --vsock"},
	{"detach", CTL_USAGE, "detach wants WORKSPACE"},
	{"doctor x y", CTL_USAGE, "doctor wants"},
	{"explain x", CTL_USAGE, "explain wants PRINTER WORKSPACE"},
	{"explain x y z", CTL_USAGE, "explain wants"},
	/* A mode of whom? */
	{"mode off", CTL_USAGE, "whose mode?"},
	{"mode x printers", CTL_USAGE, "one of off, network, all and unset"},
	{"mode --default x", CTL_USAGE, "one of off, network, all and unset"},
	{"mode x off y", CTL_USAGE, "mode wants nothing more"},
	/* Nobody there: which socket, and what to do. */
	{"status", CTL_NOT_RUNNING, "systemctl status platend"},
	{"--socket /nowhere/control jobs", CTL_NOT_RUNNING, "nobody listens at /nowhere/control"},
	{"jobs --socket /nowhere/control", CTL_NOT_RUNNING, "nobody listens at /nowhere/control"},
	{"status --socket "
	 "/a-path-that-is-much-longer-than-the-one-hundred-and-seven-bytes-that-the-name-of-a-unix-"
	 "socket-can-have/control",
		CTL_USAGE, "at most 107 bytes"},
};

START_TEST(test_line)
{
	ck_assert_int_eq(run(lines[_i].line), lines[_i].code);
	ck_assert_msg(strstr(err_text, lines[_i].says) != NULL, "%s", err_text);
	ck_assert_str_eq(out_text, "");
}
END_TEST

/* Help of everything, and of each verb, names each verb; both work without platend. */
START_TEST(test_help)
{
	char line[64];

	for (const struct verb *verb = ctl_verbs; verb->name; verb++) {
		(void)snprintf(line, sizeof(line), "%s --help", verb->name);
		ck_assert_int_eq(run(line), CTL_OK);
		ck_assert_ptr_nonnull(strstr(out_text, verb->arguments));
		ck_assert_int_eq(run("-h"), CTL_OK);
		ck_assert_ptr_nonnull(strstr(out_text, verb->name));
		ck_assert_ptr_nonnull(strstr(out_text, verb->description));
	}
	ck_assert_int_eq(run("--version"), CTL_OK);
	ck_assert_str_eq(out_text, "platenctl " PLATEN_VERSION "\n");
}
END_TEST

/* What platenctl sends for each form of each verb. */
static const struct {
	const char *line, *request;
} requests[] = {
	{"status", "{\"verb\":\"status\"}\n"},
	{"workspaces", "{\"verb\":\"workspaces\"}\n"},
	{"printers", "{\"verb\":\"printers\"}\n"},
	{"printers B\xc3\xbcro", "{\"verb\":\"printers\",\"workspace\":\"B\\u00FCro\"}\n"},
	{"jobs", "{\"verb\":\"jobs\",\"all\":false}\n"},
	{"jobs --all", "{\"verb\":\"jobs\",\"all\":true}\n"},
	{"jobs box --limit 5 --all",
		"{\"verb\":\"jobs\",\"all\":true,\"workspace\":\"box\",\"limit\":5}\n"},
	{"job retry box 1234/2", "{\"verb\":\"job\",\"action\":\"retry\",\"workspace\":\"box\","
				 "\"job\":\"1234/2\",\"printed\":false}\n"},
	{"job forget box 1234 --printed",
		"{\"verb\":\"job\",\"action\":\"forget\",\"workspace\":\"box\","
		"\"job\":\"1234\",\"printed\":true}\n"},
	{"mode", "{\"verb\":\"mode\",\"workspace\":null,\"mode\":null}\n"},
	{"mode --default", "{\"verb\":\"mode\",\"workspace\":null,\"mode\":null}\n"},
	{"mode --default all", "{\"verb\":\"mode\",\"workspace\":null,\"mode\":\"all\"}\n"},
	{"mode --default unset", "{\"verb\":\"mode\",\"workspace\":null,\"mode\":\"unset\"}\n"},
	{"mode w", "{\"verb\":\"mode\",\"workspace\":\"w\",\"mode\":null}\n"},
	{"mode w off", "{\"verb\":\"mode\",\"workspace\":\"w\",\"mode\":\"off\"}\n"},
	{"mode w unset", "{\"verb\":\"mode\",\"workspace\":\"w\",\"mode\":\"unset\"}\n"},
	{"rendering p", "{\"verb\":\"rendering\",\"printer\":\"p\"}\n"},
	{"rendering p guest",
		"{\"verb\":\"rendering\",\"printer\":\"p\",\"rendering\":\"guest\"}\n"},
	{"driver package list", "{\"verb\":\"package-list\"}\n"},
	{"driver package remove --printer p", "{\"verb\":\"package-remove\",\"printer\":\"p\"}\n"},
	{"driver package add /dev/null --printer p --restart spooler",
		"{\"verb\":\"package-add\",\"printer\":\"p\",\"name\":\"null\","
		"\"restart\":\"spooler\"}\n"},
	{"attach w", "{\"verb\":\"attach\",\"workspace\":\"w\",\"device\":\"virtio\"}\n"},
	{"attach --vsock w", "{\"verb\":\"attach\",\"workspace\":\"w\",\"device\":\"vsock\"}\n"},
	{"detach w", "{\"verb\":\"detach\",\"workspace\":\"w\"}\n"},
	{"doctor", "{\"verb\":\"doctor\"}\n"},
	{"doctor w", "{\"verb\":\"doctor\",\"workspace\":\"w\"}\n"},
	{"explain p w", "{\"verb\":\"explain\",\"printer\":\"p\",\"workspace\":\"w\"}\n"},
};

START_TEST(test_request)
{
	static const char answer[] = "{\"ok\":true,\"data\":{}}\n";
	pid_t pid = serve(requests[_i].request, answer, strlen(answer));
	int status;

	(void)run(requests[_i].line);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", requests[_i].line);
}
END_TEST

/* What an answer leads to. */
static const struct {
	const char *line, *answer;
	int code;
	const char *says; /* on stderr if it is a fault, else on stdout */
} answers[] = {
	/* Each code of the control protocol, with its hint; an unknown one; none. */
	{"status", "{\"ok\":false,\"code\":\"bad-request\",\"error\":\"e\"}\n", CTL_USAGE,
		"platenctl: e\n"},
	{"status", "{\"ok\":false,\"code\":\"not-permitted\",\"error\":\"e\",\"hint\":\"h\"}\n",
		CTL_NOT_PERMITTED, "platenctl: e\n  h\n"},
	{"status", "{\"ok\":false,\"code\":\"not-found\",\"error\":\"e\"}\n", CTL_NOT_FOUND, "e"},
	{"status", "{\"ok\":false,\"code\":\"unavailable\",\"error\":\"e\"}\n", CTL_UNAVAILABLE,
		"e"},
	{"status", "{\"ok\":false,\"code\":\"timeout\",\"error\":\"e\"}\n", CTL_UNAVAILABLE, "e"},
	{"status", "{\"ok\":false,\"code\":\"failed\",\"error\":\"e\"}\n", CTL_FAILED, "e"},
	{"status", "{\"ok\":false,\"code\":\"on-fire\",\"error\":\"e\"}\n", CTL_FAILED, "e"},
	{"status", "{\"ok\":false}\n", CTL_FAILED, "says no, and not why"},
	/* Text of an error is escaped. */
	{"status", "{\"ok\":false,\"error\":\"a\\u001b[2J\",\"hint\":\"b\\nc\"}\n", CTL_FAILED,
		"a\\x1b[2J\n  b\\x0ac\n"},
	/* No answer, half an answer, no JSON, no object, neither answer nor progress. */
	{"status", "", CTL_UNAVAILABLE, "without an answer"},
	{"status", "{\"ok\":true", CTL_FAILED, "no JSON object on a line"},
	{"status", "<html>\n", CTL_FAILED, "no JSON object on a line"},
	{"status", "[1]\n", CTL_FAILED, "no JSON object on a line"},
	{"status", "{}\n", CTL_FAILED, "no JSON object on a line"},
	/* Progress comes first, on stderr. */
	{"attach w",
		"{\"progress\":\"one\"}\n{\"progress\":\"two\"}\n"
		"{\"ok\":false,\"code\":\"failed\",\"error\":\"e\"}\n",
		CTL_FAILED, "one\ntwo\nplatenctl: e\n"},
	{"attach w",
		"{\"progress\":\"one\"}\n{\"ok\":true,\"data\":{\"text\":\"done\",\"live\":true}}"
		"\n",
		CTL_OK, "w: done\n"},
	{"attach w", "{\"progress\":\"one\"}\n", CTL_UNAVAILABLE, "without an answer"},
	{"detach w", "{\"ok\":true,\"data\":{\"text\":\"done\",\"live\":false}}\n", CTL_OK,
		"w: done\n"},
	/* Data of another version: members are missing or of another type. */
	{"status", "{\"ok\":true}\n", CTL_OK, "libvirt"},
	{"status", "{\"ok\":true,\"data\":[1]}\n", CTL_OK, "libvirt"},
	{"status", "{\"ok\":true,\"data\":{\"faults\":[1],\"counts\":7}}\n", CTL_OK, "fault"},
	{"printers", "{\"ok\":true,\"data\":{\"printers\":[7,{}]}}\n", CTL_OK, "NAME"},
	{"workspaces", "{\"ok\":true,\"data\":{\"workspaces\":{}}}\n", CTL_OK, "no workspaces"},
	{"jobs", "{\"ok\":true,\"data\":{\"jobs\":[{\"size\":-1,\"opened\":-1}]}}\n", CTL_OK,
		"JOB"},
	{"jobs --all", "{\"ok\":true,\"data\":{\"jobs\":[]}}\n", CTL_OK, "no jobs\n"},
	/* Doctor and explain answer with their exit code too. */
	{"doctor", "{\"ok\":true,\"data\":{\"checks\":[{\"state\":\"ok\"}]}}\n", CTL_OK,
		"no faults"},
	{"doctor",
		"{\"ok\":true,\"data\":{\"checks\":[{\"state\":\"fault\",\"fix\":\"mend "
		"it\"}]}}\n",
		CTL_NO, "    mend it\n\n1 fault\n"},
	{"doctor --json", "{\"ok\":true,\"data\":{\"checks\":[{\"state\":\"fault\"}]}}\n", CTL_NO,
		"\"fault\""},
	{"explain p w",
		"{\"ok\":true,\"data\":{\"offered\":true,\"steps\":[{\"state\":\"ok\"}]}}\n",
		CTL_OK, "is offered"},
	{"explain p w",
		"{\"ok\":true,\"data\":{\"offered\":true,\"steps\":[{\"state\":\"no\"}]}}\n",
		CTL_NO, "is offered"},
	{"explain p w", "{\"ok\":true,\"data\":{\"offered\":false,\"fix\":\"f\"}}\n", CTL_NO,
		"What to do: f\n"},
	/* JSON is the data as it came, in ASCII. */
	{"status --json", "{\"ok\":true,\"data\":{\"host\":\"\xc3\xbc\\u001b\"}}\n", CTL_OK,
		"{\n  \"host\": \"\\u00FC\\u001B\"\n}\n"},
};

START_TEST(test_answer)
{
	pid_t pid = serve(NULL, answers[_i].answer, strlen(answers[_i].answer));
	const char *text;

	ck_assert_int_eq(run(answers[_i].line), answers[_i].code);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	text = answers[_i].code > CTL_NO ? err_text : out_text;
	ck_assert_msg(strstr(text, answers[_i].says) != NULL, "%s", text);
	ck_assert_msg(!strchr(out_text, '\033') && !strchr(err_text, '\033'), "an escape got out");
	if (answers[_i].code > CTL_NO)
		ck_assert_str_eq(out_text, "");
}
END_TEST

/* An answer of many megabytes, and a request that is too long for platend. */
START_TEST(test_large)
{
	size_t rows = 20000, size = 0;
	_cleanup_free_ char *text = malloc(rows * 128 + 256);
	_cleanup_free_ char *line = malloc(8192);
	pid_t pid;

	ck_assert(text && line);
	size = (size_t)sprintf(text, "{\"ok\":true,\"data\":{\"printers\":[{}");
	for (size_t i = 0; i < rows; i++)
		size += (size_t)sprintf(
			text + size, ",{\"name\":\"printer-%05zu\",\"state\":\"idle\"}", i);
	size += (size_t)sprintf(text + size, "]}}\n");
	pid = serve(NULL, text, size);
	ck_assert_int_eq(run("printers"), CTL_OK);
	ck_assert_ptr_nonnull(strstr(out_text, "printer-19999"));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);

	strcpy(line, "doctor ");
	memset(line + 7, 'x', 5000);
	line[5007] = '\0';
	ck_assert_int_eq(run(line), CTL_USAGE);
	ck_assert_ptr_nonnull(strstr(err_text, "longer than 4096 bytes"));
	ck_assert_int_eq(run("doctor \xff\xfe"), CTL_USAGE);
	ck_assert_ptr_nonnull(strstr(err_text, "no UTF-8"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctl");
	TCase *tc = tcase_create("ctl");
	SRunner *runner;
	int failed;

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, test_help);
	tcase_add_loop_test(tc, test_request, 0, sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(tc, test_answer, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tc, test_large);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
