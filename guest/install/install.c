/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One package into this machine, by the package manager that is here.
 *
 * Nothing of the package is read but to hash it once more. The package manager runs beside us and
 * not below us where systemd is: platen-agent may write next to nothing and has little memory, and
 * what it starts shares that, so systemd is asked to start it. What it says goes into the log, with
 * a bound; its last complaint is what an admin is told.
 */
#include "guest/install/install.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define ARGV_MAX      64
#define LINES_MAX     200 /* of the package manager's words in the log */
#define REBOOT_NEEDED "/run/reboot-required"
#define STRING(n)     STRING_OF(n)
#define STRING_OF(n)  #n

/* How each package manager is told to install a file, without a question. */
static const struct {
	bool rpm;
	const char *argv[12]; /* the path comes behind */
} managers[] = {
	{false, {"/usr/bin/apt-get", "-q", "-y", "--no-install-recommends", "-o",
			"Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=60",
			"install"}},
	{true, {"/usr/bin/dnf", "-q", "-y", "--setopt=install_weak_deps=False", "install"}},
	{true, {"/usr/bin/zypper", "-q", "-n", "install", "--no-recommends"}},
	{true, {"/usr/bin/rpm", "-U"}},
};

/* What a program has said. */
struct words {
	char last[MESSAGE_SIZE];     /* its last complaint, else its last line */
	char packages[MESSAGE_SIZE]; /* of lines such as "  * kernel" */
	bool reboot;		     /* it spoke of one */
};

struct argv {
	const char *argv[ARGV_MAX];
	int count;
};

static void add(struct argv *argv, const char *word)
{
	if (argv->count < ARGV_MAX - 1)
		argv->argv[argv->count++] = word;
}

static int fail(struct install_result *result, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct install_result *result, int error, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	text_copy_line(result->text, sizeof(result->text), text);
	result->error = error;
	return error;
}

static int check_hash(const struct install_request *request, struct install_result *result)
{
	_cleanup_close_ int fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	static uint8_t piece[65536];
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	ssize_t n;

	if (fd < 0)
		return fail(result, -errno, "%s: %s", request->path, strerror(errno));
	sha256_init(&sha);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		sha256_update(&sha, (size_t)n, piece);
	sha256_digest(&sha, sizeof(digest), digest);
	if (n < 0 || memcmp(digest, request->sha256, sizeof(digest)) != 0)
		return fail(result, -EBADMSG, "%s is not what the host offered", request->path);
	return 0;
}

/* The words that install `path`. False: nothing here can. */
static bool manager_words(const struct install_request *request, struct argv *argv)
{
	if (request->manager[0]) {
		add(argv, request->manager);
		add(argv, request->path);
		return true;
	}
	for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
		if (managers[i].rpm != (request->rpm != 0) || access(managers[i].argv[0], X_OK) < 0)
			continue;
		for (size_t j = 0; managers[i].argv[j]; j++)
			add(argv, managers[i].argv[j]);
		add(argv, request->path);
		return true;
	}
	return false;
}

/* Where systemd runs, it starts the package manager for us. An RPM's scripts may change to a domain
 * of SELinux's, which is a new privilege. */
static void add_start(struct argv *argv, bool rpm)
{
	static const char *const words[] = {"/usr/bin/systemd-run", "--quiet", "--wait", "--pipe",
		"--collect", "--service-type=exec", "--description=A printer driver for Platen",
		"--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8",
		("--property=RuntimeMaxSec=" STRING(INSTALL_SECONDS)),
		("--property=LimitCPU=" STRING(INSTALL_SECONDS)),
		("--property=LimitFSIZE=" STRING(INSTALL_FILE_MAX)), "--property=LimitCORE=0",
		"--property=TasksMax=1024", "--property=UMask=0022", "--property=PrivateTmp=yes",
		"--property=SystemCallFilter=~@clock @cpu-emulation @debug @module @raw-io "
		"@reboot @swap",
		"--property=SystemCallErrorNumber=EPERM"};

	if (geteuid() != 0 || access("/run/systemd/system", F_OK) < 0 || access(words[0], X_OK) < 0)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(argv, words[i]);
	if (!rpm)
		add(argv, "--property=NoNewPrivileges=yes");
}

static void child(const struct argv *argv, int out)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", NULL};
	int r = install_limit_child(out);

	if (r < 0)
		(void)dprintf(STDERR_FILENO, "it cannot be limited: %s\n", strerror(-r));
	else
		(void)execve(argv->argv[0], (char *const *)(uintptr_t)argv->argv,
			(char *const *)(uintptr_t)environment);
	_exit(127);
}

static volatile sig_atomic_t running; /* the package manager's process group, 0: none */

/* It has taken too long. */
static void on_alarm(int number)
{
	static volatile sig_atomic_t asked;

	(void)number;
	if (running)
		(void)kill(-running, asked ? SIGKILL : SIGTERM);
	asked = 1;
	(void)alarm(10);
}

static void note(struct words *words, const char *line)
{
	size_t used = strlen(words->packages);
	const char *item = line + strspn(line, " ");

	words->reboot |= strcasestr(line, "reboot") != NULL;
	if (strncmp(item, "* ", 2) == 0 && used + strlen(item) + 2 < sizeof(words->packages))
		(void)snprintf(words->packages + used, sizeof(words->packages) - used, "%s%s",
			used ? ", " : "", item + 2);
}

/* Logs what is said, up to a bound, and notes it. */
static void listen_to(int fd, struct words *words)
{
	char line[MESSAGE_SIZE], shown[MESSAGE_SIZE * 2];
	FILE *out = fdopen(fd, "r");
	bool complained = false;
	int lines = 0;

	if (!out) {
		(void)close(fd);
		return;
	}
	while (fgets(line, sizeof(line), out)) {
		bool complaint = strncmp(line, "E: ", 3) == 0 || strncmp(line, "Error", 5) == 0 ||
				 strncmp(line, "error:", 6) == 0 || strstr(line, "Depends:");

		line[strcspn(line, "\r\n")] = '\0';
		if (!line[strspn(line, " ")])
			continue;
		if (lines++ < LINES_MAX)
			log_line(LOG_INFO, NULL, "%s", text_escape(line, shown, sizeof(shown)));
		note(words, line);
		if (complained && !complaint)
			continue;
		if (!complained || !strstr(words->last, "Depends:"))
			text_copy_line(words->last, sizeof(words->last), line + strspn(line, " "));
		complained |= complaint;
	}
	(void)fclose(out);
}

/* Runs it to its end. Returns its wait status, or -errno. */
static int run(const struct argv *argv, struct words *words)
{
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(argv, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return -EAGAIN;
	}
	running = pid;
	(void)signal(SIGALRM, on_alarm); /* calls begin again behind it */
	(void)alarm(INSTALL_SECONDS);
	listen_to(fds[0], words);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	running = 0;
	(void)alarm(0);
	return status;
}

/* When the system last said that it is to be restarted; 0: it does not. */
static int64_t reboot_time(void)
{
	struct stat st;

	return stat(REBOOT_NEEDED, &st) < 0 ? 0
					    : st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
}

/* What `needs-restarting -r` says: it ends with status 1 when the system is to be restarted, and it
 * also does when it fails, so it must have said the word as well. 1, 0 or -errno. */
static int needs_restarting(const char *program, struct words *words)
{
	struct argv argv = {0};
	int status;

	if (access(program, X_OK) < 0)
		return 0;
	add_start(&argv, true);
	add(&argv, program);
	add(&argv, "-r");
	status = run(&argv, words);
	if (status < 0)
		return status;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 1 && words->reboot ? 1 : -EIO;
}

void install_ask_reboot(const struct install_request *request, struct install_result *result)
{
	struct words words = {0};
	int r = needs_restarting(request->path, &words);

	*result =
		(struct install_result){.head = {.type = INSTALL_RESULT, .size = sizeof(*result)}};
	if (r == -EIO)
		(void)fail(result, r, "%s says: %.400s", request->path,
			words.last[0] ? words.last : "nothing, and failed");
	else if (r < 0)
		(void)fail(result, r, "%s: %s", request->path, strerror(-r));
	result->reboot = r > 0;
	if (r > 0)
		text_copy_line(result->text, sizeof(result->text), words.packages);
}

void install_package(const struct install_request *request, struct install_result *result)
{
	int64_t reboot = reboot_time();
	struct words words = {0}, reasons = {0};
	struct argv argv = {0};
	int status;

	*result =
		(struct install_result){.head = {.type = INSTALL_RESULT, .size = sizeof(*result)}};
	if (check_hash(request, result) < 0)
		return;
	add_start(&argv, request->rpm);
	if (!manager_words(request, &argv)) {
		(void)fail(result, -ENOENT, "this workspace has no package manager for %s files",
			request->rpm ? ".rpm" : ".deb");
		return;
	}
	status = run(&argv, &words);
	if (status < 0)
		(void)fail(result, status, "%s: %s", argv.argv[0], strerror(-status));
	else if (status != 0)
		(void)fail(result, -EIO, "the workspace's package manager says: %.400s",
			words.last[0] ? words.last : "nothing, and failed");
	else
		result->reboot =
			reboot_time() != reboot ||
			(request->rpm && needs_restarting(request->needs_restarting, &reasons) > 0);
}
